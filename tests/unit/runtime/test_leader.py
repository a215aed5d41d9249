"""Leaders: one at a time, next one at once, and a term that knows when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from esi.clock import LoopClock
from esi.errors import Outrun, Unreachable
from esi.kv import Delete, Guard, Put
from esi.kv.memory import MemoryKV, MemoryLease
from esi.runtime import Leader
from esi.tasks import Tasks
from esi.testing.loop import run


def leader(kv: MemoryKV, name: str) -> Leader:
    return Leader(kv, "/leader", name.encode(), clock=LoopClock())


async def lead(kv: MemoryKV, name: str, log: list[tuple[float, str, str]], seconds: float) -> None:
    async with leader(kv, name).term() as term:
        log.append((asyncio.get_running_loop().time(), name, "leads"))
        await kv.commit([Put("/work", name.encode())], guards=[term.guard])
        await asyncio.sleep(seconds)
        log.append((asyncio.get_running_loop().time(), name, "ends"))


def test_one_leads_and_the_next_takes_over_at_once() -> None:
    async def work() -> None:
        kv = MemoryKV()
        log: list[tuple[float, str, str]] = []
        await asyncio.gather(*(lead(kv, name, log, 10.0) for name in "abc"))
        assert [(time, what) for time, _, what in log] == [
            (0, "leads"), (10, "ends"), (10, "leads"), (20, "ends"), (20, "leads"), (30, "ends"),
        ]  # fmt: skip
        assert sorted({name for _, name, _ in log}) == ["a", "b", "c"]
        assert await kv.get("/leader") is None

    run(work())


def test_key_holds_the_value_and_guard_fences() -> None:
    async def work() -> None:
        kv = MemoryKV()
        async with leader(kv, "me").term() as term:
            entry = await kv.get("/leader")
            assert entry is not None
            assert entry.value == b"me"
            assert term.guard == Guard("/leader", entry.create_revision, "create")
            await kv.commit([Put("/x", b"")], guards=[term.guard])
        with pytest.raises(Outrun):
            await kv.commit([Put("/x", b"")], guards=[term.guard])
        assert term.lost.is_set()

    run(work())


def test_silent_leader_loses_its_term_and_another_takes_over() -> None:
    async def work() -> None:
        kv = MemoryKV()
        log: list[tuple[float, str, str]] = []
        async with Tasks("t") as tasks, leader(kv, "silent").term() as term:
            tasks.start("next", lead(kv, "next", log, 1.0))
            await asyncio.sleep(5)
            assert not log
            (lease,) = [lease for lease in kv._leases.values() if isinstance(lease, MemoryLease)]
            lease.renewing = False
            async with asyncio.timeout(6):
                await term.lost.wait()
            await asyncio.sleep(0.1)
            assert log[0][1] == "next"
            with pytest.raises(Outrun):
                await kv.commit([Put("/x", b"")], guards=[term.guard])
            await asyncio.sleep(5)

    run(work())


def test_term_is_lost_when_somebody_removes_the_key() -> None:
    async def work() -> None:
        kv = MemoryKV()
        async with leader(kv, "me").term() as term:
            await asyncio.sleep(1)
            await kv.commit([Delete("/leader")])
            async with asyncio.timeout(1):
                await term.lost.wait()

    run(work())


def test_neighbour_key_under_the_same_prefix_does_not_matter() -> None:
    async def work() -> None:
        kv = MemoryKV()
        await kv.commit([Put("/leader2", b"")])
        async with leader(kv, "me").term() as term:
            await kv.commit([Delete("/leader2")])
            await asyncio.sleep(1)
            assert not term.lost.is_set()

    run(work())


class Lossy(MemoryKV):
    """A store whose replies get lost after the write, as on a broken connection."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng = Random(seed)

    async def commit(self, ops: Sequence[Put | Delete], *, guards: Sequence[Guard] = ()) -> int:
        lost = self.rng.random() < 0.5
        if lost and self.rng.random() < 0.5:
            raise Unreachable("before")
        revision = await super().commit(ops, guards=guards)
        if lost:
            raise Unreachable("after")
        return revision


@pytest.mark.parametrize("seed", range(20))
def test_lost_reply_of_the_winning_write_does_not_shut_anybody_out(seed: int) -> None:
    async def one(kv: Lossy, name: str, terms: list[str]) -> None:
        async with leader(kv, name).term():
            terms.append(f"{name}+")
            await asyncio.sleep(1)
            terms.append(f"{name}-")

    async def work() -> None:
        kv = Lossy(seed)
        terms: list[str] = []
        async with asyncio.timeout(60):
            await asyncio.gather(*(one(kv, name, terms) for name in "abc"))
        assert len(terms) == 6
        for begin, end in zip(terms[::2], terms[1::2], strict=True):
            assert begin[0] == end[0]

    run(work())
