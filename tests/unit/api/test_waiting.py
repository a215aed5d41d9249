"""GET ?wait= with the ETag that is known: answered when there is something else to show, and not before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from esi.api import ApiRoom, waiting
from esi.clock import LoopClock
from esi.schema import Catalogue
from esi.store.wake import Datagrams
from esi.tasks import Tasks
from esi.testing.loop import run
from unit.api.serving import People, Talk, served
from unit.lifecycle.ring import ADMIN, Ring


def at_hand(known: Catalogue, story: Callable[[Talk], Awaitable[None]]) -> None:
    """Play a story on a loop whose time is turned by hand."""

    async def play() -> None:
        async with served(known) as talk:
            talk.ring.lifecycle.clock = LoopClock()
            await story(talk)

    run(play())


def test_what_is_known_is_not_told_again(known: Catalogue) -> None:
    async def story(talk: Talk) -> None:
        gateway = await talk.ring.working_gateway()
        path = f"/v2.0/gateways/{gateway.id}"
        status, shown, headers = await talk.ask("GET", path)
        assert (status, shown["gateway"]["id"]) == (200, gateway.id)
        told = {"If-None-Match": headers["ETag"]}
        assert (await talk.ask("GET", path, headers=told))[:2] == (304, None)
        assert (await talk.ask("GET", f"{path}?_fields=id", headers=told))[0] == 200, "that is something else"
        assert (await talk.ask("GET", f"{path}?wait=30", headers={"If-None-Match": '"other"'}))[0] == 200
        assert (await talk.ask("GET", f"{path}?wait=30"))[0] == 200, "who knows nothing does not wait"
        assert asyncio.get_running_loop().time() == 0

    at_hand(known, story)


def test_a_change_ends_the_wait_at_once_and_time_ends_it_late(known: Catalogue) -> None:
    async def story(talk: Talk) -> None:
        loop = asyncio.get_running_loop()
        gateway = await talk.ring.working_gateway()
        path = f"/v2.0/gateways/{gateway.id}"
        tag = (await talk.ask("GET", path))[2]["ETag"]
        async with Tasks("test") as tasks:
            waits = tasks.start("wait", talk.ask("GET", f"{path}?wait=30", headers={"If-None-Match": tag}))
            await asyncio.sleep(0.5)  # of the hand-turned loop
            assert not waits.done()
            await talk.ring.lifecycle.update(ADMIN, gateway, {"limit": 7})
            status, shown, headers = await waits
        assert (status, shown["gateway"]["status"], shown["gateway"]["limit"]) == (200, "PENDING_UPDATE", 7)
        assert loop.time() == pytest.approx(0.5)
        before = talk.ring.store.statements
        known_now = {"If-None-Match": headers["ETag"]}
        assert (await talk.ask("GET", f"{path}?wait=30", headers=known_now))[0] == 304
        assert loop.time() == pytest.approx(30.5)
        assert talk.ring.store.statements - before <= 30 / waiting.LOOK_SECONDS + 1
        assert (await talk.ask("GET", f"{path}?wait=3600", headers=known_now))[0] == 304
        assert loop.time() == pytest.approx(30.5 + waiting.MOST_SECONDS)
        assert len(talk.ring.lifecycle.changes) == 0

    at_hand(known, story)


@asynccontextmanager
async def another_process(talk: Talk) -> AsyncIterator[Ring]:
    """A second pipeline over the same rows, as a process with the sync alone has one."""
    other = Ring(talk.ring.catalogue)
    mine, other.lifecycle.store = other.store, talk.ring.store
    yield other
    await mine.close()


def test_what_another_process_wrote_in_silence_is_seen_a_little_later(known: Catalogue) -> None:
    async def story(talk: Talk) -> None:
        gateway = await talk.ring.working_gateway()
        path = f"/v2.0/gateways/{gateway.id}"
        tag = (await talk.ask("GET", path))[2]["ETag"]
        async with another_process(talk) as other, Tasks("test") as tasks:
            waits = tasks.start("wait", talk.ask("GET", f"{path}?wait=30", headers={"If-None-Match": tag}))
            await asyncio.sleep(0.5)
            await other.lifecycle.force_delete(ADMIN, gateway)
            assert (await waits)[0] == 404
        assert asyncio.get_running_loop().time() <= waiting.LOOK_SECONDS

    at_hand(known, story)


@pytest.mark.parametrize("missed", [False, True])
def test_another_process_tells_by_datagram_what_it_wrote(known: Catalogue, tmp_path: Path, missed: bool) -> None:
    async def story(talk: Talk) -> None:
        gateway = await talk.ring.working_gateway()
        path = f"/v2.0/gateways/{gateway.id}"
        tag = (await talk.ask("GET", path))[2]["ETag"]
        here, there = Datagrams(tmp_path / "changes"), Datagrams(tmp_path / "changes")
        talk.ring.lifecycle.changes.others = here
        talk.ring.lifecycle.changes.begin()
        async with another_process(talk) as other, Tasks("test") as tasks:
            waits = tasks.start("wait", talk.ask("GET", f"{path}?wait=30", headers={"If-None-Match": tag}))
            await asyncio.sleep(0.5)
            if missed:  # more than it can take at once: what comes after that wakes everybody
                while there.send(b"gateway of-somebody-else"):
                    pass
                other.lifecycle.changes.others = there
                other.lifecycle.changes.tell([gateway])
                await asyncio.sleep(0.5)
                assert not waits.done()
            other.lifecycle.changes.others = there
            await other.lifecycle.update(ADMIN, gateway, {"limit": 7})
            assert (await waits)[1]["gateway"]["limit"] == 7
        assert asyncio.get_running_loop().time() == pytest.approx(1.0 if missed else 0.5)
        there.close()
        here.close()

    at_hand(known, story)


async def test_a_list_cannot_be_waited_for(talk: Talk) -> None:
    status, told, _ = await talk.ask("GET", "/v2.0/gateways?wait=5")
    assert (status, told["details"]["errors"][0]["path"]) == (400, "wait")
    assert (await talk.ask("GET", "/v2.0/gateways/x?wait=soon"))[0] == 400


async def test_who_waits_when_the_room_ends_is_answered(known: Catalogue) -> None:
    ring = Ring(known)
    gateway = await ring.working_gateway()
    room = ApiRoom(ring.lifecycle, People(), port=0)
    async with aiohttp.ClientSession(headers={"X-Auth-Token": "root"}) as http, Tasks("client") as client:
        async with Tasks("room") as tasks:
            tasks.start("api", room.run())
            await room.ready.wait()
            url = f"{room.url}/v2.0/gateways/{gateway.id}"
            async with http.get(url) as answer:
                tag = answer.headers["ETag"]

            async def wait() -> int:
                async with http.get(url, params={"wait": "50"}, headers={"If-None-Match": tag}) as answer:
                    return answer.status

            waits = client.start("wait", wait())
            async with asyncio.timeout(10):
                while not len(ring.lifecycle.changes):
                    await asyncio.sleep(0)
        assert await waits == 304
    await ring.store.close()
