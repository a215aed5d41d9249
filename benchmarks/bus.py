"""Messages per second over each kind of bus, beside a bare loop on Kafka's client."""

from __future__ import annotations

import asyncio
import shutil
import sys
import uuid
from contextlib import aclosing
from pathlib import Path

from benchmarks.processes import PATIENCE_SECONDS, ROOT, Children
from benchmarks.rows import Plan, Row
from esi.bus import Bus, Delivery
from esi.bus.kafka import KafkaBus
from esi.bus.kafka.access import Access, Shape
from esi.bus.kv import KvBus
from esi.clock import SystemClock
from esi.kv.etcd import EtcdKV
from esi.testing.kafka import running_kafka

TITLE = "Messages over the bus"
ABOUT = """Messages of 400 bytes with a hundred keys, each publish waited for, 256 of them under way; then taken by one
consumer that finishes 64 at a time; then by one that finishes each before it takes the next, as an agent does. One
broker with four partitions, as it is set up by its makers. The bare loop uses the same client, numbers its messages
(idempotence), waits for each, and commits once for as many."""

CLOCK = SystemClock()
VALUE = b"x" * 400
KEYS = 100
UNDER_WAY, IN_HAND = 256, 64
WAYS = ("published", "taken, 64 in hand", "taken, one by one")


async def measure(plan: Plan) -> list[Row]:
    jars = kafka_jars()
    count = 300 if plan.quick else 4000
    rows = {(kind, way): Row(f"{kind}: {way}", "per second", []) for kind in ("Kafka", "etcd") for way in WAYS}
    with running_kafka(jars) as broker:
        for number in range(plan.runs()):
            bus = KafkaBus(Access(broker.servers), clock=CLOCK, shape=Shape())
            for way, figure in zip(WAYS, await rates(bus, count), strict=True):
                rows["Kafka", way].ours.append(figure)
            await bus.close()
            async with Children(plan.folder / f"bare-{number}") as children:
                bare = await children.result("baselines.bus", broker.servers, str(count), str(count // 10))
            for way, seconds in zip(WAYS, bare["seconds"], strict=True):
                rows["Kafka", way].baseline.append((count // 10 if way == WAYS[2] else count) / seconds)
    for number in range(plan.runs()):
        async with Children(plan.folder / f"etcd-{number}") as children:
            kv = EtcdKV([(await children.esi("etcd", "--folder", str(children.folder)))["etcd"]], clock=CLOCK)
            for way, figure in zip(WAYS, await rates(KvBus(kv, clock=CLOCK), count), strict=True):
                rows["etcd", way].ours.append(figure)
            await kv.close()
    rows["Kafka", WAYS[0]].target = rows["Kafka", WAYS[2]].target = "ratio >= 0.5"
    return list(rows.values())


def kafka_jars() -> Path:
    sys.path.append(str(ROOT / "scripts"))
    import jars

    if not jars.folder().is_dir() or shutil.which("java") is None:
        raise RuntimeError("there is no Kafka: `make setup` fetches it, with Maven and Java")
    return jars.folder()


async def rates(bus: Bus, count: int) -> list[float]:
    """Per second, in the order of WAYS."""
    many, one = (f"t{uuid.uuid4().hex[:8]}" for _ in range(2))  # what all groups have had does not stay in etcd
    async with asyncio.timeout(PATIENCE_SECONDS):
        found = [await published(bus, many, count), await taken(bus, many, count, IN_HAND)]
        await published(bus, one, count // 10)
        return [*found, await taken(bus, one, count // 10, 1)]


async def published(bus: Bus, topic: str, count: int) -> float:
    slots = asyncio.Semaphore(UNDER_WAY)

    async def publish(number: int) -> None:
        async with slots:
            await bus.publish(topic, f"key-{number % KEYS}", VALUE)

    await publish(0)
    began = CLOCK.monotonic()
    await asyncio.gather(*(publish(number) for number in range(count)))
    return count / (CLOCK.monotonic() - began)


async def taken(bus: Bus, topic: str, count: int, size: int) -> float:
    """The clock runs from the first message on, so that joining does not count."""
    async with aclosing(bus.consume([topic], group="g")) as deliveries:
        await (await anext(deliveries)).done()
        began, hand = CLOCK.monotonic(), list[Delivery]()
        for number in range(1, count + 1):
            hand.append(await anext(deliveries))
            if len(hand) == size or number == count:
                await asyncio.gather(*(delivery.done() for delivery in hand))
                hand.clear()
        return count / (CLOCK.monotonic() - began)
