"""Topics in Kafka, over aiokafka, which is imported by rings that ask for it.

    access      who we are there, and what Kafka's errors mean to us
    maker       topics that are missing are made
    publisher   what this process publishes: kept by all replicas in sync when `publish` returns
    member      one `consume`: a member of its group, what it was given, and how far the group has come
    standing    what stands there, for `esi topic`

A key is UTF-8, a value goes as it is; bytes of others that are not UTF-8 come back as they were when a message is
rejected. ADR 21 says what is promised.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence

from esi.bus.kafka.access import Access, Shape
from esi.bus.kafka.maker import REJECTED, Maker
from esi.bus.kafka.member import SESSION_SECONDS, KafkaDelivery, Member
from esi.bus.kafka.publisher import PUBLISH_SECONDS, Publisher
from esi.bus.topic import checked_name
from esi.clock import Clock, pauses
from esi.errors import Rejected, TemporaryError

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 10.0
"""Pauses while no broker is there to be joined."""


class KafkaBus:
    """A Bus over a Kafka. `patience`: seconds that a publish, or a `done`, may take; `session_seconds`: how long a dead
    consumer's partitions wait.
    """

    def __init__(
        self,
        access: Access,
        *,
        clock: Clock,
        shape: Shape,
        patience: float = PUBLISH_SECONDS,
        session_seconds: float = SESSION_SECONDS,
    ) -> None:
        self.access = access
        self._clock = clock
        self._maker = Maker(access, shape)
        self._publisher = Publisher(access, self._maker, patience)
        self._session_seconds = session_seconds
        self._patience = patience

    async def publish(self, topic: str, key: str, value: bytes) -> None:
        await self._publisher.publish(checked_name(topic, "topic"), key, value)

    async def consume(self, topics: Sequence[str], *, group: str) -> AsyncGenerator[KafkaDelivery, None]:
        names = [checked_name(topic, "topic") for topic in topics]
        checked_name(group, "group")
        waiting = pauses(RETRY_SECONDS, LONGEST_RETRY_SECONDS)
        while True:
            member = Member(self.access, group, self._publisher, self._session_seconds, self._patience)
            try:
                await self._maker.ensure(names)
                await member.join(names)
                waiting = pauses(RETRY_SECONDS, LONGEST_RETRY_SECONDS)
                while True:
                    yield await member.take()
            except TemporaryError as error:
                log.info("topics %s, group %s: %s", ", ".join(names), group, error)
            except Rejected as error:  # a right that is missing, or brokers: somebody will give it, and then it goes on
                log.warning("topics %s, group %s: %s", ", ".join(names), group, error)
            finally:
                await member.leave()
            await self._clock.sleep(next(waiting))

    async def put_back(self, topic: str, key: str, value: bytes, note: dict[str, str]) -> None:
        """Publish a rejected message again, and say so beside the rejection that `note` names."""
        await self._publisher.publish(topic, key, value)
        await self._publisher.publish(topic + REJECTED, key, b"", note)

    async def close(self) -> None:
        """Consumers are closed by those who read them."""
        await self._maker.close()
        await self._publisher.close()
