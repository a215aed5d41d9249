"""The whole chain of a VPN there and back, on a ring that watches: each resource is created, updated and deleted.

Before each create every table, the keys in etcd and the routers are kept. The deletes go the other way round, and after
each of them all of it must be again what was kept: limits, bandwidth, counters, VLANs, addresses, links, targets. Only
what tells of the past may grow: the change log, closed rows of resource_mapping, and the versions of what stays.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from difflib import ndiff
from typing import Any

import pytest

from esi.bootstrap.services import load_services
from esi.errors import Conflict, Invalid, NotFound
from esi.model import keys
from esi.model.resource import Body, Ref
from esi.testing import chain, invariants
from esi.testing.chain import PRIMARY_IP, SECONDARY_IP, Wish
from esi.testing.eyes import AGENT, near_eyes
from esi.testing.loop import run
from esi.testing.ring import ADMIN, World

TWENTY = "00000000-0000-4000-8000-000000000020"
TEN_MBPS = chain.prerequisites()[-1]
TWENTY_MBPS = TEN_MBPS._replace(id=TWENTY, body={**TEN_MBPS.body, "name": "20M-GA", "bandwidth": "20"})
CHAIN = (*chain.prerequisites(), TWENTY_MBPS, chain.gateway(), chain.interface())

CHANGES: dict[str, tuple[Body, Body]] = {
    "edge_router": ({"description": "in the second rack"}, {}),
    "ha_router": ({"maximum_gateways": 150}, {"available_gateways": 150}),
    "er_physical_interface": ({"description": "a new optic"}, {}),
    "ha_interface": ({"maximum_ga_bandwidth": 700}, {"available_ga_bandwidth": 700}),
    "vpn_service": ({"default_static_routes_per_gateway": 16}, {}),
    "qos_option": ({"description": "ten, guaranteed"}, {}),
    "vpn_gateway": ({"maximum_static_routes": 8, "qos_option_id": TWENTY}, {}),
    "vpn_interface": ({"description": "both sides, again"}, {}),
}
"""Schema → what is changed, and what follows from it."""

HISTORY = ("esi_log", "resource_mapping", "sqlite_sequence")
"""Tables that tell of the past. What was mapped is checked apart: nothing is left open."""

PASSING = (keys.DEVICES, keys.SESSIONS, keys.TOPICS, keys.GROUPS, keys.CONSUMERS, keys.AGENTS, keys.MASTER)
"""Keys that come and go by themselves, or are kept for others for a day."""

REFUSED = {
    chain.PRIMARY: "ha_router",
    chain.SECONDARY: "ha_router",
    chain.PAIR: "ha_interface",
    chain.P_UP: "ha_interface",
    chain.P_DOWN: "ha_interface",
    chain.S_DOWN: "ha_interface",
    chain.S_UP: "ha_interface",
    chain.DOWNLINK: "vpn_gateway",
    chain.UPLINK: "vpn_gateway",
    chain.SERVICE: "qos_option",
    TWENTY: "vpn_gateway",
    chain.GATEWAY: "vpn_interface",
}
"""What cannot be deleted while the whole chain stands → a schema that the refusal names."""

REMAINS = {"vpn_interface": [f"{ip}: +             family inet;" for ip in (PRIMARY_IP, SECONDARY_IP)]}
"""A delete removes the last step of each path, as recorded: the empty family goes with the gateway's unit."""

OTHER = "00000000-0000-4000-8000-000000000099"


@dataclass(frozen=True)
class Kept:
    """All that a create may change and its delete must give back."""

    tables: dict[str, list[tuple[Any, ...]]]
    keys: list[str]
    routers: dict[str, str]


async def keep(world: World) -> Kept:
    listing = await world.kv.list("/")
    stand = sorted(without_row(entry.key) for entry in listing.entries if not entry.key.startswith(PASSING))
    return Kept(tables(world.store.snapshot()), stand, dict(invariants.configurations(world)))


def without_row(key: str) -> str:
    """What is mapped anew, in a later version, is another row."""
    return key.rpartition("/")[0] if key.startswith(keys.MAPPINGS) else key


def tables(database: bytes) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table; the columns that begin with _ hold versions, reports and times."""
    connection = sqlite3.connect(":memory:")
    connection.deserialize(database)
    found = {}
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall():
        if name in HISTORY:
            continue
        columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{name}")') if not row[1].startswith("_")]
        rows = connection.execute(f'SELECT {", ".join(map(quoted, columns))} FROM "{name}"').fetchall()
        found[name] = sorted(rows, key=repr)
    connection.close()
    return found


def quoted(name: str) -> str:
    return f'"{name}"'


class Walk:
    """One way through the chain: `kept` is what stood before each create."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.kept: dict[str, Kept] = {}

    async def rest(self) -> None:
        """Until nothing is under way: every row has its last word, and what was said has been taken."""

        async def quiet() -> bool:
            if await invariants.nothing_is_under_way(self.world):
                return False
            shown = [await self.world.lifecycle.show(ADMIN, ref) for _, ref in await self.world.lifecycle.due(1000)]
            return not any(str(body["status"]).startswith("PENDING") for body in shown)

        await self.world.until(quiet)
        await self.world.clock.sleep(2.0)
        await self.world.until(quiet)

    async def there(self, wish: Wish) -> None:
        """Create it and change it; both reach the devices, and it is seen working."""
        self.kept[wish.id] = await keep(self.world)
        await self.world.ask(wish)
        await self.active(wish, 1)
        change, follows = CHANGES[wish.schema]
        before = await self.world.show(wish)
        await self.world.lifecycle.update(ADMIN, Ref(wish.schema, wish.id), change)
        await self.active(wish, 2)
        assert await self.without_status(wish) == without_status({**before, **change, **follows})

    async def active(self, wish: Wish, version: int) -> None:
        await self.rest()
        body = await self.world.show(wish)
        assert body.get("status") in ("ACTIVE", None), body  # a service has no status
        row = await self.world.store.read(lambda rows: rows.get(Ref(wish.schema, wish.id)))
        assert row is not None
        assert row.config_version == version
        assert body.get("orchestration_state") in (
            None,
            "SYNC_COMPLETE",
            ("CREATE_COMPLETE", "UPDATE_COMPLETE")[version - 1],
        )
        if wish.schema in ("edge_router", "er_physical_interface", "vpn_interface") and "operational_state" in body:
            assert body["operational_state"] == "UP"

    async def without_status(self, wish: Wish) -> Body:
        return without_status(await self.world.show(wish))

    async def refusals(self) -> None:
        """What the others stand on stays: each refusal names who needs it, and changes nothing."""
        before = await keep(self.world)
        downlink = await self.world.show(next(wish for wish in CHAIN if wish.id == chain.DOWNLINK))
        assert downlink["available_ga_bandwidth"] == 700 - 20, "the second option's bandwidth is sold, and no other"
        for wish in CHAIN:
            if wish.id in REFUSED:
                with pytest.raises(Conflict, match=REFUSED[wish.id]):
                    await self.world.delete(wish)
        second = chain.interface()._replace(id=OTHER)
        with pytest.raises(Conflict, match="already has vpn_interface"):
            await self.world.ask(second)
        await self.rest()
        assert differences(await keep(self.world), before) == []

    async def back(self, wish: Wish) -> None:
        """Delete it, meanwhile refuse what a leaving resource refuses; then all is as before its create."""
        await self.world.delete(wish)
        if await self.leaves(wish):
            with pytest.raises(Conflict):
                await self.world.lifecycle.update(ADMIN, Ref(wish.schema, wish.id), {"description": "too late"})
        if wish.schema == "vpn_interface":
            with pytest.raises(Conflict, match="vpn_interface"):
                await self.world.delete(chain.gateway())
        if wish.schema == "vpn_gateway":
            with pytest.raises(Invalid) as refused:
                await self.world.ask(chain.interface())
            assert list(refused.value.errors) == [("vpn_gw_id", "this vpn_gateway is being deleted")]
            with pytest.raises(Conflict, match="vpn_gateway"):
                await self.world.delete(TWENTY_MBPS)
        await self.world.until_gone(wish)
        await self.rest()
        left = differences(await keep(self.world), self.kept[wish.id])
        assert left == REMAINS.get(wish.schema, [])

    async def leaves(self, wish: Wish) -> bool:
        try:
            return str((await self.world.show(wish)).get("status")) == "PENDING_DELETE"
        except NotFound:
            return False


def without_status(body: Body) -> Body:
    """A body without what reports say."""
    told = {"status", "status_reason", "orchestration_state", "operational_state"}
    return {name: value for name, value in body.items() if name not in told}


def differences(now: Kept, before: Kept) -> list[str]:
    """What stands otherwise than before, in words."""
    found = []
    for name in sorted(now.tables.keys() | before.tables.keys()):
        rows, old = now.tables.get(name, []), before.tables.get(name, [])
        found += [f"{name}: {row} is left" for row in rows if row not in old]
        found += [f"{name}: {row} is missing" for row in old if row not in rows]
    found += [f"{key} is left" for key in now.keys if key not in before.keys]
    found += [f"{key} is missing" for key in before.keys if key not in now.keys]
    for ip, text in now.routers.items():
        lines = ndiff(before.routers[ip].splitlines(), text.splitlines())
        found += [f"{ip}: {line}" for line in lines if line.startswith(("+", "-"))]
    return found


@pytest.mark.parametrize("flow", ["2017", "2018"])
def test_the_whole_chain_there_and_back(flow: str) -> None:
    async def play() -> None:
        world = World(load_services(flow), eyes=near_eyes, agent=AGENT)
        walk = Walk(world)

        async def scenario() -> None:
            await world.lifecycle.ensure("tenant", {"id": chain.TENANT})  # the first request makes it, and it stays
            await walk.rest()
            for wish in CHAIN:
                await walk.there(wish)
            await walk.refusals()
            for wish in reversed(CHAIN):
                await walk.back(wish)
            mapped = (await world.lifecycle.list(ADMIN, "resource_mapping")).rows
            assert [row for row in mapped if row["deleted"] is None] == [], "something is still mapped"

        await world.run(scenario())
        await world.store.close()

    run(play())


def test_a_table_or_a_key_that_is_left_is_seen() -> None:
    before = Kept({"t": [(1, "a")]}, ["/config/a"], {"r": "x"})
    now = Kept({"t": [(1, "b")]}, ["/config/b"], {"r": "y"})
    assert len(differences(now, before)) == 6
    assert differences(before, before) == []
