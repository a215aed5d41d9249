"""What this process publishes. Many publishes that are under way share a batch; each waits for its own message.

The producer numbers its messages (idempotence), so its own repeats make no duplicates and no other order; it repeats
for ever, and we wait for `patience`. When a message has waited too long or was refused, its producer is thrown away
with all that it still holds: what was told as failed must not arrive an hour later, and after a gap in its numbers
Kafka would refuse the rest. The next publish begins with a new one. Into the producer messages go one after the other
(`_queues`): several that wait for the same news of a topic would overtake each other.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from esi.bus.kafka.access import Access, Errand, asked
from esi.bus.kafka.maker import Maker
from esi.errors import EsiError

PUBLISH_SECONDS = 30.0
END_SECONDS = 5.0


class Publisher:
    def __init__(self, access: Access, maker: Maker, patience: float) -> None:
        self._access = access
        self._maker = maker
        self._patience = patience
        self._producer: Any = None
        self._waiting: set[asyncio.Future[Any]] = set()
        self._starting = asyncio.Lock()
        self._errand = Errand("kafka producer")
        self._queues: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def publish(self, topic: str, key: str, value: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Raises Unreachable or TimedOut: it may be kept or not; Rejected: it is not."""
        message: dict[str, Any] = {"value": value, "key": key.encode(errors="surrogateescape")}
        message["headers"] = [(name, text.encode()) for name, text in (headers or {}).items()]
        producer: Any = None
        try:
            async with asked(f"{topic} cannot be written", self._patience):
                async with self._queues[topic]:
                    await self._maker.ensure([topic])
                    producer = await self._started()
                    kept = await producer.send(topic, **message)
                    self._waiting.add(kept)
                    kept.add_done_callback(self._waiting.discard)
                await kept
        except EsiError:
            self._maker.forget(topic)
            await self._discard(producer)
            raise

    async def _started(self) -> Any:
        async with self._starting:
            if self._producer is None:
                await self._errand.run(self._start)
            return self._producer

    async def _start(self) -> None:
        producer = AIOKafkaProducer(**self._access.arguments(), acks="all", enable_idempotence=True)
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer

    async def _discard(self, producer: Any) -> None:
        """Not by its own `stop`, which would wait until all is sent, for ever. The next one begins when this one has
        ended, so that nothing of it comes after what is published next.
        """
        async with self._starting:
            if producer is None or self._producer is not producer:
                return  # never started, or somebody else has been here
            self._producer = None
            try:
                async with asyncio.timeout(END_SECONDS):
                    await producer._sender.close()
            except TimeoutError:
                pass  # it was cancelled
            for waiting in list(self._waiting):
                if not waiting.done():
                    waiting.set_exception(KafkaConnectionError("given up"))
            producer._closed = True
            await producer.client.close()

    async def close(self) -> None:
        """Whoever waits for a message has it kept, or told as unreachable."""
        await self._errand.close()
        if self._producer is not None:
            await self._discard(self._producer)
