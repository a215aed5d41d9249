"""Topics kept in the KV (esi.bus.topic says how they lie there): nothing more to run than etcd.

Publishing: the waiting messages of a process go in one commit, numbered on from the topic's head, guarded by it; who is
outrun reads the head again. Consuming: esi.bus.group. Good for the thousands of messages of a control plane, not for a
stream of samples.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, Sequence

from esi.bus.group import Consumer, KvDelivery
from esi.bus.topic import TRIM_EVERY, Head, Message, checked_name, head_put, read_head, trim
from esi.clock import Clock
from esi.errors import Outrun, TemporaryError
from esi.kv import KV, Guard, Lease, Put
from esi.model.keys import message_key
from esi.tasks import Tasks

log = logging.getLogger(__name__)

BATCH_MESSAGES = 64
"""Messages per commit."""

KEEP_SECONDS = 86_400.0
"""How long a message is kept for groups that do not come for it."""

LEASE_SECONDS = 3.0
"""How long a dead consumer keeps its place."""

WINDOW_MESSAGES = 64
"""Messages that are read ahead of a consumer."""


class KvBus:
    """A Bus over any KV. `keep_seconds`: what no group has fetched is dropped after that."""

    def __init__(
        self, kv: KV, *, clock: Clock, keep_seconds: float = KEEP_SECONDS, lease_seconds: float = LEASE_SECONDS
    ) -> None:
        self._kv = kv
        self._clock = clock
        self._keep_seconds = keep_seconds
        self._lease_seconds = lease_seconds
        self._lease: Lease | None = None
        self._leasing = asyncio.Lock()
        self._writers: dict[str, _Writer] = {}

    async def publish(self, topic: str, key: str, value: bytes) -> None:
        writer = self._writers.get(topic)
        if writer is None:
            writer = self._writers[topic] = _Writer(self, self._kv, checked_name(topic, "topic"))
        await writer.publish(Message(key, value, self._clock.now()))

    async def consume(self, topics: Sequence[str], *, group: str) -> AsyncGenerator[KvDelivery, None]:
        checked_name(group, "group")
        deliveries: asyncio.Queue[KvDelivery] = asyncio.Queue(WINDOW_MESSAGES)
        async with Tasks(f"consume {group}") as tasks:
            for topic in topics:
                consumer = Consumer(self, self._kv, checked_name(topic, "topic"), group, uuid.uuid4().bytes)
                tasks.start(topic, consumer.run(deliveries, self._clock))
            while True:
                delivery = await deliveries.get()
                if not delivery.hold.over:
                    yield delivery

    async def lease(self) -> Lease:
        """The lease of this process's places in groups."""
        async with self._leasing:
            if self._lease is None or self._lease.lost.is_set():
                self._lease = await self._kv.lease(self._lease_seconds)
            return self._lease

    async def tidy(self, topic: str) -> None:
        """Trim a topic; what cannot be done now is done another time."""
        try:
            await trim(self._kv, topic, before=self._clock.now() - self._keep_seconds)
        except TemporaryError as error:
            log.debug("topic %s is not trimmed now: %s", topic, error)

    async def close(self) -> None:
        """Give up the places in groups. Consumers are closed by those who read them."""
        if self._lease is not None and not self._lease.lost.is_set():
            try:
                await self._lease.revoke()
            except TemporaryError as error:
                log.debug("the bus's lease ends by itself: %s", error)


class _Writer:
    """What this process publishes to one topic: in order, many in one commit."""

    def __init__(self, bus: KvBus, kv: KV, topic: str) -> None:
        self._bus = bus
        self._kv = kv
        self._topic = topic
        self._head: Head | None = None
        self._waiting: dict[int, Message] = {}
        self._tickets = 0
        self._writing = asyncio.Lock()

    async def publish(self, message: Message) -> None:
        self._tickets += 1
        ticket = self._tickets
        self._waiting[ticket] = message
        try:
            async with self._writing:
                while ticket in self._waiting:
                    await self._write()
        finally:
            self._waiting.pop(ticket, None)

    async def _write(self) -> None:
        """One commit with the oldest of what waits; its author may be anybody."""
        head = self._head or await read_head(self._kv, self._topic)
        batch = list(self._waiting.items())[:BATCH_MESSAGES]
        last = head.last + len(batch)
        ops = [
            Put(message_key(self._topic, head.last + place), message.encode())
            for place, (_, message) in enumerate(batch, start=1)
        ]
        try:
            revision = await self._kv.commit([head_put(self._topic, head.first, last), *ops], guards=[head.guard])
        except Outrun:
            self._head = None
            return
        except BaseException:
            self._head = None
            raise
        self._head = Head(head.first, last, Guard(head.guard.key, revision))
        for ticket, _ in batch:
            self._waiting.pop(ticket, None)
        if last // TRIM_EVERY > head.last // TRIM_EVERY:
            self._head = None
            await self._bus.tidy(self._topic)
