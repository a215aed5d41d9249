"""Topics in the KV: a dead consumer's place, a lost lease, lost answers, trimming, what stands in the keys."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from random import Random
from typing import Any

import pytest

from esi.bus.kv import KvBus
from esi.bus.topic import TRIM_EVERY, read_head
from esi.clock import LoopClock
from esi.errors import Invalid, TemporaryError
from esi.kv import Put
from esi.kv.memory import MemoryKV
from esi.model import keys
from esi.model.codec import loads_object
from esi.tasks import Tasks
from esi.testing.loop import run
from esi.testing.process import KVHandle, Process

CLOCK = LoopClock()


def play(scene: Coroutine[Any, Any, None]) -> None:
    run(scene)


async def read(bus: KvBus, found: list[bytes], *, group: str = "g") -> None:
    """Take in everything, for ever; what could not be kept comes again."""
    async with aclosing(bus.consume(["t"], group=group)) as deliveries:
        async for delivery in deliveries:
            found.append(delivery.value)
            try:
                await delivery.done()
            except TemporaryError:
                continue


async def until(held: Any) -> None:
    async with asyncio.timeout(60):
        while not held():
            await CLOCK.sleep(0.05)


def test_a_dead_consumers_messages_go_to_the_next_when_its_lease_has_ended() -> None:
    async def scene() -> None:
        kv, dying = MemoryKV(), Process("dying")
        writer, first, second = KvBus(kv, clock=CLOCK), KvBus(KVHandle(dying, kv), clock=CLOCK), KvBus(kv, clock=CLOCK)
        found: list[bytes] = []
        async with Tasks("test") as tasks:
            generator = first.consume(["t"], group="g")
            for number in range(3):
                await writer.publish("t", "k", b"%d" % number)
            taken = [await anext(generator) for _ in range(2)]
            await taken[0].done()
            tasks.start("second", read(second, found))
            dying.die()
            before = CLOCK.monotonic()
            await until(lambda: found == [b"1", b"2"])
            assert CLOCK.monotonic() - before < 5.0
            with pytest.raises(TemporaryError):
                await taken[1].done()
            await generator.aclose()
        await kv.close()

    play(scene())


def test_who_was_paused_can_change_nothing_any_more() -> None:
    async def scene() -> None:
        kv, paused = MemoryKV(), Process("paused")
        bus, other = KvBus(KVHandle(paused, kv), clock=CLOCK), KvBus(kv, clock=CLOCK)
        found: list[bytes] = []
        async with Tasks("test") as tasks:
            generator = bus.consume(["t"], group="g")
            for number in range(3):
                await other.publish("t", "k", b"%d" % number)
            taken = [await anext(generator) for _ in range(3)]
            tasks.start("other", read(other, found))
            paused.pause()
            await until(lambda: len(found) == 3)
            await other.publish("t", "k", b"3")
            await until(lambda: len(found) == 4)
            paused.resume()
            with pytest.raises(TemporaryError):
                await taken[0].done()
            entry = await kv.get(keys.group_key("t", "g"))
            assert entry is not None
            assert entry.value == b"4", "the position went back"
            await generator.aclose()
        await kv.close()

    play(scene())


@pytest.mark.parametrize("seed", range(40))
def test_lost_answers_and_deaths_lose_no_message_and_keep_the_order(seed: int) -> None:
    """Readers die at random steps, writers and readers lose answers: all comes at least once, first times in order."""

    async def scene() -> None:
        rng, kv = Random(seed), MemoryKV()
        found: list[bytes] = []
        steady = Process("writer", lossy=lambda point: rng.random() < 0.05)
        writer = KvBus(KVHandle(steady, kv), clock=CLOCK)

        async def write() -> None:
            for number in range(60):
                while True:
                    try:
                        await writer.publish("t", "k", b"%d" % number)
                        break
                    except TemporaryError:
                        continue
                await CLOCK.sleep(rng.random() * 0.05)

        async def lives() -> None:
            while True:
                process = Process("reader", lambda point: rng.random() < 0.02, lambda point: rng.random() < 0.03)
                process.tasks.start("read", read(KvBus(KVHandle(process, kv), clock=CLOCK), found))
                await process.gone.wait()
                await process.kill()

        async with Tasks("test") as tasks:
            tasks.start("lives", lives())
            await write()
            await until(lambda: b"59" in found)
        firsts = list(dict.fromkeys(found))
        assert firsts == [b"%d" % number for number in range(60)]
        await kv.close()

    play(scene())


def test_what_all_groups_have_done_is_trimmed_in_small_steps() -> None:
    async def scene() -> None:
        kv = MemoryKV()
        bus = KvBus(kv, clock=CLOCK)
        one: list[bytes] = []
        two: list[bytes] = []
        async with Tasks("test") as tasks:
            tasks.start("one", read(bus, one, group="one"))
            tasks.start("two", read(bus, two, group="two"))
            for number in range(1000):
                await bus.publish("t", "k", b"%d" % number)
            await until(lambda: len(one) == 1000 and len(two) == 1000)
        head = await read_head(kv, "t")
        kept = (await kv.list(keys.topic_key("t") + "/")).entries
        assert head.last == 1000
        assert len(kept) == head.last - head.first + 1
        assert len(kept) <= 2 * TRIM_EVERY
        await kv.close()

    play(scene())


def test_a_slow_group_keeps_its_messages_until_they_are_too_old() -> None:
    async def scene() -> None:
        kv = MemoryKV()
        bus = KvBus(kv, clock=CLOCK, keep_seconds=100.0)
        quick: list[bytes] = []
        slow: list[bytes] = []
        async with aclosing(bus.consume(["t"], group="slow")) as early:
            await bus.publish("t", "k", b"0")
            await (await anext(early)).done()
        async with Tasks("test") as tasks:
            tasks.start("quick", read(bus, quick, group="quick"))
            await until(lambda: quick == [b"0"])
            for number in range(1, 200):
                await bus.publish("t", "k", b"%d" % number)
            await until(lambda: len(quick) == 200)
            assert len((await kv.list(keys.topic_key("t") + "/")).entries) >= 199
            await CLOCK.sleep(200.0)
            for number in range(200, 400):
                await bus.publish("t", "k", b"%d" % number)
            await until(lambda: len(quick) == 400)
            tasks.start("slow", read(bus, slow, group="slow"))
            await until(lambda: slow[-1:] == [b"399"])
        assert len(slow) < 300, "old messages were kept for ever"
        assert slow == [b"%d" % number for number in range(400 - len(slow), 400)]
        await kv.close()

    play(scene())


def test_numbers_never_come_back_and_a_topic_nobody_reads_does_not_grow_for_ever() -> None:
    async def scene() -> None:
        kv = MemoryKV()
        for number in range(300):
            await KvBus(kv, clock=CLOCK, keep_seconds=10.0).publish("t", "k", b"%d" % number)
            await CLOCK.sleep(1.0)
        kept = (await kv.list(keys.topic_key("t") + "/")).entries
        assert len(kept) <= 10 + TRIM_EVERY
        assert kept[-1].key == keys.message_key("t", 300)
        await kv.close()

    play(scene())


def test_a_history_that_is_gone_is_listed_again() -> None:
    async def scene() -> None:
        kv = MemoryKV()
        bus = KvBus(kv, clock=CLOCK)
        found: list[bytes] = []
        async with Tasks("test") as tasks:
            tasks.start("read", read(bus, found))
            for number in range(10):
                await bus.publish("t", "k", b"%d" % number)
                kv.compact(kv.revision)
            await until(lambda: len(found) == 10)
        assert found == [b"%d" % number for number in range(10)]
        await kv.close()

    play(scene())


def test_what_is_rejected_or_no_message_is_told_and_passed() -> None:
    async def scene() -> None:
        kv = MemoryKV()
        bus = KvBus(kv, clock=CLOCK)
        await bus.publish("t", "k", b'{"a": 1}')
        await kv.commit([Put(keys.message_key("t", 2), b"rubbish")])
        await kv.commit([Put(keys.topic_key("t"), b'{"first":1,"last":2}')])
        await bus.publish("t", "k", b"good")
        async with aclosing(bus.consume(["t"], group="g")) as deliveries:
            await (await anext(deliveries)).reject("no such resource")
            assert (await anext(deliveries)).value == b"good"
        note = await kv.get(keys.rejected_key("t", "g", 1))
        assert note is not None
        assert loads_object(note.value)["reason"] == "no such resource"
        await kv.close()

    play(scene())


def test_names_that_cannot_stand_in_a_key_are_refused() -> None:
    async def scene() -> None:
        bus = KvBus(MemoryKV(), clock=CLOCK)
        with pytest.raises(Invalid, match="no name of a topic"):
            await bus.publish("a/b", "k", b"")
        with pytest.raises(Invalid, match="no name of a group"):
            await anext(bus.consume(["t"], group=""))

    play(scene())
