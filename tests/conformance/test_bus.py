"""One suite for every member of the bus: memory, topics in the memory KV, topics in a real etcd."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest

from esi.bus import Bus, Delivery
from esi.bus.kv import KvBus
from esi.bus.memory import MemoryBus
from esi.clock import SystemClock
from esi.kv.memory import MemoryKV
from esi.tasks import Tasks
from esi.testing.etcd import running_etcd

PATIENCE_SECONDS = 30.0


@dataclass
class Backend:
    """A member under test. `join` gives the bus as another process sees it; `clock` is the real one."""

    join: Callable[[], Bus]


@pytest.fixture(params=["memory", "kv", pytest.param("etcd", marks=pytest.mark.real)])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    clock = SystemClock()
    if request.param == "memory":
        bus = MemoryBus()
        yield Backend(lambda: bus)
    elif request.param == "kv":
        kv = MemoryKV()
        yield Backend(lambda: KvBus(kv, clock=clock))
        await kv.close()
    else:
        async with running_etcd(tmp_path) as (_, etcd):
            yield Backend(lambda: KvBus(etcd, clock=clock))


async def take(bus: Bus, count: int, *topics: str, group: str = "g", done: bool = True) -> list[Delivery]:
    """The next `count` messages of a consumer that then ends."""
    found: list[Delivery] = []
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(bus.consume(topics or ("t",), group=group)) as deliveries:
        async for delivery in deliveries:
            found.append(delivery)
            if done:
                await delivery.done()
            if len(found) == count:
                break
    return found


def values(deliveries: list[Delivery]) -> list[bytes]:
    return [delivery.value for delivery in deliveries]


async def nothing_comes(bus: Bus, *topics: str, group: str = "g") -> bool:
    """Publish one more message: if it is the first to come, nothing stood before it."""
    for topic in topics or ("t",):
        await bus.publish(topic, "k", b"end")
    return values(await take(bus, 1, *topics, group=group)) == [b"end"]


async def test_messages_come_as_published(backend: Backend) -> None:
    bus = backend.join()
    sent = [b'{"a": 1}', b"\x00\xff binary", "\u00e4\u4e2d\U0001f600 \n".encode(), b""]
    for value in sent:
        await bus.publish("monitor_vpn_interface", "vpn_interfaces/1", value)
    found = await take(bus, len(sent), "monitor_vpn_interface")
    assert values(found) == sent
    assert {(delivery.topic, delivery.key) for delivery in found} == {("monitor_vpn_interface", "vpn_interfaces/1")}
    await bus.close()


async def test_each_group_gets_everything_and_goes_on_where_it_stopped(backend: Backend) -> None:
    writer, reader = backend.join(), backend.join()
    for number in range(6):
        await writer.publish("t", "k", b"%d" % number)
    assert values(await take(reader, 4, group="one")) == [b"0", b"1", b"2", b"3"]
    assert values(await take(reader, 6, group="two")) == [b"%d" % number for number in range(6)]
    assert values(await take(backend.join(), 2, group="one")) == [b"4", b"5"]
    assert await nothing_comes(reader, group="one")
    assert await nothing_comes(reader, group="two") is True
    await reader.close()
    await writer.close()


async def test_a_waiting_consumer_gets_new_messages_of_all_its_topics(backend: Backend) -> None:
    bus, other = backend.join(), backend.join()
    async with Tasks("test") as tasks:
        reading = tasks.start("read", take(bus, 4, "a", "b"))
        for topic, value in (("a", b"1"), ("b", b"2"), ("a", b"3"), ("b", b"4")):
            await other.publish(topic, "k", value)
        found = await reading
    assert [d.value for d in found if d.topic == "a"] == [b"1", b"3"]
    assert [d.value for d in found if d.topic == "b"] == [b"2", b"4"]
    await bus.close()
    await other.close()


async def test_what_is_not_done_comes_again_to_the_next_consumer(backend: Backend) -> None:
    bus = backend.join()
    for number in range(3):
        await bus.publish("t", "k", b"%d" % number)
    first = await take(bus, 3, done=False)
    assert values(first) == [b"0", b"1", b"2"]
    assert values(await take(bus, 3)) == [b"0", b"1", b"2"]
    assert await nothing_comes(bus)
    await bus.close()


async def test_only_one_consumer_of_a_group_is_served_and_another_takes_over(backend: Backend) -> None:
    one, two = backend.join(), backend.join()
    async with asyncio.timeout(PATIENCE_SECONDS):
        first = one.consume(["t"], group="g")
        await one.publish("t", "k", b"1")
        taken = await anext(first)
        async with Tasks("test") as tasks:
            standing_by = tasks.start("stand by", take(two, 2))
            await taken.done()
            await one.publish("t", "k", b"2")
            again = await anext(first)
            assert again.value == b"2"
            assert not standing_by.done(), "two consumers of one group were served"
            await one.publish("t", "k", b"3")
            await first.aclose()
            assert values(await standing_by) == [b"2", b"3"]
    await one.close()
    await two.close()


async def test_messages_finished_out_of_order_are_lost_to_nobody(backend: Backend) -> None:
    bus = backend.join()
    for number in range(4):
        await bus.publish("t", "k", b"%d" % number)
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(bus.consume(["t"], group="g")) as deliveries:
        found = [await anext(deliveries) for _ in range(4)]
        await found[2].done()
        await found[0].done()
    left = values(await take(bus, 1, done=False))
    assert left == [b"1"], "what nobody has finished comes again, and first"
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(bus.consume(["t"], group="g")) as deliveries:
        assert (await anext(deliveries)).value == b"1"
    await bus.close()


async def test_a_rejected_message_does_not_come_again(backend: Backend) -> None:
    bus = backend.join()
    await bus.publish("t", "k", b"poison")
    await bus.publish("t", "k", b"good")
    (poison,) = await take(bus, 1, done=False)
    assert poison.value == b"poison"
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(bus.consume(["t"], group="g")) as deliveries:
        await (await anext(deliveries)).reject("cannot be read")
        assert (await anext(deliveries)).value == b"good"
    assert values(await take(bus, 1)) == [b"good"]
    assert await nothing_comes(bus)
    await bus.close()


async def test_a_thousand_messages_of_four_writers(backend: Backend, report: Callable[[str], None]) -> None:
    """Each writer's messages stay in order, none is lost, none comes twice."""
    reader, clock = backend.join(), SystemClock()
    writers = [backend.join() for _ in range(4)]

    async def write(bus: Bus, name: int) -> None:
        async with Tasks("write") as burst:
            for start in range(0, 250, 50):
                await asyncio.gather(
                    *(burst.start(str(n), bus.publish("t", str(name), b"%d" % n)) for n in range(start, start + 50))
                )

    began = clock.monotonic()
    async with Tasks("test") as tasks:
        reading = tasks.start("read", take(reader, 1000))
        await asyncio.gather(*(tasks.start(str(name), write(bus, name)) for name, bus in enumerate(writers)))
        found = await reading
    took = clock.monotonic() - began
    for name in range(4):
        assert [d.value for d in found if d.key == str(name)] == [b"%d" % number for number in range(250)]
    assert await nothing_comes(reader)
    report(
        f"bus {type(reader).__name__:10} 1000 messages, 4 writers, each done by itself: {1000 / took:,.0f} per second"
    )
    for bus in (reader, *writers):
        await bus.close()
