"""Each report is there until it is taken in; how far all is taken in is never told too far."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

from esi.clock import LoopClock
from esi.errors import Compacted
from esi.kv import Batches, Delete, Entry, Event, Progress, Put
from esi.kv.memory import MemoryKV
from esi.sync import news as module
from esi.sync.news import News
from esi.tasks import Tasks
from esi.testing.loop import run

A, B = "/a/", "/b/"


class Desk:
    """News of two trees; `old` are the keys that a listing shall find known."""

    def __init__(self, kv: MemoryKV, since: int, *old: str) -> None:
        self.kv = kv
        self.news = News(kv, {A: since, B: since}, self._old, clock=LoopClock())
        self.told: list[str] = []
        self.asked = 0
        self._known = old
        self.news.listen(self._listen)

    async def _old(self, entries: Sequence[Entry]) -> set[str]:
        self.asked += 1
        return {entry.key for entry in entries} & set(self._known)

    def _listen(self, key: str, event: Event | None) -> None:
        assert self.news.get(key) is not None
        self.told.append(key)

    async def put(self, *names: str) -> int:
        revision = await self.kv.commit([Put(name, b"x") for name in names])
        await asyncio.sleep(0.01)
        return revision

    def settle(self, *names: str) -> None:
        for name in names:
            entry = self.news.get(name)
            assert entry is not None
            self.news.settle(entry)


def play(scene: Callable[[Desk], Awaitable[None]], desk: Callable[[], Awaitable[Desk]]) -> None:
    async def work() -> None:
        one = await desk()
        async with Tasks("test") as tasks:
            tasks.start("news", one.news.run())
            await asyncio.sleep(0.01)
            await scene(one)

    run(work())


async def begun_before() -> Desk:
    """Two reports were taken in by the leader before, one came after it."""
    kv = MemoryKV()
    await kv.commit([Put("/a/1", b"1"), Put("/b/1", b"1")])
    desk = Desk(kv, kv.revision)
    await kv.commit([Put("/a/2", b"1")])
    return desk


async def first_of_all() -> Desk:
    kv = MemoryKV()
    await kv.commit([Put("/a/1", b"1"), Put("/b/1", b"1"), Put("/c/1", b"not ours")])
    return Desk(kv, 0, "/a/1")


def test_what_the_leader_before_has_taken_in_is_not_looked_at() -> None:
    async def scene(desk: Desk) -> None:
        assert (desk.told, desk.asked) == (["/a/2"], 0)
        await desk.put("/b/1")
        assert desk.told == ["/a/2", "/b/1"]

    play(scene, begun_before)


def test_without_one_all_is_listed_and_what_is_known_is_passed_by() -> None:
    async def scene(desk: Desk) -> None:
        assert desk.told == ["/b/1"]
        assert not desk.news.due.is_set(), "not all of it is taken in"
        desk.settle("/b/1")
        assert desk.news.due.is_set()
        assert desk.news.taken() == {A: desk.kv.revision, B: desk.kv.revision}

    play(scene, first_of_all)


def test_what_is_not_taken_in_yet_holds_its_tree_back() -> None:
    async def scene(desk: Desk) -> None:
        desk.settle("/a/2")
        before = desk.news.taken()
        first = await desk.put("/a/3", "/b/2")
        later = await desk.put("/a/4")
        assert desk.news.taken() == {A: first - 1, B: first - 1}
        desk.settle("/a/3")
        assert desk.news.taken() == {A: later - 1, B: first - 1}
        desk.settle("/b/2", "/a/4")
        assert desk.news.taken() == {A: later, B: first}
        assert all(before[tree] < desk.news.taken()[tree] for tree in (A, B))

    play(scene, begun_before)


def test_a_newer_report_of_the_same_key_is_not_settled_with_the_older() -> None:
    async def scene(desk: Desk) -> None:
        older = desk.news.get("/a/2")
        assert older is not None
        revision = await desk.put("/a/2")
        desk.news.settle(older)
        assert desk.news.get("/a/2") is not None
        assert desk.news.taken()[A] == revision - 1

    play(scene, begun_before)


def test_a_report_that_is_taken_away_waits_for_nobody() -> None:
    async def scene(desk: Desk) -> None:
        revision = await desk.kv.commit([Delete("/a/2")])
        await asyncio.sleep(0.01)
        assert desk.news.get("/a/2") is None
        assert desk.news.taken()[A] == revision

    play(scene, begun_before)


class AtOnce(MemoryKV):
    """Tells of many revisions in one batch, as etcd does."""

    async def watch(self, prefix: str, *, since: int, progress: Progress | None = None) -> Batches:
        while True:
            await asyncio.sleep(1)
            events = [event for batch in self._history for event in batch if event.revision > since]
            since = self.revision
            if found := [event for event in events if event.key.startswith(prefix)]:
                yield found


def test_what_comes_and_goes_in_one_batch_is_gone() -> None:
    async def at_once() -> Desk:
        return Desk(AtOnce(), 1)

    async def scene(desk: Desk) -> None:
        await desk.put("/a/1", "/a/2")
        await desk.kv.commit([Delete("/a/1")])
        revision = await desk.put("/a/3")
        await asyncio.sleep(1)
        assert sorted(desk.told) == ["/a/2", "/a/3"]
        desk.settle("/a/2", "/a/3")
        assert desk.news.taken()[A] == revision

    play(scene, at_once)


class Forgetful(MemoryKV):
    """Once `forgets` is set, what a watch would bring next is compacted."""

    forgets = False

    async def watch(self, prefix: str, *, since: int, progress: Progress | None = None) -> Batches:
        async with aclosing(super().watch(prefix, since=since, progress=progress)) as batches:
            async for batch in batches:
                if self.forgets:
                    raise Compacted("gone")
                yield batch


def test_a_report_whose_going_was_forgotten_waits_for_nobody() -> None:
    kv = Forgetful()

    async def one() -> Desk:
        return Desk(kv, 1)

    async def scene(desk: Desk) -> None:
        await desk.put("/a/1", "/a/2")
        kv.forgets = True
        await desk.kv.commit([Delete("/a/1")])
        await asyncio.sleep(0.01)
        assert (desk.news.get("/a/1"), desk.news.get("/a/2") is None) == (None, False)

    play(scene, one)


async def forgotten() -> Desk:
    desk = await begun_before()
    await desk.kv.commit([Put("/b/2", b"1")])
    desk.kv.compact(desk.kv.revision)
    return desk


async def set_back() -> Desk:
    kv = MemoryKV()
    await kv.commit([Put("/a/1", b"1"), Put("/b/1", b"1")])
    await kv.commit([Put("/a/2", b"1"), Put("/b/2", b"1")])
    return Desk(kv, kv.revision + 100)


def test_history_that_is_forgotten_or_was_set_back_is_listed() -> None:
    async def scene(desk: Desk) -> None:
        assert sorted(desk.told) == ["/a/1", "/a/2", "/b/1", "/b/2"]
        await desk.put("/a/3")
        assert desk.told[-1] == "/a/3"

    for desk in (forgotten, set_back):
        play(scene, desk)


def test_it_is_time_after_many_and_after_long() -> None:
    async def scene(desk: Desk) -> None:
        names = [f"/b/{number}" for number in range(module.MANY)]
        for start in range(0, len(names), 100):
            await desk.put(*names[start : start + 100])
        desk.settle(*names[1:])
        assert not desk.news.due.is_set()
        desk.settle(names[0])
        assert desk.news.due.is_set()
        desk.news.due.clear()
        assert desk.news.taken()[B] == desk.kv.revision
        await desk.put("/c/elsewhere")
        await asyncio.sleep(2 * module.LONG_SECONDS + 1)
        assert desk.news.due.is_set(), "a quiet watch tells how far it is"
        assert desk.news.taken()[B] == desk.kv.revision

    play(scene, begun_before)
