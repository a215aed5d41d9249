"""A master goes on from where the one before had accepted all, and ends where reading everything would end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from esi.clock import LoopClock
from esi.jobs import JobsRoom, reader
from esi.jobs.inbox import PARK_SECONDS
from esi.jobs.reader import EACH_BYTES, Reader
from esi.kv import PAGE_KEYS, Delete, Entry, Guard, Lease, Listing, Put
from esi.kv.memory import PROGRESS_SECONDS, MemoryKV, MemoryLease
from esi.model import keys
from esi.model.codec import dumps, encode_config, loads_object
from esi.model.resource import Ref
from esi.runtime import Leader
from esi.tasks import Tasks
from esi.testing.loop import run
from esi.work.lease import ProcessLease
from esi.work.room import WorkRoom
from unit.jobs.test_room import ROUTER, SERVICES, Diary, path_of

R1 = Ref("edge_router", "r1")
Ops = Sequence[Put | Delete]


class WatchedKV(MemoryKV):
    """Remembers what was listed, who leads, and how many copies were read at once. `robs` is asked after each commit
    whether the master loses its key; `meanwhile` happens once, while a copy is read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[str] = []
        self.robs: Callable[[Ops], bool] = lambda _ops: False
        self.together = 0
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        self._reading = 0
        self._leads: Lease | None = None

    async def get(self, key: str) -> Entry | None:
        copy = key.startswith(keys.WORKER_CONFIG)
        self._reading += copy
        self.together = max(self.together, self._reading)
        await asyncio.sleep(0)
        if copy and self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            await happens()
            await asyncio.sleep(0.01)  # the watches bring it
        self._reading -= copy
        return await super().get(key)

    async def commit(self, ops: Ops, *, guards: Sequence[Guard] = ()) -> int:
        revision = await super().commit(ops, guards=guards)
        self._leads = next((op.lease for op in ops if op.key == keys.MASTER and isinstance(op, Put)), self._leads)
        if self.robs(ops) and isinstance(self._leads, MemoryLease):
            self.expire(self._leads)
        return revision

    async def list(self, prefix: str, *, page: int = PAGE_KEYS) -> Listing:
        self.listed.append(prefix)
        return await super().list(prefix, page=page)


@dataclass
class Bench:
    """Masters come and go; a worker is always there."""

    kv: WatchedKV = field(default_factory=WatchedKV)
    diary: Diary = field(default_factory=Diary)
    faults: list[BaseException] = field(default_factory=list)

    @asynccontextmanager
    async def master(self) -> AsyncIterator[None]:
        """One is elected, and has read what it reads before anything else happens."""
        clock = LoopClock()
        self.kv.listed.clear()
        async with Tasks("master", on_error=lambda _name, error: self.faults.append(error)) as tasks:
            leader = Leader(self.kv, keys.MASTER, b"m", clock=clock)
            tasks.start("jobs", JobsRoom(self.kv, SERVICES.catalogue, leader, clock=clock, rng=random.Random(1)).run())
            await asyncio.sleep(0.5)
            yield

    def compared(self) -> bool:
        return keys.CONFIG + "/" in self.kv.listed

    async def kept(self) -> int:
        entry = await self.kv.get(keys.ACCEPTED)
        assert entry is not None
        return int(loads_object(entry.value)["revision"])

    async def want(self, ref: Ref, version: int = 1, *, deleted: bool = False, **body: Any) -> int:
        value = encode_config(dumps({"id": ref.id, **body}), version, marked_for_deletion=deleted)
        return await self.kv.commit([Put(keys.config_key(path_of(ref)), value)])

    async def remove(self, ref: Ref, *, by_force: bool = False) -> int:
        path = path_of(ref)
        marker = [Put(keys.dropped_key(path), dumps({"version": 9}))] if by_force else []
        return await self.kv.commit([*marker, Delete(keys.config_key(path)), Delete(keys.state_key(path))])

    async def quiet(self) -> None:
        """No job is left, and nothing has happened for a while."""
        revision = -1
        while revision != self.kv.revision or (await self.kv.list(keys.JOBS)).entries:
            revision = self.kv.revision
            await asyncio.sleep(0.5)

    async def left_of(self, ref: Ref) -> list[str]:
        return [entry.key for entry in (await self.kv.list("/")).entries if ref.id in entry.key.split("/")]


def play(scenario: Callable[[Bench], Awaitable[None]]) -> None:
    async def story() -> None:
        bench = Bench()
        clock = LoopClock()
        for template in SERVICES.templates:
            await bench.kv.commit([Put(keys.HEAT_TEMPLATES + template["id"], encode_config(dumps(template), 1))])
        async with Tasks("bench") as tasks:
            lease = ProcessLease(bench.kv)
            tasks.start("work", WorkRoom(bench.kv, lease, [bench.diary], path_of, clock=clock).run())
            await scenario(bench)
            await lease.close()
        assert bench.faults == []

    run(story(), limit=10_000)


def interface(device: str = "r1") -> dict[str, Any]:
    return {"name": "ge-0/0/1", "device_id": device, "tenant_id": "t"}


def test_the_first_master_reads_everything_and_the_next_only_what_is_new() -> None:
    async def scenario(b: Bench) -> None:
        await b.want(R1, **ROUTER)
        async with b.master():
            await b.quiet()
            assert b.compared()
        await b.want(R1, 2, **ROUTER)
        await b.want(Ref("er_physical_interface", "e1"), **interface())
        async with b.master():
            await b.quiet()
            assert not b.compared()
        assert b.diary.done == [
            "create edge_router:r1 1",
            "modify edge_router:r1 2",
            "create er_physical_interface:e1 1",
        ]

    play(scenario)


def test_copies_of_all_that_has_changed_are_read_together() -> None:
    refs = [Ref("edge_router", f"r{number}") for number in range(5)]

    async def scenario(b: Bench) -> None:
        for version in (1, 2):
            for ref in refs:
                await b.want(ref, version, **ROUTER)
            b.kv.together = 0
            async with b.master():
                await b.quiet()
        assert b.kv.together == len(refs)
        assert sorted(b.diary.done[5:]) == [f"modify {ref} 2" for ref in refs]

    play(scenario)


def test_a_copy_that_was_read_before_a_drop_counts_no_more() -> None:
    r2 = Ref("edge_router", "r2")

    async def scenario(b: Bench) -> None:
        async def anew() -> None:
            await b.remove(r2, by_force=True)
            await b.want(r2, **ROUTER)

        for version in (1, 2):
            await b.want(R1, version, **ROUTER)
            await b.want(r2, version, **ROUTER)
            b.kv.meanwhile = anew if version == 2 else None
            async with b.master():
                await b.quiet()
        assert b.diary.done.count("create edge_router:r2 1") == 2

    play(scenario)


@pytest.mark.parametrize("how", ["compacted", "of the future", "of another etcd", "not kept"])
def test_without_its_history_everything_is_read(how: str) -> None:
    async def scenario(b: Bench) -> None:
        async with b.master():
            await b.want(R1, **ROUTER)
            await b.quiet()
        await b.want(R1, 2, **ROUTER)
        if how == "not kept":
            await b.kv.commit([Delete(keys.ACCEPTED)])
        elif how == "compacted":
            b.kv.compact(b.kv.revision)
        else:
            far = b.kv.revision + (1000 if how == "of the future" else 1)
            await b.kv.commit([Put(keys.ACCEPTED, dumps({"revision": far}))])
        async with b.master():
            await b.quiet()
            assert b.compared()
            assert await b.kept() < b.kv.revision
        assert b.diary.done == ["create edge_router:r1 1", "modify edge_router:r1 2"]

    play(scenario)


def test_what_is_parked_is_not_accepted() -> None:
    async def scenario(b: Bench) -> None:
        e1 = Ref("er_physical_interface", "e1")
        async with b.master():
            wanted = await b.want(e1, **interface())
            await asyncio.sleep(1.0)
            await b.want(Ref("edge_router", "other"), **ROUTER)
            await b.quiet()
            assert await b.kept() < wanted
        async with b.master():
            await b.want(R1, **ROUTER)
            await b.quiet()
            assert not b.compared()
            assert await b.kept() > wanted
        assert b.diary.done == [f"create {ref} 1" for ref in ("edge_router:other", R1, e1)]

    play(scenario)


def test_what_is_overdue_is_accepted_with_its_error() -> None:
    async def scenario(b: Bench) -> None:
        async with b.master():
            wanted = await b.want(Ref("er_physical_interface", "e1"), **interface("nobody"))
            await asyncio.sleep(PARK_SECONDS + 1)
            assert await b.kept() >= wanted

    play(scenario)


def test_an_old_history_is_not_lived_through_again() -> None:
    """What is kept may lie behind by a whole life: nothing of it is done twice."""

    async def scenario(b: Bench) -> None:
        async with b.master():
            await b.quiet()
            since = await b.kept()
            await b.want(R1, **ROUTER)
            await b.quiet()
            await b.want(R1, 2, **ROUTER)
            await b.quiet()
            await b.want(R1, 3, deleted=True, **ROUTER)
            await b.quiet()
            await b.remove(R1)
            await b.quiet()
        done = list(b.diary.done)
        assert len(done) == 3
        await b.kv.commit([Put(keys.ACCEPTED, dumps({"revision": since}))])
        async with b.master():
            await b.quiet()
            assert not b.compared()
        assert b.diary.done == done
        assert await b.left_of(R1) == []

    play(scenario)


@pytest.mark.parametrize("everything", [False, True])
def test_made_anew_under_the_same_id_while_nobody_led(*, everything: bool) -> None:
    async def scenario(b: Bench) -> None:
        async with b.master():
            await b.want(R1, **ROUTER)
            await b.quiet()
            await b.want(R1, 2, deleted=True, **ROUTER)
            await b.quiet()
        await b.remove(R1)
        await b.want(R1, **ROUTER)
        if everything:
            await b.kv.commit([Delete(keys.ACCEPTED)])
        async with b.master():
            await b.quiet()
        assert b.diary.done[2:] == ["create edge_router:r1 1"]

    play(scenario)


def test_what_is_asked_for_anew_after_a_drop_is_not_lost_with_the_master() -> None:
    """The drop is looked at late: /config was accepted up to the new wish when its marker is found."""

    async def scenario(b: Bench) -> None:
        path = path_of(R1)
        async with b.master():
            await b.want(R1, **ROUTER)
            await b.quiet()
        await b.remove(R1, by_force=True)
        wanted = await b.want(R1, **ROUTER)
        await b.kv.commit([Put(keys.ACCEPTED, dumps({"revision": wanted}))])

        b.kv.robs = lambda ops: any(op.key == keys.dropped_key(path) for op in ops)
        async with b.master():
            await b.quiet()
            assert not b.compared()
        assert b.diary.done == ["create edge_router:r1 1"] * 2

    play(scenario)


@pytest.mark.parametrize("moment", range(1, 6))
def test_last_rites_are_ended_whoever_leads(moment: int) -> None:
    """Gone from /config in one step; the master loses its key after so many commits."""

    async def scenario(b: Bench) -> None:
        async with b.master():
            await b.want(R1, **ROUTER)
            await b.quiet()
            last = b.kv.commits + moment
            b.kv.robs = lambda _ops: b.kv.commits == last
            await b.remove(R1)
            await b.quiet()
            assert b.kv.commits > last, "there is no such moment"
            assert b.kv.listed.count(keys.CONFIG + "/") == 1
        assert await b.left_of(R1) == []
        assert b.diary.done == ["create edge_router:r1 1", "logical_delete edge_router:r1 2"]

    play(scenario)


def test_while_nothing_happens_it_moves_on_by_itself() -> None:
    async def scenario(b: Bench) -> None:
        async with b.master():
            await b.quiet()
            before, commits = await b.kept(), b.kv.commits
            revision = await b.kv.commit([Put("/monitoring/x", b"{}")])
            await asyncio.sleep(2.5 * PROGRESS_SECONDS)
            assert before < revision <= await b.kept()
            assert b.kv.commits - commits <= 3
        b.kv.compact(revision)
        async with b.master():
            await b.quiet()
            assert not b.compared()

    play(scenario)


def test_no_more_is_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "KEPT_BYTES", 10 * EACH_BYTES)
    remembers = Reader(SERVICES.catalogue)
    for number in range(1, 100):
        ref = Ref("edge_router", str(number))
        remembers.stands(ref, Entry(path_of(ref), encode_config(b"{}", 1), number, number), number)
        remembers.stands(Ref("edge_router", f"gone {number}"), None, number)
        remembers.trim()
    assert not remembers.is_wanted(Ref("edge_router", "90"))
    assert remembers.is_wanted(Ref("edge_router", "99"))


IDS = ("a", "b", "c")


@dataclass
class Lives:
    """What the sync writes of a few resources, in any order that it may come in."""

    bench: Bench
    rng: random.Random
    versions: dict[Ref, int] = field(default_factory=dict)
    marked: set[Ref] = field(default_factory=set)

    async def step(self) -> None:
        ref = Ref("edge_router", self.rng.choice(IDS))
        if ref in self.marked:
            await self.take_away(ref)
        elif ref in self.versions and self.rng.random() < 0.15:
            await self.bench.remove(ref, by_force=True)
            del self.versions[ref]
        else:
            self.versions[ref] = self.versions.get(ref, 0) + 1
            if self.versions[ref] > 1 and self.rng.random() < 0.5:
                self.marked.add(ref)
            await self.bench.want(ref, self.versions[ref], deleted=ref in self.marked, **ROUTER)

    async def take_away(self, ref: Ref) -> None:
        """Once its deletion is reported."""
        state = await self.bench.kv.get(keys.state_key(path_of(ref)))
        if state is not None and loads_object(state.value)["version"] == self.versions[ref]:
            await self.bench.remove(ref)
            self.marked.discard(ref)
            del self.versions[ref]

    async def in_the_end(self) -> None:
        """What is wanted is accepted and reported, and nothing is left of what is not."""
        for ref in (Ref("edge_router", id_) for id_ in IDS):
            trees = (keys.config_key, keys.worker_config_key, keys.state_key)
            found = [await self.bench.kv.get(tree(path_of(ref))) for tree in trees]
            versions = {loads_object(entry.value)["version"] for entry in found if entry is not None}
            if ref in self.versions:
                assert None not in found, ref
                assert versions == {self.versions[ref]}, ref
            else:
                assert await self.bench.left_of(ref) == []


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens_while_masters_come_and_go(seed: int) -> None:
    """Masters lose their key after any commit, steps are made while nobody leads, history goes."""

    async def scenario(b: Bench) -> None:
        rng = random.Random(seed)
        lives = Lives(b, rng)
        b.kv.robs = lambda _ops: rng.random() < 0.1
        for _ in range(5):
            async with b.master():
                for _ in range(rng.randrange(6)):
                    await lives.step()
                    await asyncio.sleep(rng.choice([0, 0, 0.01, 1]))
            for _ in range(rng.randrange(4)):
                await lives.step()
            if rng.random() < 0.2:
                b.kv.compact(b.kv.revision)
        b.kv.robs = lambda _ops: False
        async with b.master():
            await b.quiet()
            for ref in list(lives.marked):
                await lives.take_away(ref)
            await b.quiet()
        await lives.in_the_end()

    play(scenario)
