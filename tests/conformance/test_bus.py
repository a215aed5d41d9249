"""One suite for every member of the bus: memory, topics in the memory KV, in a real etcd, in a real Kafka."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from esi.bus import Bus, Delivery, SetAside, Topics, TopicState
from esi.bus.kafka import KafkaBus
from esi.bus.kafka.access import Access, Shape
from esi.bus.kafka.standing import KafkaTopics
from esi.bus.kv import KvBus
from esi.bus.memory import MemoryBus
from esi.bus.standing import KvTopics
from esi.clock import SystemClock
from esi.errors import NotFound, Outrun
from esi.kv.memory import MemoryKV
from esi.tasks import Tasks
from esi.testing.etcd import running_etcd
from esi.testing.kafka import Broker

PATIENCE_SECONDS = 30.0
CLOCK = SystemClock()


@dataclass
class Backend:
    """A member under test. `join` gives the bus as another process sees it; `look` what stands there. Topics and groups
    have names of their own in each test: a Kafka remembers.
    """

    join: Callable[[], Bus]
    look: Callable[[], Topics]
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    def named(self, name: str) -> str:
        return f"{name}-{self.id}"

    @property
    def t(self) -> str:
        return self.named("t")

    @property
    def g(self) -> str:
        return self.named("g")

    async def take(self, bus: Bus, count: int, *topics: str, group: str = "g", done: bool = True) -> list[Delivery]:
        """The next `count` messages of a consumer that then ends."""
        found: list[Delivery] = []
        consuming = bus.consume(topics or (self.t,), group=self.named(group))
        async with asyncio.timeout(PATIENCE_SECONDS), aclosing(consuming) as deliveries:
            async for delivery in deliveries:
                found.append(delivery)
                if done:
                    await delivery.done()
                if len(found) == count:
                    break
        return found

    async def nothing_comes(self, bus: Bus, *keys: str, group: str = "g") -> bool:
        """Publish one more message of each key: if they are the first to come, nothing stood before them."""
        keys = keys or ("k",)
        for key in keys:
            await bus.publish(self.t, key, b"end")
        return values(await self.take(bus, len(keys), group=group)) == [b"end"] * len(keys)


@pytest.fixture(params=["memory", "kv", *(pytest.param(name, marks=pytest.mark.real) for name in ("etcd", "kafka"))])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    if request.param == "memory":
        bus = MemoryBus()
        yield Backend(lambda: bus, lambda: bus)
    elif request.param == "kv":
        kv = MemoryKV()
        yield Backend(lambda: KvBus(kv, clock=CLOCK), lambda: KvTopics(kv, KvBus(kv, clock=CLOCK)))
        await kv.close()
    elif request.param == "etcd":
        async with running_etcd(tmp_path) as (_, etcd):
            yield Backend(lambda: KvBus(etcd, clock=CLOCK), lambda: KvTopics(etcd, KvBus(etcd, clock=CLOCK)))
    else:
        broker: Broker = request.getfixturevalue("kafka")

        def join() -> KafkaBus:
            return KafkaBus(Access(broker.servers), clock=CLOCK, shape=Shape(replication=1))

        looking = join()
        yield Backend(join, lambda: KafkaTopics(looking))
        await looking.close()


def values(deliveries: list[Delivery]) -> list[bytes]:
    return [delivery.value for delivery in deliveries]


async def test_messages_come_as_published(backend: Backend) -> None:
    bus, topic = backend.join(), backend.named("monitor_vpn_interface")
    sent = [b'{"a": 1}', b"\x00\xff binary", "\u00e4\u4e2d\U0001f600 \n".encode(), b""]
    for value in sent:
        await bus.publish(topic, "vpn_interfaces/1", value)
    found = await backend.take(bus, len(sent), topic)
    assert values(found) == sent
    assert {(delivery.topic, delivery.key) for delivery in found} == {(topic, "vpn_interfaces/1")}
    await bus.close()


async def test_each_group_gets_everything_and_goes_on_where_it_stopped(backend: Backend) -> None:
    writer, reader = backend.join(), backend.join()
    for number in range(6):
        await writer.publish(backend.t, "k", b"%d" % number)
    assert values(await backend.take(reader, 4, group="one")) == [b"0", b"1", b"2", b"3"]
    assert values(await backend.take(reader, 6, group="two")) == [b"%d" % number for number in range(6)]
    assert values(await backend.take(backend.join(), 2, group="one")) == [b"4", b"5"]
    assert await backend.nothing_comes(reader, group="one")
    assert await backend.nothing_comes(reader, group="two") is True
    await reader.close()
    await writer.close()


async def test_a_waiting_consumer_gets_new_messages_of_all_its_topics(backend: Backend) -> None:
    bus, other = backend.join(), backend.join()
    a, b = backend.named("a"), backend.named("b")
    async with Tasks("test") as tasks:
        reading = tasks.start("read", backend.take(bus, 4, a, b))
        for topic, value in ((a, b"1"), (b, b"2"), (a, b"3"), (b, b"4")):
            await other.publish(topic, "k", value)
        found = await reading
    assert [d.value for d in found if d.topic == a] == [b"1", b"3"]
    assert [d.value for d in found if d.topic == b] == [b"2", b"4"]
    await bus.close()
    await other.close()


async def test_what_is_not_done_comes_again_to_the_next_consumer(backend: Backend) -> None:
    bus = backend.join()
    for number in range(3):
        await bus.publish(backend.t, "k", b"%d" % number)
    first = await backend.take(bus, 3, done=False)
    assert values(first) == [b"0", b"1", b"2"]
    assert values(await backend.take(bus, 3)) == [b"0", b"1", b"2"]
    assert await backend.nothing_comes(bus)
    await bus.close()


async def test_one_consumer_at_a_time_is_served_a_key_in_order_and_another_takes_over(backend: Backend) -> None:
    """Which one it is may change when the second comes; what was in hand then may come twice, never out of order."""
    writer, buses = backend.join(), [backend.join(), backend.join()]
    served: list[tuple[int, bytes]] = []
    more = asyncio.Event()

    async def serve(name: int) -> None:
        async with aclosing(buses[name].consume([backend.t], group=backend.g)) as deliveries:
            async for delivery in deliveries:
                served.append((name, delivery.value))
                more.set()
                try:
                    await delivery.done()
                except Outrun:
                    continue

    async def until_served(value: bytes) -> None:
        while value not in {found for _, found in served}:
            more.clear()
            await more.wait()

    async with asyncio.timeout(PATIENCE_SECONDS), Tasks("test") as tasks:
        consumers = [tasks.start("0", serve(0))]
        await writer.publish(backend.t, "k", b"0")
        await until_served(b"0")
        consumers.append(tasks.start("1", serve(1)))
        for number in range(1, 10):
            await writer.publish(backend.t, "k", b"%d" % number)
        await until_served(b"9")
        holder = served[-1][0]
        consumers[holder].cancel()
        await asyncio.wait({consumers[holder]})
        await writer.publish(backend.t, "k", b"a")
        await until_served(b"a")
        assert served[-1][0] == 1 - holder
    first_seen = list(dict.fromkeys(value for _, value in served))
    assert first_seen == [b"%d" % number for number in range(10)] + [b"a"]
    assert len(served) <= len(first_seen) + 2, "only what was in hand comes twice"
    for bus in (writer, *buses):
        await bus.close()


async def test_messages_finished_out_of_order_are_lost_to_nobody(backend: Backend) -> None:
    bus = backend.join()
    for number in range(4):
        await bus.publish(backend.t, "k", b"%d" % number)
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(bus.consume([backend.t], group=backend.g)) as deliveries:
        found = [await anext(deliveries) for _ in range(4)]
        await found[2].done()
        await found[0].done()
    left = values(await backend.take(bus, 1, done=False))
    assert left == [b"1"], "what nobody has finished comes again, and first"
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(bus.consume([backend.t], group=backend.g)) as deliveries:
        assert (await anext(deliveries)).value == b"1"
    await bus.close()


async def test_a_rejected_message_does_not_come_again(backend: Backend) -> None:
    bus = backend.join()
    await bus.publish(backend.t, "k", b"poison")
    await bus.publish(backend.t, "k", b"good")
    (poison,) = await backend.take(bus, 1, done=False)
    assert poison.value == b"poison"
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(bus.consume([backend.t], group=backend.g)) as deliveries:
        await (await anext(deliveries)).reject("cannot be read")
        assert (await anext(deliveries)).value == b"good"
    assert values(await backend.take(bus, 1)) == [b"good"]
    assert await backend.nothing_comes(bus)
    await bus.close()


async def test_what_stands_is_told_and_a_rejected_message_can_be_put_back(backend: Backend) -> None:
    bus, topics, t = backend.join(), backend.look(), backend.t
    for value in (b"poison", b"more poison", b"good", b"waiting"):
        await bus.publish(t, "k", value)
    assert await topics.standing([t]) == [TopicState(t, 4, {})]
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(bus.consume([t], group=backend.g)) as deliveries:
        await (await anext(deliveries)).reject("cannot be read")
        await (await anext(deliveries)).reject("neither")
        await (await anext(deliveries)).done()
    assert await topics.standing([t]) == [TopicState(t, 4, {backend.g: 1})]
    assert t in {one.topic for one in await topics.standing()}
    found = await topics.rejected([t])
    assert found == [one for one in await topics.rejected() if one.topic == t]
    first, second = found
    assert first == SetAside(first.id, t, backend.g, "k", b"poison", "cannot be read")
    assert second == SetAside(second.id, t, backend.g, "k", b"more poison", "neither")
    assert await topics.again(first.id) == first
    assert await topics.rejected([t]) == [second]
    assert values(await backend.take(bus, 2)) == [b"waiting", b"poison"]
    for id in (first.id, f"{t}/{backend.g}/nothing", "nothing"):
        with pytest.raises(NotFound):
            await topics.again(id)
    await bus.close()


async def test_a_thousand_messages_of_four_writers(backend: Backend, report: Callable[[str], None]) -> None:
    """Each writer's messages stay in order, none is lost, none comes twice."""
    reader, clock = backend.join(), CLOCK
    writers = [backend.join() for _ in range(4)]

    async def write(bus: Bus, name: int) -> None:
        async with Tasks("write") as burst:
            for start in range(0, 250, 50):
                numbers = range(start, start + 50)
                sent = [burst.start(str(n), bus.publish(backend.t, str(name), b"%d" % n)) for n in numbers]
                await asyncio.gather(*sent)

    began = clock.monotonic()
    async with Tasks("test") as tasks:
        reading = tasks.start("read", backend.take(reader, 1000))
        await asyncio.gather(*(tasks.start(str(name), write(bus, name)) for name, bus in enumerate(writers)))
        found = await reading
    took = clock.monotonic() - began
    for name in range(4):
        assert [d.value for d in found if d.key == str(name)] == [b"%d" % number for number in range(250)]
    assert await backend.nothing_comes(reader, *map(str, range(4)))
    report(
        f"bus {type(reader).__name__:10} 1000 messages, 4 writers, each done by itself: {1000 / took:,.0f} per second"
    )
    for bus in (reader, *writers):
        await bus.close()
