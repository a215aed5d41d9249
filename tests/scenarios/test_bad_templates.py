"""A template that cannot be used, put by an administrator: whoever asks for a service then is told the place in it.

The whole ring in the simulation, spoken to through its API. What fails at the template has not touched a router, and
once the template is right an update brings the service up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from esi.api import Api
from esi.identity.tokens import TokenFile
from esi.testing import chain, invariants
from esi.testing.loop import run
from esi.testing.ring import World
from scenarios.served import BOB, TOKENS, rests, services, stage, token_file

GOOD: dict[str, Any] = next(dict(body) for body in services().templates if body["id"] == "vpn_gateway")
TEMPLATE, GATEWAYS = "/v2.0/heat_templates/vpn_gateway", "/v2.0/vpn_gateways"
ID = "00000000-0000-4000-8000-000000000031"
WISH = chain.Wish("vpn_gateway", ID, {**chain.gateway().body, "uplink_vlan_id": "300", "tenant_id": BOB})
FIRST = "resources.netconf_configure_primary"

pytestmark = pytest.mark.xdist_group("bad input")


def text(old: str, new: str) -> dict[str, Any]:
    """A change of the template: its first `old` exchanged."""
    assert old in GOOD["template_file"]
    return {"template_file": GOOD["template_file"].replace(old, new, 1)}


def mapping(name: str, raw: Any) -> dict[str, Any]:
    return {"parameter_mappings": {**GOOD["parameter_mappings"], name: raw}}


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "parameter nobody declares": (text("{get_param: {{ router }}_device_ip}", "{get_param: nobody}"),
                                  f"{FIRST}.properties.device_ip"),
    "unknown function": (text("{get_param: {{ router }}_device_ip}", "{get_magic: x}"),
                         f"{FIRST}.properties.device_ip"),
    "yaql": (text("{get_param: {{ router }}_device_ip}", "{yaql: {expression: $.x, data: {}}}"),
             f"{FIRST}.properties.device_ip"),
    "unknown resource": (text("{get_param: {{ router }}_device_ip}", "{get_resource: nobody}"),
                         f"{FIRST}.properties.device_ip"),
    "unknown resource type": (text("type: OS::Contrail::NetconfNamedConfigs", "type: OS::Magic"), f"{FIRST}.type"),
    "unknown property": (text("lock_timeout: 3000", "colour: red"), f"{FIRST}.properties.colour"),
    "required property missing": (text("device_ip: {get_param: {{ router }}_device_ip}", "{}: {}"), ""),
    "property of a wrong type": (text("lock_timeout: 3000", "lock_timeout: soon"), f"{FIRST}.properties.lock_timeout"),
    "property that cannot be done": (text("on_update: merge", "on_update: override"), f"{FIRST}.properties"),
    "unknown key of a resource": (text("    properties:\n", "    colour: red\n    properties:\n"),
                                  f"{FIRST}.colour"),
    "depends on nobody": (text("depends_on: netconf_configure_primary", "depends_on: nobody"),
                          "resources.netconf_configure_secondary.depends_on"),
    "circle": (text("lock_timeout: 3000", "lock_timeout: {get_attr: [netconf_configure_secondary, x]}"), "resources"),
    "unknown section": (text("resources:\n", "magic: {}\nresources:\n"), "magic"),
    "unknown version": (text("2013-05-23", "1999-01-01"), "heat_template_version"),
    "parameter that nobody gives": (text("parameters:\n", "parameters:\n  colour: {type: string}\n"),
                                    "parameters.colour"),
    "parameter of an unknown type": (text("type: number", "type: colour"), "parameters.primary_device_port.type"),
    "parameter that does not fit": (text("  vrf_name:\n    type: string", "  vrf_name:\n    type: number"),
                                    "parameters.vrf_name"),
    "parameter given, not declared": (mapping("colour", {"field": "name"}), "parameters.colour"),
    "mapping of an unknown field": (mapping("vrf_name", {"field": "name", "path": ["colour"]}), "vrf_name"),
    "mapping of an unknown kind": (mapping("vrf_name", {"magic": "name"}), "vrf_name"),
    "no YAML": (text("resources:\n", "resources: [\n"), "line"),
    "no map": ({"template_file": "- x"}, ""),
    "no text": ({"template_file": ""}, ""),
    "a key twice": (text("lock_timeout: 3000", "lock_timeout: 3000\n        lock_timeout: 2"), "line"),
    "million laughs": ({"template_file": "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True))},
        ""),
    "Jinja that does not parse": (text("{%- endfor %}", "{% magic %}"), "template_file line"),
    "Jinja with an unknown name": (text("lock_timeout: 3000", "lock_timeout: {{ nobody }}"), "template_file"),
    "Jinja that reaches inside": (text("lock_timeout: 3000", "lock_timeout: {{ ''.__class__.__mro__ }}"),
                                  "template_file"),
    "Jinja without an end": (text("lock_timeout: 3000", "{% for n in range(99999) %}{{ 'x' * 999 }}{% endfor %}"),
                             "template_file"),
    "configuration that breaks off": (text("CloudGW_vpn;", "CloudGW_vpn"), f"{FIRST}.properties"),
    "configuration with a brace too many": (text("vlan-id $vlan;", "vlan-id $vlan; }"), f"{FIRST}.properties"),
    "path without a tag": (text("tag: interfaces", 'tag: ""'), f"{FIRST}.properties"),
    "path with structure": (text("tag: interfaces", 'tag: "interfaces; system"'), f"{FIRST}.properties"),
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What came of a gateway that was asked for while the template was bad, and of its update when that was good."""

    shown: Mapping[str, Any]
    rpcs: int
    touched: bool
    updated: Mapping[str, Any]
    left: bool


class Talk:
    """The API of a world, spoken to as a server speaks to it."""

    def __init__(self, world: World, folder: Path) -> None:
        self._api = Api(world.lifecycle, TokenFile(token_file(folder)))

    async def ask(self, who: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"x-auth-token": TOKENS[who], "content-type": "application/json"}
        scope = {"type": "http", "method": method, "path": path, "query_string": b"",
                 "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}  # fmt: skip
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": json.dumps(body).encode()}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._api(scope, receive, send)
        text = b"".join(part.get("body", b"") for part in sent)
        return sent[0]["status"], json.loads(text) if text else None


async def suffer(world: World, talk: Talk, change: dict[str, Any]) -> Outcome:
    """Ask for a gateway under a bad template, then make the template good, update, delete."""
    before, rpcs = dict(invariants.configurations(world)), sum(world.driver.rpcs.values())
    assert (await talk.ask("root", "PATCH", TEMPLATE, change))[0] == 200
    await world.until(lambda: rests(world))
    assert (await talk.ask("bob", "PUT", f"{GATEWAYS}/{ID}", WISH.body))[0] == 201
    await world.until_status(WISH, "ERROR", "ACTIVE")
    await world.until(lambda: rests(world))
    status, shown = await talk.ask("bob", "GET", f"{GATEWAYS}/{ID}")
    assert status == 200
    asked, touched = sum(world.driver.rpcs.values()) - rpcs, dict(invariants.configurations(world)) != before
    assert (await talk.ask("root", "DELETE", TEMPLATE))[
        0
    ] == 204  # members of a mapping cannot be taken out by an update
    assert (await talk.ask("root", "PUT", TEMPLATE, GOOD))[0] == 201
    await world.until(lambda: rests(world))
    assert (await talk.ask("bob", "PATCH", f"{GATEWAYS}/{ID}", {"name": "again"}))[0] == 200
    updated = await world.until_status(WISH, "ERROR", "ACTIVE")
    assert (await talk.ask("bob", "DELETE", f"{GATEWAYS}/{ID}"))[0] == 204
    await world.until_gone(WISH)
    return Outcome(shown["vpn_gateway"], asked, touched, updated, dict(invariants.configurations(world)) != before)


async def suffer_all(folder: Path) -> dict[str, Outcome]:
    world, outcomes = World(services()), {}
    talk = Talk(world, folder)
    for name, (change, _path) in BAD.items():
        world.restore(stage())

        async def scenario(name: str = name, change: dict[str, Any] = change) -> None:
            outcomes[name] = await suffer(world, talk, change)

        await world.run(scenario())
    await world.store.close()
    return outcomes


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    stage()
    return run(suffer_all(tmp_path_factory.mktemp("templates")))


@pytest.mark.parametrize("name", BAD)
def test_a_bad_template(outcomes: dict[str, Outcome], name: str) -> None:
    outcome, path = outcomes[name], BAD[name][1]
    shown = outcome.shown
    assert (shown["status"], shown["orchestration_state"]) == ("ERROR", "CREATE_FAILED"), shown
    assert path in shown["status_reason"]
    assert re.fullmatch(r"[ -~→]{10,1000}", shown["status_reason"])
    assert (outcome.rpcs, outcome.touched) == (0, False)
    assert outcome.updated["status"] == "ACTIVE", outcome.updated.get("status_reason")
    assert not outcome.left
