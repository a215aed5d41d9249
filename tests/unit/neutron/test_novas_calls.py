"""The calls of Nova, in Nova's order (esi.lab.nova.neutron), against Neutron's face: what it reads there is there."""

from __future__ import annotations

from typing import Any

import pytest

from esi.lab.nova.neutron import OWNER, Plugging, Refused
from esi.model.resource import Ref
from unit.neutron.bench import Bench
from unit.services.desk import OTHER, TENANT

SERVER = "22222222-3333-4444-8555-666666666666"


class Through:
    """Nova's way to Neutron, as an administrator."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.calls: list[tuple[str, int]] = []

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        status, found, _ = await self._bench.ask(method, path, body, token="root")
        self.calls.append((f"{method} {path.partition('?')[0]}", status))
        return status, found


@pytest.fixture
def through(bench: Bench) -> Through:
    return Through(bench)


async def test_a_port_is_looked_at_bound_told_and_let_go(bench: Bench, through: Through) -> None:
    port, nova = await bench.port(name="eth0"), Plugging(through)
    await bench.desk.done(Ref("port", port["id"]))
    looked = await nova.look(port["id"], TENANT, absent=404)
    assert looked["with_host"] is False
    await nova.bind(looked, SERVER)
    row = await bench.desk.row(Ref("port", port["id"]))
    assert (row["device_id"], row["device_owner"], row["attached"]) == (SERVER, OWNER, False)
    await bench.desk.done(row.ref)
    assert [event["name"] for event in await bench.desk.effects()] == ["network-vif-plugged"]
    (nic,) = await nova.refresh(SERVER, TENANT, [port["id"]])
    assert (nic["network_name"], nic["mac_address"]) == ("n", port["mac_address"])
    assert [found["id"] for found in await nova.of(SERVER)] == [port["id"]]
    with pytest.raises(Refused, match="still in use"):
        await nova.look(port["id"], TENANT, absent=404)
    await nova.release(port["id"])
    await bench.desk.done(row.ref)
    assert await nova.of(SERVER) == []
    await nova.release(port["id"])
    assert {status for call, status in through.calls if not call.startswith("DELETE")} == {200}


async def test_ports_of_others_and_ports_that_are_not_there_are_refused(bench: Bench, through: Through) -> None:
    port = await bench.port()
    with pytest.raises(Refused, match="not usable"):
        await Plugging(through).look(port["id"], OTHER, absent=404)
    with pytest.raises(Refused, match="could not be found"):
        await Plugging(through).look(SERVER, TENANT, absent=404)


async def test_a_port_that_nova_makes_itself_belongs_to_the_tenant_it_names(bench: Bench, through: Through) -> None:
    assert (await through.ask("GET", f"/v2.0/quotas/{TENANT}.json"))[0] == 200
    wanted = {"device_id": SERVER, "network_id": bench.desk.network.id, "admin_state_up": True, "tenant_id": TENANT}
    status, made = await through.ask("POST", "/v2.0/ports.json", {"port": wanted})
    assert (status, made["port"]["tenant_id"], made["port"]["device_id"]) == (201, TENANT, SERVER)
    unbound: dict[str, Any] = {"binding:host_id": None, "device_id": "", "device_owner": "", "binding:profile": {}}
    path = f"/v2.0/ports/{made['port']['id']}.json"
    assert (await through.ask("PUT", path, {"port": unbound}))[1]["port"]["device_id"] == ""
