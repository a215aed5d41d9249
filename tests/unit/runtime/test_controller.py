"""The controller: one run per key at a time, one more for changes meanwhile, back-off, terminal errors."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random

import pytest

from esi.clock import LoopClock
from esi.errors import Busy, Rejected, Unreachable
from esi.kv import Delete, Put
from esi.kv.memory import MemoryKV
from esi.runtime import Controller, Mirror, Options, Pace, together
from esi.tasks import Tasks
from esi.testing.loop import run


def now() -> float:
    return asyncio.get_running_loop().time()


class World:
    """A store, its mirror, and a controller whose reconcile is given by the test."""

    def __init__(self, reconcile: Callable[[str], object], options: Options | None = None) -> None:
        self.kv = MemoryKV()
        self.mirror = Mirror(self.kv, ["/"], clock=LoopClock())
        self.controller = Controller("c", self.mirror, reconcile, rng=Random(1), options=options)  # type: ignore[arg-type]

    async def run(self, seconds: float, *steps: tuple[float, Sequence[Put | Delete]]) -> None:
        """Run for some seconds of loop time, committing each step at its time."""
        async with Tasks("world") as tasks:
            tasks.start("run", together("all", self.mirror.run(), self.controller.run()))
            start = now()
            for at, ops in steps:
                await asyncio.sleep(start + at - now())
                await self.kv.commit(ops)
            await asyncio.sleep(start + seconds - now())


def test_every_key_that_is_there_and_that_changes() -> None:
    seen: list[str] = []

    async def reconcile(key: str) -> None:
        seen.append(key)

    async def work() -> None:
        world = World(reconcile)
        await world.kv.commit([Put("/a", b""), Put("/b", b"")])
        await world.run(10, (1, [Put("/c", b"")]), (2, [Delete("/a")]))
        assert seen == ["/a", "/b", "/c", "/a"]
        assert world.controller.idle.is_set()

    run(work())


def test_changes_during_a_run_cause_one_more_run_and_never_two_at_once() -> None:
    async def work() -> None:
        spans: list[tuple[float, float]] = []

        async def reconcile(key: str) -> None:
            began = now()
            await asyncio.sleep(10)
            spans.append((began, now()))

        world = World(reconcile)
        await world.run(50, *((float(second), [Put("/a", b"%d" % second)]) for second in range(1, 9)))
        assert spans == [(1, 11), (11, 21)]

    run(work())


def test_parallel_is_a_bound_and_keys_run_side_by_side() -> None:
    async def work() -> None:
        running: Counter[str] = Counter()
        most = 0

        async def reconcile(key: str) -> None:
            nonlocal most
            running[key] += 1
            assert running[key] == 1
            most = max(most, sum(running.values()))
            await asyncio.sleep(1)
            running[key] -= 1

        world = World(reconcile, Options(parallel=3))
        await world.run(20, (0, [Put(f"/{number}", b"") for number in range(10)]))
        assert most == 3
        assert world.controller.runs == 10

    run(work())


def test_temporary_errors_back_off_with_jitter_up_to_a_limit() -> None:
    async def work() -> None:
        times: list[float] = []

        async def reconcile(key: str) -> None:
            times.append(now())
            raise Unreachable("not now")

        world = World(reconcile, Options(pace=Pace(first=1.0, longest=8.0)))
        await world.run(200, (0, [Put("/a", b"")]))
        pauses = [later - earlier for earlier, later in pairwise(times)]
        for pause, whole in zip(pauses, [1, 2, 4, 8, 8, 8, 8], strict=False):
            assert whole / 2 <= pause <= whole
        assert len(set(pauses)) == len(pauses)
        assert len(pauses) > 15

    run(work())


def test_error_that_knows_when_is_believed_and_success_forgets_failures() -> None:
    async def work() -> None:
        times: list[float] = []
        ends = [Busy("locked", after=7.0), Unreachable("x"), Unreachable("x"), None, Unreachable("x"), None]

        async def reconcile(key: str) -> float | None:
            times.append(now())
            end = ends[len(times) - 1]
            if end:
                raise end
            return 100.0 if len(times) == 4 else None

        world = World(reconcile, Options(pace=Pace(first=1.0, longest=1000.0)))
        await world.run(300, (0, [Put("/a", b"")]))
        pauses = [later - earlier for earlier, later in pairwise(times)]
        assert pauses[0] == 7.0
        assert 1 <= pauses[1] <= 2
        assert 2 <= pauses[2] <= 4
        assert pauses[3] == 100.0
        assert 0.5 <= pauses[4] <= 1
        assert len(times) == 6

    run(work())


def test_change_during_back_off_runs_at_once() -> None:
    async def work() -> None:
        times: list[float] = []

        async def reconcile(key: str) -> None:
            times.append(now())
            if len(times) == 1:
                raise Busy("locked", after=1000.0)

        world = World(reconcile)
        await world.run(5000, (0, [Put("/a", b"")]), (10, [Put("/a", b"2")]))
        assert times == [0, 10]

    run(work())


@pytest.mark.parametrize("error", [Rejected("r1", "no"), ValueError("a bug")])
def test_other_errors_are_terminal_until_the_key_changes_and_logged_once(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[tuple[str, Exception]] = []

    async def on_terminal(key: str, error: Exception) -> None:
        told.append((key, error))

    async def reconcile(key: str) -> None:
        if key == "/bad":
            raise error

    async def work() -> None:
        world = World(reconcile, Options(on_terminal=on_terminal))
        await world.run(10_000, (0, [Put("/bad", b""), Put("/good", b"")]), (100, [Put("/bad", b"2")]))
        assert world.controller.runs == 3

    with caplog.at_level(logging.ERROR):
        run(work())
    assert told == [("/bad", error), ("/bad", error)]
    assert len([record for record in caplog.records if "/bad" in record.getMessage()]) == 1


def test_writing_down_a_terminal_error_is_tried_again() -> None:
    tries = 0

    async def on_terminal(key: str, error: Exception) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise Unreachable("store")

    async def reconcile(key: str) -> None:
        raise Rejected("r1", "no")

    async def work() -> None:
        world = World(reconcile, Options(on_terminal=on_terminal))
        await world.run(10_000, (0, [Put("/a", b"")]))
        assert tries == 3

    run(work())


def test_keys_of_the_store_that_make_one_key_of_the_work() -> None:
    seen: list[str] = []

    def resource(key: str) -> str | None:
        return None if key.startswith("/other") else key.split("/")[2]

    async def reconcile(key: str) -> None:
        seen.append(key)

    async def work() -> None:
        world = World(reconcile, Options(key_of=resource))
        await world.run(1, (0, [Put("/config/1", b""), Put("/state/1", b""), Put("/other/2", b"")]))
        assert seen == ["1"]

    run(work())


def test_controller_that_is_cancelled_leaves_nothing_and_starts_over() -> None:
    async def work() -> None:
        ended: list[str] = []

        async def reconcile(key: str) -> None:
            if key == "/0":
                raise Busy("x", after=50.0)
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(key)

        world = World(reconcile, Options(parallel=2))
        await world.run(5, (0, [Put("/0", b""), Put("/a", b""), Put("/b", b""), Put("/c", b"")]))
        assert sorted(ended) == ["/a", "/b"]
        assert world.controller.health() == {"waiting": 0, "running": 0, "backing_off": 0}
        before = world.controller.runs
        await asyncio.sleep(1000)
        assert world.controller.runs == before
        await world.run(5)
        assert world.controller.runs == before + 3
        assert world.controller.health() == {"waiting": 0, "running": 0, "backing_off": 0}

    run(work())
