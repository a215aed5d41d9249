"""Our bus on a real Kafka: dying consumers and brokers, rebalances, poison; and what others see and say there."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import ssl
import subprocess
import sys
import uuid
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from esi.bus.kafka import KafkaBus
from esi.bus.kafka.access import Access, Shape
from esi.bus.kafka.standing import KafkaTopics
from esi.clock import SystemClock, pauses
from esi.errors import Outrun, Rejected, TemporaryError, TimedOut, Unreachable
from esi.tasks import Tasks
from esi.telemetry import Secret
from esi.testing.kafka import PASSWORD, USER, Broker, running_brokers
from esi.tether import tethered

pytestmark = pytest.mark.real

CLOCK = SystemClock()
ONE = Shape(replication=1)
PATIENCE_SECONDS = 60.0
SESSION_SECONDS = 2.0
READER = Path(__file__).with_name("bus_reader.py")

Join = Callable[..., KafkaBus]


@pytest.fixture
def topic() -> str:
    return f"t-{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def join(kafka: Broker) -> AsyncIterator[Join]:
    """The bus as a process sees it; closed at the end."""
    made: list[KafkaBus] = []

    def join(access: Access | None = None, **more: Any) -> KafkaBus:
        given = {"shape": ONE, "session_seconds": SESSION_SECONDS, **more}
        made.append(KafkaBus(access or Access(kafka.servers), clock=CLOCK, **given))
        return made[-1]

    yield join
    for bus in made:
        await bus.close()


@pytest.fixture
def restarted(kafka: Broker) -> Iterator[Broker]:
    """A broker that the test may kill; it runs afterwards."""
    yield kafka
    if not kafka.running:
        kafka.start()


class Reader:
    """Takes everything in, for ever; what could not be kept comes again."""

    def __init__(self, bus: KafkaBus, topic: str, group: str = "g") -> None:
        self.taken: list[bytes] = []
        self.kept: list[bytes] = []
        self._more = asyncio.Event()
        self._bus, self._topic, self._group = bus, topic, group

    async def run(self) -> None:
        async with aclosing(self._bus.consume([self._topic], group=self._group)) as deliveries:
            async for delivery in deliveries:
                self.taken.append(delivery.value)
                try:
                    await delivery.done()
                    self.kept.append(delivery.value)
                except TemporaryError:
                    pass
                self._more.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():
                self._more.clear()
                await self._more.wait()


async def publish(bus: KafkaBus, topic: str, numbers: range) -> None:
    """Each with a key of its own, over all partitions; again until it is kept."""
    for number in numbers:
        while True:
            try:
                await bus.publish(topic, str(number), b"%d" % number)
                break
            except TemporaryError:
                continue


def expected(numbers: range) -> set[bytes]:
    return {b"%d" % number for number in numbers}


async def test_a_consumer_that_is_killed_costs_no_message(kafka: Broker, join: Join, topic: str) -> None:
    """Two processes of one group share the partitions; one is killed without a word, the other gets what it had."""
    bus, first = join(), range(200)
    await publish(bus, topic, first)
    command = tethered([sys.executable, READER, kafka.servers, topic, "g", str(SESSION_SECONDS)])
    doomed = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE)
    assert doomed.stdout is not None
    told = [(await doomed.stdout.readline()).strip() for _ in range(20)]
    assert all(told)
    reader = Reader(join(), topic)
    async with Tasks("test") as tasks:
        tasks.start("read", reader.run())
        tasks.start("write", publish(bus, topic, range(200, 400)))
        await reader.until(lambda: len(reader.kept) >= 20)
        doomed.kill()
        told += (await doomed.stdout.read()).split()
        await doomed.wait()
        await reader.until(lambda: expected(range(400)) <= set(told) | set(reader.kept))


async def test_what_is_in_hand_at_a_rebalance_is_lost_to_nobody(join: Join, topic: str) -> None:
    """What the first held of partitions that went to the second comes there; what it held of its own still counts."""
    one, two = join(), join()
    await publish(one, topic, range(40))
    async with asyncio.timeout(PATIENCE_SECONDS), Tasks("test") as tasks:
        async with aclosing(one.consume([topic], group="g")) as deliveries:
            held = [await anext(deliveries) for _ in range(40)]
            assert {delivery.value for delivery in held} == expected(range(40))
            other = Reader(two, topic)
            tasks.start("other", other.run())
            await other.until(lambda: bool(other.kept))
            lost, mine = [], []
            for delivery in held:
                try:
                    await delivery.done()
                    mine.append(delivery.value)
                except Outrun:
                    lost.append(delivery.value)
            assert lost
            assert mine
            await other.until(lambda: set(lost) <= set(other.kept))
        await publish(one, topic, range(40, 80))
        await other.until(lambda: expected(range(40, 80)) <= set(other.kept))
        assert not set(mine) & set(other.kept), "what was finished after the rebalance does not come again"


async def test_a_broker_is_killed_and_nothing_is_lost(restarted: Broker, join: Join, topic: str) -> None:
    """While it is away publishing waits, or says so; consuming goes on by itself."""
    bus, reader, written = join(), Reader(join(), topic), 0
    back = asyncio.Event()

    async def write() -> None:
        nonlocal written
        while not back.is_set():
            await publish(bus, topic, range(written, written + 1))
            written += 1

    async with asyncio.timeout(2 * PATIENCE_SECONDS), Tasks("test") as tasks:
        tasks.start("read", reader.run())
        writing = tasks.start("write", write())
        await reader.until(lambda: len(reader.kept) >= 20)
        before = written
        restarted.kill()
        restarted.begin()
        await asyncio.to_thread(restarted.until_ready)
        back.set()
        await writing
        await publish(bus, topic, range(written, written + 50))
        await reader.until(lambda: set(reader.kept) == expected(range(written + 50)))
        assert before > 0


async def test_of_three_brokers_one_dies_and_all_goes_on_and_of_two_it_is_told(
    require: Callable[[str], Path], topic: str
) -> None:
    """Each leads partitions. A message that was told as kept is on two of them at least."""
    with running_brokers(require("kafka"), 3) as brokers:
        access = Access(",".join(broker.servers for broker in brokers))
        bus, hasty = (
            KafkaBus(access, clock=CLOCK, shape=Shape(6, 3), session_seconds=SESSION_SECONDS, patience=patience)
            for patience in (PATIENCE_SECONDS, 3.0)
        )
        reader = Reader(bus, topic)
        async with Tasks("test") as tasks:
            await publish(bus, topic, range(30))
            tasks.start("read", reader.run())
            await reader.until(lambda: set(reader.kept) == expected(range(30)))
            brokers[0].kill()
            await publish(bus, topic, range(30, 60))
            await reader.until(lambda: set(reader.kept) == expected(range(60)))
            brokers[1].kill()
            with pytest.raises((TimedOut, Unreachable)):
                await hasty.publish(topic, "k", b"60")
            for broker in brokers[:2]:
                broker.begin()
            for broker in brokers[:2]:
                await asyncio.to_thread(broker.until_ready)
            await publish(bus, topic, range(60, 90))
            await reader.until(lambda: set(reader.kept) == expected(range(90)))
        for one in (bus, hasty):
            await one.close()


async def test_nobody_there_is_told_in_time_and_what_failed_does_not_come_later(
    restarted: Broker, join: Join, topic: str
) -> None:
    bus, patient = join(patience=2.0), join()
    await bus.publish(topic, "k", b"before")
    await patient.publish(topic, "k", b"also before")
    restarted.kill()
    for _ in range(2):
        with pytest.raises((TimedOut, Unreachable), match="Kafka"):
            await bus.publish(topic, "k", b"too late")
    async with Tasks("test") as tasks:
        waiting = tasks.start("wait", patient.publish(topic, "k", b"waits"))
        restarted.begin()
        await asyncio.to_thread(restarted.until_ready)
        await waiting
    await bus.publish(topic, "k", b"after")
    reader = Reader(bus, topic)
    async with Tasks("test") as tasks:
        tasks.start("read", reader.run())
        await reader.until(lambda: b"after" in reader.kept)
    assert reader.kept == [b"before", b"also before", b"waits", b"after"]


async def test_a_broker_that_stands_still_is_told_in_time_and_gone_on_with(
    restarted: Broker, join: Join, topic: str
) -> None:
    """It holds every connection open and says nothing, as a full disk or a dead switch does."""
    bus = join(patience=2.0)
    await bus.publish(topic, "k", b"0")
    async with aclosing(bus.consume([topic], group="g")) as deliveries:
        delivery = await anext(deliveries)
        restarted.signal(signal.SIGSTOP)
        try:
            with pytest.raises(TimedOut):
                await delivery.done()
            with pytest.raises(TimedOut):
                await bus.publish(topic, "k", b"lost or not")
        finally:
            restarted.signal(signal.SIGCONT)
        await publish(bus, topic, range(1, 5))
    reader = Reader(join(), topic)
    async with Tasks("test") as tasks:
        tasks.start("read", reader.run())
        await reader.until(lambda: expected(range(1, 5)) <= set(reader.kept))


async def test_a_restart_of_the_producer_keeps_the_order(join: Join, topic: str) -> None:
    for number in range(5):
        bus = join()
        async with Tasks("burst") as tasks:
            values = [*(b"%d" % (20 * number + part) for part in range(20)), b"end of %d" % number]
            await asyncio.gather(*(tasks.start("publish", bus.publish(topic, "k", value)) for value in values))
        await bus.close()
    reader = Reader(join(), topic)
    async with Tasks("test") as tasks:
        tasks.start("read", reader.run())
        await reader.until(lambda: b"end of 4" in reader.kept)
    numbers = [int(value) for value in reader.kept if not value.startswith(b"end")]
    assert numbers == list(range(100))


async def test_poison_is_set_aside_shown_and_seen_by_others_and_the_rest_flows(
    kafka: Broker, join: Join, topic: str, require: Callable[[str], Path]
) -> None:
    kcat = require("kcat")
    bus, keys = join(), [f"k{number}" for number in range(8)]
    for key in keys:
        await bus.publish(topic, key, b"\xff\x00 no JSON" if key == "k3" else b"{}")
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(bus.consume([topic], group="g")) as deliveries:
        for _ in keys:
            delivery = await anext(deliveries)
            await (delivery.reject("not JSON: \u00e4") if delivery.value != b"{}" else delivery.done())
    look = KafkaTopics(bus)
    (standing,) = await look.standing([topic])
    assert (standing.messages, standing.lag) == (8, {"g": 0})
    (rejected,) = await look.rejected([topic])
    assert (rejected.key, rejected.value, rejected.reason) == ("k3", b"\xff\x00 no JSON", "not JSON: \u00e4")
    (seen,) = read_by(kcat, kafka, f"{topic}.rejected")
    notes = dict(zip(seen["headers"][::2], seen["headers"][1::2], strict=True))
    assert (seen["key"], notes["esi.reason"], notes["esi.group"]) == ("k3", "not JSON: \u00e4", "g")
    assert (notes["esi.topic"], int(notes["esi.partition"]), int(notes["esi.offset"])) == (
        topic,
        partition_of(rejected.id),
        0,
    )


def partition_of(id: str) -> int:
    return int(id.rpartition("/")[2].partition(".")[0])


def read_by(kcat: Path, kafka: Broker, topic: str) -> list[dict[str, Any]]:
    """What an outside reader finds in a topic."""
    command = [str(kcat), "-b", kafka.servers, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J"]
    said = subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_SECONDS).stdout
    return [json.loads(line) for line in said.decode(errors="replace").splitlines()]


async def test_others_read_what_we_publish_and_we_read_theirs(
    kafka: Broker, join: Join, topic: str, require: Callable[[str], Path]
) -> None:
    kcat, bus = require("kcat"), join()
    key, value = "/v2.0/vpn_interfaces/0bea303d/primary", '{"name":"\u00e4\u4e2d","version":1}'
    await bus.publish(topic, key, value.encode())
    (seen,) = await asyncio.to_thread(read_by, kcat, kafka, topic)
    assert (seen["topic"], seen["key"], seen["payload"]) == (topic, key, value)
    command = [str(kcat), "-b", kafka.servers, "-P", "-t", topic, "-K", "\t", "-X", "partitioner=murmur2_random"]
    said = f"{key}\tsecond\n\tno key\n"
    await asyncio.to_thread(subprocess.run, command, input=said.encode(), check=True, timeout=PATIENCE_SECONDS)
    found: list[tuple[str, bytes]] = []
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(bus.consume([topic], group="g")) as deliveries:
        async for delivery in deliveries:
            found.append((delivery.key, delivery.value))
            await delivery.done()
            if len(found) == 3:
                break
    assert [pair for pair in found if pair[0] == key] == [(key, value.encode()), (key, b"second")]
    assert ("", b"no key") in found


async def test_a_password_inside_tls(kafka: Broker, join: Join, topic: str) -> None:
    trusted = ssl.create_default_context(cafile=str(kafka.ca))
    secure = join(Access(kafka.secure, USER, PASSWORD, "SCRAM-SHA-512", trusted))
    await secure.publish(topic, "k", b"1")
    reader = Reader(secure, topic)
    async with Tasks("test") as tasks:
        tasks.start("read", reader.run())
        await reader.until(lambda: reader.kept == [b"1"])
    (standing,) = await KafkaTopics(secure).standing([topic])
    assert standing.lag == {"g": 0}
    wrong = join(Access(kafka.secure, USER, Secret("another word"), "SCRAM-SHA-512", trusted), patience=5.0)
    foreign = join(Access(kafka.secure, USER, PASSWORD, "SCRAM-SHA-512", ssl.create_default_context()), patience=5.0)
    for refused in (wrong, foreign):
        with pytest.raises(TemporaryError, match="Kafka") as told:
            await refused.publish(topic, "k", b"2")
        assert "another word" not in str(told.value)
        assert PASSWORD.reveal() not in str(told.value)


async def test_what_cannot_be_made_or_taken_is_refused_in_kafkas_words(join: Join, topic: str) -> None:
    with pytest.raises(Rejected, match=r"bus\.replication"):
        await join(shape=Shape(replication=3)).publish(topic, "k", b"1")
    bus = join()
    with pytest.raises(Rejected, match="larger"):
        await bus.publish(topic, "k", b"x" * 2_000_000)
    await bus.publish(topic, "k", b"small")


async def test_a_consumer_that_is_refused_says_why_and_goes_on_once_it_can(
    join: Join, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    bus, reader = join(), Reader(join(shape=Shape(replication=3)), topic)
    with caplog.at_level(logging.WARNING, logger="esi"):
        async with asyncio.timeout(PATIENCE_SECONDS), Tasks("test") as tasks:
            tasks.start("read", reader.run())
            for pause in pauses(0.05, 0.5):
                if "bus.replication" in caplog.text:
                    break
                await CLOCK.sleep(pause)
            await bus.publish(topic, "k", b"1")
            await reader.until(lambda: reader.kept == [b"1"])


async def test_a_topic_has_the_shape_that_was_asked_for(
    kafka: Broker, join: Join, topic: str, require: Callable[[str], Path]
) -> None:
    bus = join(shape=Shape(partitions=7, replication=1, keep_seconds=3600))
    await bus.publish(topic, "k", b"1")
    command = [str(require("kcat")), "-b", kafka.servers, "-L", "-J", "-t", topic]
    said = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, timeout=PATIENCE_SECONDS)
    (described,) = json.loads(said.stdout)["topics"]
    assert len(described["partitions"]) == 7
    admin = AIOKafkaAdminClient(**Access(kafka.servers).arguments())
    await admin.start()
    try:
        (answer,) = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": ""})]
        )
    finally:
        await admin.close()
    ((_, _, _, _, ((name, value, *_),)),) = answer.resources
    assert (name, value) == ("retention.ms", "3600000")
