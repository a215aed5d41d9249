"""docs/howto/add-a-service.md: the service of the page, from its files, on a simulated ring; and what a slip is told.

Its commands run on real processes in e2e/test_add_a_service.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from esi.bootstrap.services import load_services
from esi.errors import ConfigError, Conflict, Invalid
from esi.testing import chain
from esi.testing.loop import run
from esi.testing.ring import World
from scenarios.added_service import blocks, write_services

SCHEMA, TEMPLATE = "ntp/schemas/ntp_server.yaml", "ntp/templates/ntp_server.yaml"
CLOCK = chain.Wish(
    "ntp_server",
    "00000000-0000-4000-8000-000000000099",
    {"ha_router_id": chain.PAIR, "address": "192.0.2.123", "tenant_id": chain.TENANT},
)


def test_the_test_on_the_page_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_services(tmp_path)
    monkeypatch.chdir(tmp_path)
    (source,) = blocks("python")
    names: dict[str, Any] = {}
    exec(source, names)
    tests: list[Callable[[], None]] = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 1
    tests[0]()


@pytest.mark.parametrize("flow", ["2017", "2018"])
def test_both_routers_follow_a_change(flow: str, tmp_path: Path) -> None:
    async def play() -> None:
        world = World(load_services(flow, own=str(write_services(tmp_path))))

        def lines() -> list[list[str]]:
            texts = [router.running_text() for router in world.routers.values()]
            return [[line.strip() for line in text.splitlines() if " server 192" in line] for text in texts]

        async def scenario() -> None:
            for wish in [*chain.prerequisites()[:3], CLOCK]:
                await world.ask(wish)
                await world.until_status(wish, "ACTIVE")
            assert lines() == [["server 192.0.2.123;"]] * 2
            with pytest.raises(Conflict, match=r"address '192\.0\.2\.123' is taken"):
                await world.ask(CLOCK._replace(id=CLOCK.id[:-1] + "8"))
            with pytest.raises(Invalid, match="is not a"):
                await world.ask(CLOCK._replace(id=CLOCK.id[:-1] + "8", body={**CLOCK.body, "address": "1; system"}))
            await world.ask(CLOCK._replace(body={**CLOCK.body, "address": "192.0.2.124"}))
            await world.until_status(CLOCK, "ACTIVE")
            assert lines() == [["server 192.0.2.124;"]] * 2
            with pytest.raises(Conflict, match="in use by ntp_server"):
                await world.delete(chain.Wish("ha_router", chain.PAIR, {}))
            await world.delete(CLOCK)
            await world.until_gone(CLOCK)
            assert lines() == [[], []]

        await world.run(scenario())
        await world.store.close()

    run(play())


SLIPS: dict[str, tuple[str, str, str, str]] = {
    "a tab": (TEMPLATE, "handler:", "\thandler:", "ntp_server.yaml:2: not YAML"),
    "an id of its own": (TEMPLATE, "id: ntp_server", "id: ntp", "must be an object whose id is 'ntp_server'"),
    "the id of a shipped one": (SCHEMA, "- id: ntp_server", "- id: ha_router", "schema 'ha_router' already stands at"),
    "a relation to nowhere": (SCHEMA, "relation: ha_router", "relation: ha_routr",
                              ":2: schema 'ntp_server': property 'ha_router_id' refers to 'ha_routr', which is no"),
    "an unknown mix-in": (SCHEMA, "stateful", "statefull", ":2: extends 'statefull', which is no abstract schema"),
    "a rule that is none": (SCHEMA, "rule: default", "rule: good", "rule 'good' is not known; rules are"),
    "a template that is not there": (SCHEMA, "Cntp_server", "Cntp_servr",
        ":2: schema 'ntp_server': metadata.template_path.heat_worker chooses 'ntp_servr', which is no template: add "
        "templates/ntp_servr.yaml"),
    "a template that nobody chooses": (SCHEMA, "      template_path: {heat_worker: Cntp_server}\n", "",
        "ntp_server.yaml: no schema chooses it: name it in metadata.template_path, as heat_worker: Cntp_server"),
    "a template without its letter": (SCHEMA, "Cntp_server", "ntp_server",
        "metadata.template_path.heat_worker: template_path: unknown mapping 'ntp_server'"),
    "an unknown worker in the schema": (SCHEMA, "heat_worker", "heatworker",
        "template_path.heatworker is no handler; known: heat_worker, monitoring_worker"),
    "an unknown worker": (TEMPLATE, "handler: heat_worker", "handler: heat", "needs a handler (heat_worker or"),
    "another worker": (TEMPLATE, "handler: heat_worker", "handler: monitoring_worker",
                       "handler is 'monitoring_worker', but schema 'ntp_server' chooses it for 'heat_worker'"),
    "an unknown key": (TEMPLATE, "watch: []", "wach: []", "unknown key 'wach'; known: id, handler, watch"),
    "a mapping of no property": (TEMPLATE, "{field: address}", "{field: adress}",
        "ntp_server.yaml: parameter_mappings.address: ntp_server has no property 'adress'; it has id, name"),
    "a mapping to no property": (TEMPLATE, "primary_ip: {field: ip,", "primary_ip: {field: adr,",
        "parameter_mappings.primary_ip: edge_router has no property 'adr'; it has id, name"),
    "a path to nowhere": (TEMPLATE, "[ha_router_id, primary_router_id]", "[ha_router_id, router_id]",
                          "parameter_mappings.primary_ip.path[1]: ha_router.router_id refers to nothing"),
    "a mapping too many": (TEMPLATE, "  address: {field: address}", "  address: {field: address}\n  colour: Cred",
                           "parameter_mappings.colour: template_file declares no such parameter; it declares address"),
    "a mapping too few": (TEMPLATE, "  address: {field: address}\n", "",
                          "template_file: parameters.address has no default, and no entry in parameter_mappings"),
    "a parameter that nobody declares": (TEMPLATE, "name: {get_param: address}", "name: {get_param: adress}",
                                         "template_file: resources.ntp_primary.properties.configs"),
    "Jinja that does not end": (TEMPLATE, "  {%- endfor %}\n  resources:", "  resources:", "template_file line"),
    "HOT that is no YAML": (TEMPLATE, "address: {type: string}", "address: {type: string", "template_file: "),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_told_at_load_with_its_place(slip: str, tmp_path: Path) -> None:
    folder = write_services(tmp_path)
    name, old, new, said = SLIPS[slip]
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_services("2018", own=str(folder))
    faults = caught.value.faults
    assert any(said in fault for fault in faults), faults
    assert all(fault.startswith(str(folder)) for fault in faults), faults


def test_folders_that_are_no_services_are_told(tmp_path: Path) -> None:
    def faults(place: Path) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load_services("2018", own=str(place))
        return caught.value.faults

    assert faults(tmp_path / "none") == [f"ring.services: {tmp_path}/none is no folder"]
    assert "holds no service" in faults(tmp_path)[0]
    assert "has no folder schemas" in faults(write_services(tmp_path) / "ntp")[0]
    (tmp_path / "services/ntp/hooks.py").write_text("")
    assert "hooks.py is Python: services of your own are data" in faults(tmp_path / "services")[0]


def test_a_name_that_a_shipped_template_has_is_refused(tmp_path: Path) -> None:
    folder = write_services(tmp_path)
    shipped = folder / "ntp/templates/vpn_gateway.yaml"
    shipped.write_text((folder / TEMPLATE).read_text().replace("id: ntp_server", "id: vpn_gateway", 1))
    with pytest.raises(ConfigError, match="a template 'vpn_gateway' already stands in"):
        load_services("2018", own=str(folder))
