"""Agents that die, are paused, come and go: what stands under /monitoring is true in the end, and nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from esi.agent.records import PREFIX
from esi.agent.sharing import owner
from esi.clock import LoopClock
from esi.errors import Unreachable
from esi.kv.memory import MemoryKV
from esi.model import keys
from esi.model.target import Observation
from esi.tasks import Tasks
from esi.testing.loop import run
from esi.testing.process import Process
from unit.agent.doubles import BOTH, ID, PATH, Desk, ProbeDouble, agent, build, request, start

SAID = {"status": BOTH, "version": 1}
OTHER = "0bea303d-b6eb-4edc-83ef-e32f915d3047"


def killed_at(point: int) -> Callable[[str], bool]:
    """A plan that kills at the n-th point."""
    count = iter(range(10_000))
    return lambda name: next(count) == point


async def life(kv: MemoryKV, plan: Callable[[str], bool]) -> Process:
    """Makes two targets of one resource and one of another in steps, changes and removes them; may die anywhere."""
    process = Process("first", plan)
    desk = start(process, kv, ProbeDouble({"two": Observation({"status": "UP"})}))
    try:
        one = await desk.shelf.create(request("one"), key="one")
        await desk.shelf.create(request("two"), key="two")
        await desk.clock.sleep(3)
        await desk.shelf.create(request("one", version=2), key="one-2")
        await desk.shelf.delete(str(one["id"]))
        await desk.shelf.create(request("status", resource_id=OTHER), key="other")
        await desk.clock.sleep(3)
    except Unreachable:
        pass
    return process


def points_of_a_life() -> int:
    async def work() -> int:
        process = await life(MemoryKV(), lambda name: False)
        await process.kill()
        return len(process.points)

    return run(work())


def test_killed_at_every_await_the_next_life_makes_it_true() -> None:
    async def work(point: int) -> None:
        kv = MemoryKV()
        process = await life(kv, killed_at(point))
        await process.kill()
        async with agent(kv, "second") as desk:
            again = [
                await desk.shelf.create(request("one", version=2), key="one-2"),
                await desk.shelf.create(request("status", resource_id=OTHER), key="other"),
            ]
            for key in ("one", "two"):
                made = await desk.shelf.create(request(key), key=key)
                await desk.shelf.delete(str(made["id"]))
            await desk.until_said({"one": BOTH, "version": 2})
            await asyncio.gather(*(desk.shelf.delete(str(made["id"])) for made in again))
            await desk.until_said(None, within=1)
            await desk.clock.sleep(200)
            left = (await kv.list("/")).entries
            assert [entry.key for entry in left] == [keys.agent_key("second")]

    points = points_of_a_life()
    assert points > 30
    for point in range(points):
        run(work(point))


def test_what_stands_survives_a_death_and_is_seen_again_soon() -> None:
    async def work() -> None:
        kv = MemoryKV()
        process = Process("first")
        desk = start(process, kv, ProbeDouble())
        await desk.shelf.create(request(), key="k")
        await desk.until_said(SAID)
        await process.kill()
        assert await desk.monitoring() == SAID
        broken = ProbeDouble({"status": Unreachable("gone")})
        async with agent(kv, "second", broken) as desk:
            await desk.until_said({"status": "FAIL", "version": 1, "reasons": {"status": "gone"}}, within=5)

    run(work())


def resources(count: int) -> list[str]:
    return [f"{ID[:-4]}{number:04d}" for number in range(count)]


async def spread(kv: MemoryKV, desk: Desk, count: int) -> None:
    for id_ in resources(count):
        await desk.shelf.create(request(resource_id=id_), key=id_)


def test_agents_share_the_work_and_take_over_from_one_that_dies() -> None:
    async def work() -> None:
        kv, probes = MemoryKV(), {name: ProbeDouble() for name in ("a", "b")}
        process = Process("b")
        async with agent(kv, "a", probes["a"]) as desk:
            other = start(process, kv, probes["b"])
            await spread(kv, desk, 40)
            await desk.clock.sleep(5)
            mine, theirs = desk.collector.watchlist.all(), other.collector.watchlist.all()
            assert len(mine) + len(theirs) == 40
            assert 8 <= len(mine) <= 32
            assert other.collector.watchlist.url_of(mine[0].kept.path) == "http://a:7070"
            await process.kill()
            looked = len(probes["a"].looks)
            await desk.clock.sleep(4.5)  # its lease is 3 s
            assert len(desk.collector.watchlist.all()) == 40
            assert len(probes["a"].looks) - looked >= len(theirs)

    run(work())


def test_an_agent_that_was_paused_writes_nothing_any_more() -> None:
    async def work() -> None:
        kv = MemoryKV()
        process = Process("paused")
        slow = start(process, kv, ProbeDouble({"status": Unreachable("a paused agent's word")}))
        async with Tasks("late") as tasks:
            await slow.until(lambda: _present(kv, "paused"))
            await slow.shelf.create(request(), key="k")
            await slow.clock.sleep(0.01)  # it has begun to look
            process.pause()
            await slow.clock.sleep(5)  # its presence is over
            watching, desk = build(kv, "b", ProbeDouble())
            tasks.start("b", watching.run())
            await desk.until_said(SAID)
            heard: list[bytes] = []
            kv.on_commit = lambda events: heard.extend(e.value for e in events if e.key == keys.monitoring_key(PATH))
            process.resume()
            await slow.clock.sleep(0.5)
            assert [value for value in heard if b"paused agent" in value] == []
        await process.kill()

    run(work())


async def _present(kv: MemoryKV, name: str) -> bool:
    return await kv.get(keys.agent_key(name)) is not None


def test_a_store_that_loses_answers_changes_nothing() -> None:
    async def work(every: int) -> None:
        kv = MemoryKV()
        count = iter(range(100_000))
        process = Process("lossy", lossy=lambda name: "commit" in name and next(count) % every == every - 1)
        desk = start(process, kv, ProbeDouble())
        plain = build(kv, "plain", ProbeDouble())[1]
        made = await plain.shelf.create(request(), key="k")
        await desk.until_said(SAID)
        await plain.shelf.delete(str(made["id"]))
        await desk.clock.sleep(100)
        assert await plain.monitoring() is None
        await process.kill()

    for every in range(3, 10):
        run(work(every))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_only_the_share_of_the_agent_that_left_moves(count: int) -> None:
    agents = [f"host:{number}" for number in range(count)]
    paths = [f"{PREFIX}/ports/{number}" for number in range(2_000)]
    before = {path: owner(agents, path) for path in paths}
    after = {path: owner(agents[1:], path) for path in paths}
    assert all(before[path] == after[path] for path in paths if before[path] != agents[0])
    shares = [sum(1 for one in before.values() if one == name) for name in agents]
    assert min(shares) > 2_000 / count * 0.8
    assert owner([], "x") == ""


def test_times_are_of_the_clock() -> None:
    async def work() -> None:
        async with agent(MemoryKV()) as desk:
            made = await desk.shelf.create(request(), key="k")
            assert made["created_at"] == "2017-05-11T05:00:00Z"
            assert LoopClock().now() == 1_494_478_800.0

    run(work())
