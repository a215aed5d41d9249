"""The load balancer of the demo on a simulated ring: what stands before it, its life, and what clouds hold of it.

Nova, Glance and the appliance are the lab's, Contrail too; Nova asks this ring's own Neutron for ports.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cache
from typing import Any

from esi.bootstrap.services import Services, load_services
from esi.cli.demo import balancer
from esi.cli.demo.balancer_story import MADE
from esi.identity import SYSTEM
from esi.lab.netscaler import Netscaler
from esi.model.resource import Body, Ref
from esi.testing import invariants
from esi.testing.chain import Wish
from esi.testing.loop import run
from esi.testing.ring import ADMIN, Snapshot
from simulation.kept import rest
from simulation.stage import Stage

ID = "00000000-0000-4000-8000-00000000001b"
REF = Ref("load_balancer", ID)
PATIENCE_SECONDS = 20_000.0
SELDOM_SECONDS = 5.0
"""What lasts for hours is looked at this often."""

DATA, DATA_SUBNET = "00000000-0000-4000-8000-0000000000d1", "00000000-0000-4000-8000-0000000000d2"
BEHIND = (
    Wish("network", DATA, {"name": "data", "tenant_id": balancer.TENANT}),
    Wish("subnet", DATA_SUBNET, {
        "name": "data", "network_id": DATA, "cidr": "192.0.2.0/24", "ip_version": 4, "tenant_id": balancer.TENANT,
    }),
)  # fmt: skip
"""A network that an interface may be plugged into."""

TIGHT, TIGHT_SUBNET, TAKEN = (f"00000000-0000-4000-8000-0000000000e{number}" for number in (1, 2, 3))
SMALL = (
    Wish("network", TIGHT, {"name": "tight", "tenant_id": balancer.TENANT}),
    Wish("subnet", TIGHT_SUBNET, {
        "name": "tight", "network_id": TIGHT, "cidr": "198.51.100.0/29", "ip_version": 4, "tenant_id": balancer.TENANT,
    }),
)  # fmt: skip
"""A network with room for four hosts."""

BILLED = ("load_balancer", "load_balancer_plan")


def prerequisites() -> list[Wish]:
    puts = [put for group in balancer.PREREQUISITES for put in group]
    asked = [Wish(schema, id, {"tenant_id": balancer.TENANT, **body}) for schema, id, body in puts]
    return [*asked, *BEHIND, *SMALL]


@dataclass(frozen=True)
class Held:
    """What the world outside holds: servers of Nova by their slots, ports in Contrail, appliances by address."""

    servers: list[list[str]]
    ports: list[str]
    appliances: dict[str, Netscaler]


class Hall(Stage):
    """A stage for load balancers."""

    async def order(self, **more: Any) -> None:
        await self.insist(lambda: self.lifecycle.put(ADMIN, REF, {**balancer.REQUEST, **more}))

    async def cancel(self) -> None:
        await self.insist(lambda: self.lifecycle.delete(ADMIN, REF))

    async def interface(self, slot: int) -> Body:
        return next(row for row in await self.rows("load_balancer_interface") if row["slot_number"] == slot)

    async def plug(self, network: str) -> None:
        """The first interface of its tenant into a network."""
        ref = Ref("load_balancer_interface", (await self.interface(1))["id"])
        await self.insist(lambda: self.lifecycle.update(ADMIN, ref, {"network_id": network}))

    async def try_again(self) -> None:
        """What a user does after a failure: an update without a change."""
        await self.insist(lambda: self.lifecycle.update(ADMIN, REF, {}))

    async def end(self) -> tuple[str, str]:
        """Wait until nothing is PENDING or under way: ACTIVE, gone or ERROR, and the reason that is shown."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self._ended():
                await self.clock.sleep(SELDOM_SECONDS)
        if await self.gone():
            return "gone", ""
        if await self.active():
            return "ACTIVE", ""
        failed = [row for rows in (await self.made()).values() for row in rows if row["status"] == "ERROR"]
        assert failed, await self.statuses()
        return "ERROR", str(failed[0]["status_reason"])

    async def _ended(self) -> bool:
        pending = any(word.startswith("PENDING") for words in (await self.statuses()).values() for word in words)
        return not pending and not await invariants.nothing_is_under_way(self)

    async def clear(self) -> None:
        """What an operator does after a failed delete: what it has left is deleted by itself."""
        for schema, rows in (await self.made()).items():
            for row in rows:
                if row["status"] == "ERROR":
                    ref = Ref(schema, row["id"])
                    await self.insist(lambda ref=ref: self.lifecycle.delete(ADMIN, ref))  # type: ignore[misc]

    async def rows(self, schema: str) -> list[Body]:
        page = await self.insist(lambda: self.lifecycle.list(SYSTEM, schema))
        rows: list[Body] = page.rows
        return [row for row in rows if row.get("device_owner") != "network:dhcp" and row["id"] != TAKEN]

    async def made(self) -> dict[str, list[Body]]:
        """All that one order makes, by schema."""
        return {schema: await self.rows(schema) for schema in MADE}

    async def statuses(self) -> dict[str, set[str]]:
        """Of all that can be ACTIVE: the internet port is plugged in nowhere."""
        made = await self.made()
        made["port"] = [row for row in made["port"] if row["device_owner"] != "network:empty"]
        return {schema: {str(row["status"]) for row in rows} for schema, rows in made.items()}

    async def active(self) -> bool:
        found = await self.statuses()
        return all(words == {"ACTIVE"} for words in found.values())

    async def gone(self) -> bool:
        return not any((await self.made()).values())

    async def bills(self) -> list[Body]:
        found = [row for row in await self.rows("billing_resource") if row["resource_type"] in BILLED]
        return sorted(found, key=lambda row: BILLED.index(row["resource_type"]))

    def held(self) -> Held:
        slots = [[str(nic["id"]) for nic in server.nics] for server in self.servers.nova.host.servers.values()]
        config = self.contrail.lab.config
        ports = sorted(one.uuid for one in config.objects if one.type == "virtual-machine-interface")
        there = {ip: reached.appliance for ip, reached in self.servers.appliances.running().items()}
        return Held(slots, ports, there)

    async def faults(self) -> list[str]:
        """What is not as it must be of a load balancer that is ACTIVE: one server with its ports in order, each of them
        once in Contrail; one appliance that has it all, and has saved it; bills that have begun together.
        """
        found, held = [], self.held()
        (instance,) = await self.rows("vnf_instance")
        slots = [item["port"] for item in instance["networks"]]
        if held.servers != [slots]:
            found.append(f"servers with {held.servers}, wanted one with {slots}")
        plugged = sorted(row["id"] for row in await self.rows("port") if row["attached"])
        if held.ports != plugged or plugged != sorted(slots):
            found.append(f"Contrail has {held.ports}, attached are {plugged}, in slots {sorted(slots)}")
        (address,) = held.appliances or ("",)
        if address != instance["management_ip"]:
            found.append(f"the appliance is {address or 'not there'}, wanted at {instance['management_ip']}")
        else:
            appliance = held.appliances[address]
            users = sorted(str(row["username"]) for row in appliance.rows.of("systemuser"))
            if users != sorted(row["username"] for row in balancer.APPLIANCE["systemuser"]):
                found.append(f"the appliance knows {users}")
            if appliance.changed():
                found.append("the appliance has not saved what it has")
        bills = await self.bills()
        if [row["resource_type"] for row in bills] != list(BILLED) or len({row["started"] for row in bills}) != 1:
            found.append(f"bills: {bills}")
        if any(row["started"] is None or row["ended"] is not None for row in bills):
            found.append(f"bills have not begun, or have ended: {bills}")
        return found


@cache
def services() -> Services:
    return load_services("2018")


@cache
def ready(*, watched: bool = False) -> Snapshot:
    """The world in which a load balancer can be ordered."""

    async def prepare() -> Snapshot:
        hall = Hall(services(), watched=watched)

        async def before() -> None:
            for wish in prerequisites():
                await hall.ask(wish)
                await hall.until_status(wish, "ACTIVE", None)  # type: ignore[arg-type]  # a plan has no status
            await rest(hall)

        await hall.play(before)
        return hall.snapshot()

    return run(prepare())
