"""The whole chain of a VPN there and back, on a ring that watches: each resource is created, updated and deleted.

Before each create every table, the keys in etcd and the routers are kept. The deletes go the other way round, and after
each of them all of it must be again what was kept: limits, bandwidth, counters, VLANs, addresses, links, targets. Only
what tells of the past may grow: the change log, closed rows of resource_mapping, and the versions of what stays.
"""

from __future__ import annotations

import pytest

from esi.bootstrap.services import load_services
from esi.errors import Conflict, Invalid, NotFound
from esi.model.resource import Body, Ref
from esi.testing import chain
from esi.testing.chain import PRIMARY_IP, SECONDARY_IP, Wish
from esi.testing.eyes import AGENT, near_eyes
from esi.testing.loop import run
from esi.testing.ring import ADMIN, World
from simulation.kept import Kept, differences, keep, rest

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


class Walk:
    """One way through the chain: `kept` is what stood before each create."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.kept: dict[str, Kept] = {}

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
        await rest(self.world)
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
        await rest(self.world)
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
        await rest(self.world)
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


@pytest.mark.parametrize("flow", ["2017", "2018"])
def test_the_whole_chain_there_and_back(flow: str) -> None:
    async def play() -> None:
        world = World(load_services(flow), eyes=near_eyes, agent=AGENT)
        walk = Walk(world)

        async def scenario() -> None:
            await world.lifecycle.ensure("tenant", {"id": chain.TENANT})  # the first request makes it, and it stays
            await rest(world)
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
