"""Topics that are missing are made; those that are there stay as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from esi.bus.kafka.access import Access, Errand, Shape, asked
from esi.errors import Rejected

REJECTED = ".rejected"
"""What the topic of rejected messages is called behind the topic's own name."""

EXISTS = 36
MAKE_SECONDS = 30.0


class Maker:
    """Knows which topics this process has seen."""

    def __init__(self, access: Access, shape: Shape) -> None:
        self._access = access
        self._shape = shape
        self._known: set[str] = set()
        self._making = asyncio.Lock()
        self._errand = Errand("kafka topics")

    async def ensure(self, topics: Iterable[str]) -> None:
        """Raises Unreachable, TimedOut, or Rejected with Kafka's words."""
        if self._known.issuperset(topics := list(topics)):
            return
        async with self._making:
            while missing := sorted(set(topics) - self._known):  # another's errand may come first
                async with asked(f"topics {', '.join(missing)} cannot be made", MAKE_SECONDS):
                    await self._errand.run(partial(self._make, missing))

    def forget(self, topic: str) -> None:
        """Look again before it is used next: somebody may have deleted it."""
        self._known.discard(topic)

    async def close(self) -> None:
        await self._errand.close()

    async def _make(self, topics: list[str]) -> None:
        admin = AIOKafkaAdminClient(**self._access.arguments())
        try:
            await admin.start()
            there = set(await admin.list_topics())
            if missing := [self._new(topic) for topic in topics if topic not in there]:
                answer = await admin.create_topics(missing)
                for topic, code, *words in answer.topic_errors:
                    if code not in (0, EXISTS):
                        said = words[0] if words and words[0] else for_code(code).__name__
                        raise Rejected(
                            "Kafka", f"topic {topic} cannot be made: {said} (bus.partitions, bus.replication)"
                        )
            self._known.update(topics)
        finally:
            await admin.close()

    def _new(self, topic: str) -> NewTopic:
        """Rejected messages are few, and kept until somebody has looked: one partition, no end."""
        shape, apart = self._shape, topic.endswith(REJECTED)
        keep = -1 if apart else int(shape.keep_seconds * 1000)
        enough = 2 if shape.replication > 2 else 1  # replicas that must have a message before it counts as kept
        partitions = 1 if apart else shape.partitions
        configs = {"retention.ms": str(keep), "min.insync.replicas": str(enough)}
        return NewTopic(topic, partitions, shape.replication, topic_configs=configs)
