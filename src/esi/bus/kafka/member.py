"""One `consume`: a member of its group, the partitions that are its own for now, and what it was given of them.

A `Share` is one partition while it is ours: which messages were given and are not finished, and so how far the group
is. Only that position is told to Kafka, never by a timer. At a rebalance all shares end and begin anew from what was
kept, even if the same partition comes back; who then finishes what he had in hand finishes it in the new share.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from esi.bus.kafka.access import Access, Errand, asked
from esi.bus.kafka.maker import REJECTED
from esi.bus.kafka.publisher import Publisher
from esi.errors import Outrun, Unreachable
from esi.tasks import Tasks

log = logging.getLogger(__name__)

SESSION_SECONDS = 10.0
"""How long the partitions of a dead consumer wait."""

JOIN_SECONDS = 30.0
METADATA_MS = 5_000
"""How soon new partitions are found, and topics that a broker did not know yet when we joined."""


class Share:
    """One partition while it is ours. `kept`: the position that Kafka knows."""

    def __init__(self) -> None:
        self.kept = -1
        self._next = -1
        self._given: dict[int, None] = {}
        self._before: set[int] = set()

    @property
    def begun(self) -> bool:
        return self._next >= 0

    @property
    def position(self) -> int:
        """All messages below it are finished by the group."""
        return next(iter(self._given), self._next)

    def begin(self, position: int) -> None:
        """Where the group was when the partition became ours."""
        if not self.begun:
            self.kept = self._next = position
            self._skip()

    def give(self, offset: int) -> bool:
        """False: it was finished already, by who had it in hand before."""
        self.begin(offset)
        if offset < self._next:
            return False
        self._next = offset  # numbers may be missing
        self._skip()
        if offset < self._next:
            return False
        self._given[offset] = None
        self._next = offset + 1
        self._skip()
        return True

    def finish(self, offset: int) -> None:
        if offset < self._next:
            self._given.pop(offset, None)
        else:
            self._before.add(offset)
            self._skip()

    def _skip(self) -> None:
        while self._next in self._before:
            self._before.discard(self._next)
            self._next += 1


@dataclass
class KafkaDelivery:
    topic: str
    key: str
    value: bytes
    partition: int = field(repr=False)
    offset: int = field(repr=False)
    member: Member = field(repr=False)

    async def done(self) -> None:
        await self.member.finish(TopicPartition(self.topic, self.partition), self.offset)

    async def reject(self, reason: str) -> None:
        await self.member.reject(self, reason)


class Member(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """`join`, then `take` again and again, then `leave`."""

    def __init__(
        self, access: Access, group: str, publisher: Publisher, session_seconds: float, patience: float
    ) -> None:
        self._access = access
        self._group = group
        self._publisher = publisher
        self._session_seconds = session_seconds
        self._patience = patience
        self._consumer: AIOKafkaConsumer | None = None
        self._shares: dict[TopicPartition, Share] = {}
        self._keeping = asyncio.Lock()
        self._tasks = Tasks(f"group {group}", on_error=_told)
        self._telling: asyncio.Task[None] | None = None
        self._errand = Errand(f"join {group}")

    async def join(self, topics: Sequence[str]) -> None:
        consumer = AIOKafkaConsumer(
            **self._access.arguments(),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(self._session_seconds * 1000),
            heartbeat_interval_ms=int(self._session_seconds * 300),
            metadata_max_age_ms=METADATA_MS,
        )
        self._consumer = consumer
        async with asked(f"group {self._group} cannot be joined", JOIN_SECONDS):
            await self._errand.run(consumer.start)
            missing = set(topics) - await consumer.topics()
            if missing:  # made a moment ago; whoever joins without them reads nothing of them until he looks again
                raise Unreachable(f"Kafka: topics {', '.join(sorted(missing))} are not known to its brokers yet")
            consumer.subscribe(list(topics), listener=self)

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        for partition in revoked:
            self._shares.pop(partition, None)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._shares = {partition: Share() for partition in assigned}

    async def take(self) -> KafkaDelivery:
        """The next message of our partitions; waits as long as there is none."""
        assert self._consumer is not None
        while True:
            async with asked(f"group {self._group} cannot read", None):
                record: Any = await self._consumer.getone()
            share = self._shares.get(TopicPartition(record.topic, record.partition))
            if share is not None and share.give(record.offset):
                key, value = _text(record.key), record.value or b""
                return KafkaDelivery(record.topic, key, value, record.partition, record.offset, self)

    async def finish(self, partition: TopicPartition, offset: int) -> None:
        share = self._share(partition)
        if not share.begun and self._consumer is not None:  # it came back, and this was in hand before
            async with asked(f"group {self._group} cannot ask how far it is", self._patience):
                share.begin(await self._consumer.position(partition))
        self._share(partition).finish(offset)
        async with self._keeping:
            await self._keep()

    async def reject(self, delivery: KafkaDelivery, reason: str) -> None:
        """It is kept beside before the group moves on; killed in between, it stands there twice."""
        partition = TopicPartition(delivery.topic, delivery.partition)
        self._share(partition)
        note = {
            "esi.reason": reason,
            "esi.group": self._group,
            "esi.topic": delivery.topic,
            "esi.partition": str(delivery.partition),
            "esi.offset": str(delivery.offset),
        }
        await self._publisher.publish(delivery.topic + REJECTED, delivery.key, delivery.value, note)
        await self.finish(partition, delivery.offset)

    def _share(self, partition: TopicPartition) -> Share:
        share = self._shares.get(partition)
        if share is None:
            raise Outrun(f"group {self._group} is served elsewhere on {partition.topic}/{partition.partition} now")
        return share

    async def _keep(self) -> None:
        """Tell Kafka how far we are, of all partitions at once. What takes too long goes on (aiokafka must not be
        cancelled there), and is waited for again before anything newer is told.
        """
        async with asked(f"group {self._group} cannot keep how far it is", self._patience):
            if self._telling is not None:
                await asyncio.wait({self._telling})
            due = {place: share for place, share in self._shares.items() if share.position > share.kept}
            if not due or self._consumer is None:
                return
            self._telling = self._tasks.start("commit", self._tell(self._consumer, due))
            await asyncio.wait({self._telling})
            self._telling.result()

    async def _tell(self, consumer: Any, due: dict[TopicPartition, Share]) -> None:
        positions = {partition: share.position for partition, share in due.items()}
        await consumer.commit(positions)
        for partition, share in due.items():
            share.kept = positions[partition]

    async def leave(self) -> None:
        """Others get our partitions at once. What is still in hand comes again."""
        self._shares = {}
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await consumer.stop()
        await self._tasks.close()
        await self._errand.close()


def _told(name: str, error: BaseException) -> None:
    return None  # who waits for it raises it


def _text(key: bytes | None) -> str:
    return (key or b"").decode(errors="surrogateescape")
