"""The mirror follows its prefixes, whatever happens to the history."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from esi.clock import LoopClock
from esi.errors import Unreachable
from esi.kv import Delete, Event, Listing, Put
from esi.kv.memory import MemoryKV
from esi.runtime import Mirror, together
from esi.tasks import Tasks
from esi.testing.loop import run


async def settle() -> None:
    """Let everything happen that can happen without time passing."""
    for _ in range(20):
        await asyncio.sleep(0)


class Heard:
    """A listener that writes down what it hears, and what the mirror held at that moment."""

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror
        self.calls: list[tuple[str, str | None, bytes | None]] = []
        mirror.listen(self)

    def __call__(self, key: str, event: Event | None) -> None:
        entry = self.mirror.get(key)
        self.calls.append((key, event.kind if event else None, entry.value if entry else None))

    def take(self) -> list[tuple[str, str | None, bytes | None]]:
        calls, self.calls = self.calls, []
        return calls


def test_listing_then_changes() -> None:
    async def work() -> None:
        kv = MemoryKV()
        await kv.commit([Put("/a/1", b"x"), Put("/b/1", b"y"), Put("/c/1", b"not ours")])
        mirror = Mirror(kv, ["/a/", "/b/"], clock=LoopClock())
        heard = Heard(mirror)
        async with Tasks("t") as tasks:
            tasks.start("mirror", mirror.run())
            await mirror.synced.wait()
            assert sorted(heard.take()) == [("/a/1", None, b"x"), ("/b/1", None, b"y")]
            revision = await kv.commit([Put("/a/1", b"new"), Delete("/b/1"), Put("/b/2", b"z")])
            await settle()
            assert sorted(heard.take()) == [("/a/1", "put", b"new"), ("/b/1", "delete", None), ("/b/2", "put", b"z")]
            assert [entry.key for entry in mirror.items()] == ["/a/1", "/b/2"]
            assert [entry.key for entry in mirror.items("/b/")] == ["/b/2"]
            assert mirror.revision == revision
            assert len(mirror) == 2
            assert "/b/1" not in mirror

    run(work())


def test_listener_sees_the_whole_batch() -> None:
    async def work() -> None:
        kv = MemoryKV()
        mirror = Mirror(kv, ["/"], clock=LoopClock())
        pairs: list[tuple[bytes, bytes]] = []

        def listen(key: str, event: Event | None) -> None:
            first, second = mirror.get("/1"), mirror.get("/2")
            pairs.append((first.value if first else b"", second.value if second else b""))

        mirror.listen(listen)
        async with Tasks("t") as tasks:
            tasks.start("mirror", mirror.run())
            await mirror.synced.wait()
            for number in range(5):
                await kv.commit([Put("/1", b"%d" % number), Put("/2", b"%d" % number)])
            await settle()
        assert pairs
        assert all(first == second for first, second in pairs)

    run(work())


class Stalled(MemoryKV):
    """A store whose watches can be cut; then it is unreachable until `open` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()
        self.cut = asyncio.Event()

    async def list(self, prefix: str, *, page: int = 1000) -> Listing:
        if not self.open.is_set():
            raise Unreachable("cut")
        return await super().list(prefix, page=page)

    async def watch(self, prefix: str, *, since: int, progress: object = None):  # type: ignore[no-untyped-def]
        async with asyncio.timeout(None):
            batches = super().watch(prefix, since=since)
            try:
                async for batch in batches:
                    if not self.open.is_set():
                        raise Unreachable("cut")
                    yield batch
            finally:
                await batches.aclose()


def test_relist_tells_only_the_differences() -> None:
    async def work() -> None:
        kv = Stalled()
        await kv.commit([Put("/gone", b"1"), Put("/same", b"1"), Put("/changed", b"1"), Put("/anew", b"1")])
        mirror = Mirror(kv, ["/"], clock=LoopClock())
        heard = Heard(mirror)
        async with Tasks("t") as tasks:
            tasks.start("mirror", mirror.run())
            await mirror.synced.wait()
            heard.take()
            kv.open.clear()
            await kv.commit([Put("/changed", b"2"), Delete("/gone"), Delete("/anew")])
            await kv.commit([Put("/anew", b"1"), Put("/new", b"1")])
            await settle()
            assert heard.take() == []
            kv.compact(kv.revision)
            kv.open.set()
            await asyncio.sleep(2)
            assert sorted(heard.take()) == [
                ("/anew", None, b"1"),
                ("/changed", None, b"2"),
                ("/gone", None, None),
                ("/new", None, b"1"),
            ]
            await kv.commit([Put("/later", b"1")])
            await settle()
            assert heard.take() == [("/later", "put", b"1")]

    run(work())


def test_mirror_that_is_cancelled_can_run_again() -> None:
    async def work() -> None:
        kv = MemoryKV()
        mirror = Mirror(kv, ["/"], clock=LoopClock())
        heard = Heard(mirror)
        for number in range(3):
            await kv.commit([Put(f"/{number}", b"")])
            async with Tasks("t") as tasks:
                tasks.start("mirror", mirror.run())
                await settle()
        assert heard.calls == [(f"/{number}", None, b"") for number in range(3)]

    run(work())


def test_together_ends_all_with_the_first_error() -> None:
    ends: list[str] = []

    async def fails() -> None:
        await asyncio.sleep(1)
        raise Unreachable("one")

    async def runs() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("ended")

    async def work() -> Sequence[str]:
        try:
            await together("both", fails(), runs())
        except Unreachable:
            return ends
        return ["no error"]

    assert run(work()) == ["ended"]
