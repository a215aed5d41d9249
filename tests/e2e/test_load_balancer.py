"""One load balancer on real processes, from its POST to nothing: what its tenant does with it, and what then stands.

Nova, Contrail and the appliance are asked as any of their clients would; names and values are those of the demo.
"""

from __future__ import annotations

import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, create_subprocess_exec
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.processes import ENVIRONMENT, PATIENCE_SECONDS, esi
from esi.cli.demo import balancer
from esi.cli.demo.clouds import appliance_rows, contrail_names, servers
from esi.cli.demo.stage import Put
from esi.client.resources import Body, Client
from esi.clock import SystemClock

pytestmark = pytest.mark.real

CLOCK = SystemClock()
BLUE, BLUE_SUBNET = "3f1d7b0a-6b0c-4d7f-9a3e-0d8f1f0f3c01", "3f1d7b0a-6b0c-4d7f-9a3e-0d8f1f0f3c02"
ABOVE = ("load_balancer", "load_balancer_interface", "load_balancer_conf", "vnf_interface", "vnf_instance")


class Tenant:
    """One user of the ring, and who looks behind it."""

    def __init__(self, client: Client, facts: dict[str, str], folder: Path, id: str = balancer.TENANT) -> None:
        self.client, self.facts, self.folder, self.id = client, facts, folder, id
        self.balancer = ""

    @property
    def request(self) -> Body:
        return balancer.REQUEST | {"tenant_id": self.id}

    async def active(self, schema: str, id: str) -> Body:
        return await self.client.wait(schema, id, at_most=PATIENCE_SECONDS)

    async def rows(self, schema: str) -> list[Body]:
        return (await self.client.list_all(schema)).rows

    async def prepare(self) -> None:
        own = (
            Put("network", BLUE, {"name": "blue", "plane": "data", "admin_state_up": True}),
            Put(
                *("subnet", BLUE_SUBNET),
                {"name": "blue", "network_id": BLUE, "cidr": "198.51.100.0/24", "ip_version": 4},
            ),
        )
        for item in (*(item for group in balancer.PREREQUISITES for item in group), *own):
            await self.client.put(item.schema, item.id, item.body | {"tenant_id": self.id})
            await self.active(item.schema, item.id)

    async def make(self) -> None:
        made = await self.client.create("load_balancer", self.request)
        self.balancer = str(made["id"])
        await self.active("load_balancer", self.balancer)
        await self.settled()

    async def settled(self) -> None:
        for schema in ABOVE:
            for row in await self.rows(schema):
                await self.active(schema, str(row["id"]))

    async def interface(self, slot: int) -> Body:
        return next(row for row in await self.rows("load_balancer_interface") if row["slot_number"] == slot)

    async def plug(self, slot: int, network: str | None) -> Body:
        id = str((await self.interface(slot))["id"])
        await self.client.set("load_balancer_interface", id, {"network_id": network})
        await self.active("load_balancer_interface", id)
        await self.settled()
        return await self.interface(slot)

    async def addresses(self) -> dict[str, list[str]]:
        """Of the one server, as Nova tells them."""
        [server] = await servers(self.facts["keystone"], CLOCK)
        assert server["status"] == "ACTIVE"
        return {net: [one["addr"] for one in found] for net, found in server["addresses"].items()}

    async def on_appliance(self, *kinds: str) -> dict[str, Any]:
        [url] = (await self.appliances()).values()
        return await appliance_rows(url, kinds, user=balancer.LOGIN, password=balancer.PASSWORD)

    async def appliances(self) -> dict[str, str]:
        command = [sys.executable, "-m", "esi", "lab", "list", "--folder", str(self.folder), "--json"]
        process = await create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=ENVIRONMENT)
        out, errors = await process.communicate()
        assert process.returncode == 0, errors
        return {one["ip"]: one["nitro"] for one in json.loads(out)["appliances"]}


async def test_a_load_balancer_lives_and_goes(tmp_path: Path, require: Callable[[str], Path]) -> None:
    require("etcd")
    ring = ("dev", "--folder", str(tmp_path / "ring"), "--port", "0", "--agent-port", "0", "--flow", "2018")
    async with esi(*ring) as (_, facts), Client(facts["api"], clock=CLOCK) as client:
        tenant = Tenant(client, facts, tmp_path / "ring")
        await tenant.prepare()
        await tenant.make()
        assert await tenant.addresses() == balancer.ADDRESSES
        await is_plugged_in_and_out(tenant)
        await logs_elsewhere(tenant)
        await is_restarted(tenant)
        await goes(tenant)


async def is_plugged_in_and_out(tenant: Tenant) -> None:
    """Into a network of the tenant: server, appliance and record follow; its other interfaces keep their addresses."""
    plugged = await tenant.plug(1, BLUE)
    assert (plugged["network_id"], plugged["ip_address"], plugged["status"]) == (BLUE, "198.51.100.3", "ACTIVE")
    elsewhere = {"adminpod-net": ["100.64.193.3"], "dummy-net": ["10.121.232.4"], "blue": ["198.51.100.3"]}
    assert await tenant.addresses() == elsewhere
    known = {row["ipaddress"] for row in (await tenant.on_appliance("nsip"))["nsip"]}
    assert "198.51.100.3" in known
    assert len([row for row in await tenant.rows("port") if row["network_id"] == BLUE]) == 2  # and its DHCP server's
    out = await tenant.plug(1, None)
    assert (out["network_id"], out["ip_address"]) == (None, None)
    assert "198.51.100.3" not in {row["ipaddress"] for row in (await tenant.on_appliance("nsip"))["nsip"]}
    assert "blue" not in await tenant.addresses()


async def logs_elsewhere(tenant: Tenant) -> None:
    body = {"name": "central", "ip_address": "198.51.100.77", "load_balancer_id": tenant.balancer}
    made = await tenant.client.create("load_balancer_syslog_server", body | {"tenant_id": balancer.TENANT})
    await tenant.active("load_balancer_syslog_server", str(made["id"]))
    there = await tenant.on_appliance("auditsyslogaction", "lbvserver", "service")
    [action], [server], [service] = there.values()
    assert (action["name"], service["ip"]) == ("central", "198.51.100.77")
    assert action["lbvservername"] == server["name"]
    await tenant.client.delete("load_balancer_syslog_server", str(made["id"]))
    await tenant.client.wait_gone("load_balancer_syslog_server", str(made["id"]), at_most=PATIENCE_SECONDS)
    assert not (await tenant.on_appliance("auditsyslogaction"))["auditsyslogaction"]


async def is_restarted(tenant: Tenant) -> None:
    before = await servers(tenant.facts["keystone"], CLOCK)
    [reboot] = [one for one in (await tenant.client.schema("load_balancer")).actions if one.id == "reboot"]
    await tenant.client.act("load_balancer", reboot, tenant.balancer, {"type": "HARD"})
    await tenant.settled()
    after = await servers(tenant.facts["keystone"], CLOCK)
    assert [row["id"] for row in after] == [row["id"] for row in before]


async def nothing() -> None:
    return None


async def goes(tenant: Tenant, *, before: Callable[[], Awaitable[None]] = nothing) -> None:
    """Nothing is left anywhere but the bills, which have ended; and the addresses are free again. `before` is done
    once the delete has been asked for.
    """
    below = [(schema, str(row["id"])) for schema in ABOVE for row in await tenant.rows(schema)]
    ports = [row for row in await tenant.rows("port") if row["device_owner"] != "network:dhcp"]
    below += [("port", str(row["id"])) for row in ports]
    await tenant.client.delete("load_balancer", tenant.balancer)
    await before()
    for schema, id in below:
        await tenant.client.wait_gone(schema, id, at_most=PATIENCE_SECONDS)
    assert {row["device_owner"] for row in await tenant.rows("port")} == {"network:dhcp"}
    assert await servers(tenant.facts["keystone"], CLOCK) == []
    contrail = await contrail_names(tenant.facts["cloud.contrail"], CLOCK)
    assert not any(contrail.values()), contrail
    assert await tenant.appliances() == {}
    bills = {(row["resource_type"], row["ended"] is not None) for row in await tenant.rows("billing_resource")}
    assert bills == {("network", False), ("load_balancer", True), ("load_balancer_plan", True)}
