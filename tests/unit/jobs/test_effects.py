"""Effects: from their keys to jobs of their own, told in order and at least once, and nothing else waits for them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from esi.clock import LoopClock
from esi.errors import Broken, NotFound, Unreachable
from esi.jobs import JobsRoom
from esi.jobs.board import Board
from esi.jobs.plan import Change
from esi.kv import Put
from esi.kv.memory import MemoryKV
from esi.model import keys
from esi.model.codec import loads
from esi.model.effect import Effect
from esi.model.job import Job
from esi.model.resource import Body, Ref
from esi.runtime import Leader
from esi.tasks import Tasks
from esi.telemetry import Named
from esi.testing.loop import run
from esi.work.effects import EffectsHandler
from esi.work.lease import ProcessLease
from esi.work.room import WorkRoom
from unit.jobs.test_room import SERVICES, path_of

ROUTER = Ref("edge_router", "r1")


@dataclass
class Outside:
    """Hears what is told; `errors` are raised first, one each time."""

    heard: list[tuple[int, Named]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    hang: bool = False

    async def hear(self, body: Body, ref: Named) -> None:
        if self.hang:
            await asyncio.Event().wait()
        if self.errors:
            raise self.errors.pop(0)
        self.heard.append((body["n"], ref))


@dataclass
class Bench:
    kv: MemoryKV = field(default_factory=MemoryKV)
    outside: Outside = field(default_factory=Outside)

    @asynccontextmanager
    async def ring(self, process: str = "one") -> AsyncIterator[None]:
        clock = LoopClock()
        async with Tasks(process) as tasks:
            leader = Leader(self.kv, keys.MASTER, process.encode(), clock=clock)
            tasks.start("jobs", JobsRoom(self.kv, SERVICES.catalogue, leader, clock=clock, rng=random.Random(1)).run())
            lease = ProcessLease(self.kv)
            handler = EffectsHandler({"count": self.outside.hear})
            tasks.start("work", WorkRoom(self.kv, lease, [handler], path_of, clock=clock).run())
            yield
        await lease.close()

    async def tell(self, *numbers: int, kind: str = "count") -> None:
        for number in numbers:
            effect = Effect(kind, {"n": number}, ROUTER, number)
            await self.kv.commit([Put(keys.effect_key(number), effect.encode())])

    async def quiet(self) -> None:
        """Until no effect and no job is left."""
        async with asyncio.timeout(1000):
            while (await self.kv.list(keys.JOBS)).entries or (await self.kv.list(keys.EFFECTS)).entries:
                await asyncio.sleep(0.1)


def test_effects_are_told_in_order_and_leave_nothing_behind() -> None:
    async def story() -> None:
        bench = Bench()
        bench.outside.errors = [Unreachable("not now")]
        await bench.tell(1, 2)
        async with bench.ring():
            await bench.tell(3)
            await bench.quiet()
        assert bench.outside.heard == [(n, ("edge_router", "r1", n)) for n in (1, 2, 3)]
        assert (await bench.kv.list("/state")).entries == []
        assert (await bench.kv.list(keys.JOB_STATE)).entries == []

    run(story())


def test_what_is_told_in_vain_or_cannot_be_told_is_over_and_harms_nobody() -> None:
    async def story() -> None:
        bench = Bench()
        bench.outside.errors = [NotFound("no such server"), Broken("a mistake")]
        async with bench.ring():
            await bench.tell(1, 2)
            await bench.tell(3, kind="unheard of")
            await bench.kv.commit([Put(keys.effect_key(4), b"[]")])
            await bench.tell(5)
            await bench.quiet()
        assert [number for number, _ in bench.outside.heard] == [5]
        assert (await bench.kv.list("/state")).entries == []

    run(story())


def test_an_effect_whose_process_died_is_told_by_another() -> None:
    async def story() -> None:
        bench = Bench()
        bench.outside.hang = True
        async with bench.ring():
            await bench.tell(1)
            while not (await bench.kv.list(keys.JOBS_WORKING)).entries:
                await asyncio.sleep(0.1)
        assert bench.outside.heard == []
        bench.outside.hang = False
        async with bench.ring("two"):
            await bench.quiet()
        assert bench.outside.heard == [(1, ("edge_router", "r1", 1))]

    run(story())


def test_nobody_waits_for_an_effect_and_a_forced_delete_does_not_take_it_back() -> None:
    board = Board(path_of, lambda: "abcde")
    first, _ = board.tell(Effect("count", {"n": 1}, ROUTER, 1))
    change = Change("modify", ROUTER, 2, {}, {"heat_worker": []})
    assert isinstance(first, Put)
    planned, _ = board.plan(change)
    assert isinstance(planned, Put)
    job = Job.decode(planned.value)
    assert job.dependency == ()
    assert all("effect:" not in op.key for op in board.cancel(ROUTER, "by force"))
    assert loads(first.value)[0] == "effects"
