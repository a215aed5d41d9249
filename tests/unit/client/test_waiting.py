"""Following a status over the real API: told of each change as it happens, through answers that do not come."""

from __future__ import annotations

import asyncio

from esi.api import ApiRoom
from esi.client.resources import Body, Client
from esi.clock import SystemClock
from esi.lifecycle import Lifecycle
from esi.tasks import Tasks
from unit.api.serving import People, catalogue
from unit.lifecycle.ring import ADMIN, Ring

CLOCK = SystemClock()


async def following(lifecycle: Lifecycle) -> None:
    """Until somebody waits at the API."""
    async with asyncio.timeout(10):
        while not len(lifecycle.changes):
            await asyncio.sleep(0)


async def test_each_change_is_told_once_and_at_once() -> None:
    ring = Ring(catalogue())
    gateway = await ring.working_gateway()
    room = ApiRoom(ring.lifecycle, People(), port=0)
    seen: list[str] = []

    def look(body: Body) -> None:
        seen.append(body["status"])

    async with Tasks("test") as tasks:
        tasks.start("api", room.run())
        await room.ready.wait()
        async with Client(room.url, "root", clock=CLOCK) as client:
            await ring.lifecycle.update(ADMIN, gateway, {"limit": 7})
            waits = tasks.start("wait", client.wait("gateway", gateway.id, seen=look))
            await following(ring.lifecycle)
            await ring.done(gateway, "UPDATE_COMPLETE")
            assert (await waits)["limit"] == 7
            assert seen == ["PENDING_UPDATE", "ACTIVE"]
            await client.delete("gateway", gateway.id)
            gone = tasks.start("gone", client.wait_gone("gateway", gateway.id))
            await following(ring.lifecycle)
            await ring.done(gateway, "DELETE_COMPLETE")
            await gone
    await ring.store.close()


async def test_a_server_that_is_away_for_a_while_is_waited_for() -> None:
    ring = Ring(catalogue())
    gateway = await ring.working_gateway()
    await ring.lifecycle.update(ADMIN, gateway, {"limit": 7})
    room = ApiRoom(ring.lifecycle, People(), port=0)
    async with Tasks("client") as tasks:
        async with Tasks("room") as first:
            first.start("api", room.run())
            await room.ready.wait()
            port = room.bound_port
            client = await Client(room.url, "root", clock=CLOCK).__aenter__()
            waits = tasks.start("wait", client.wait("gateway", gateway.id))
            await following(ring.lifecycle)
        again = ApiRoom(ring.lifecycle, People(), port=port)
        tasks.start("api", again.run())
        await again.ready.wait()
        await ring.done(gateway, "UPDATE_COMPLETE")
        assert (await waits)["status"] == "ACTIVE"
        await client.__aexit__(None, None, None)
    await ring.store.close()


async def test_what_nobody_derives_is_not_waited_for() -> None:
    ring = Ring(catalogue())
    await ring.lifecycle.ensure("tenant", {"id": "t1", "status": "odd"})
    room = ApiRoom(ring.lifecycle, People(), port=0)
    async with Tasks("test") as tasks:
        tasks.start("api", room.run())
        await room.ready.wait()
        async with Client(room.url, "root", clock=CLOCK) as client:
            assert (await client.wait("tenant", "t1"))["id"] == "t1"
    await ring.store.close()


async def test_pages_are_put_together() -> None:
    ring = Ring(catalogue())
    for number in range(7):
        await ring.lifecycle.ensure("note", {"id": f"n{number}", "text": "x"})
    room = ApiRoom(ring.lifecycle, People(), port=0)
    async with Tasks("test") as tasks:
        tasks.start("api", room.run())
        await room.ready.wait()
        async with Client(room.url, "root", clock=CLOCK) as client:
            listing = await client.list_all("note", {"text": "x"}, page=3)
            assert ([row["id"] for row in listing.rows], listing.total) == ([f"n{number}" for number in range(7)], 7)
            assert (await client.list_all("note", {"text": "y"}, page=3)).rows == []
    await ring.store.close()
