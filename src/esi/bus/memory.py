"""Topics in one process's memory: the same promises as the other members, nothing outlives the process.

Everything is kept for as long as the process lives: for tests, the simulation, and a ring of one process.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from esi.bus import SetAside, TopicState
from esi.errors import NotFound


class _Message(NamedTuple):
    key: str
    value: bytes


@dataclass(eq=False)
class _Group:
    """One group's place in one topic. `holder` is the consumer that is served; `sent` counts what it was given."""

    finished: set[int] = field(default_factory=set)
    position: int = 0
    sent: int = 0
    holder: object | None = None
    rejected: dict[int, tuple[_Message, str]] = field(default_factory=dict)

    def finish(self, number: int) -> None:
        self.finished.add(number)
        while self.position in self.finished:
            self.finished.discard(self.position)
            self.position += 1


@dataclass
class MemoryDelivery:
    topic: str
    key: str
    value: bytes
    number: int = field(repr=False)
    group: _Group = field(repr=False)

    async def done(self) -> None:
        self.group.finish(self.number)

    async def reject(self, reason: str) -> None:
        self.group.rejected[self.number] = _Message(self.key, self.value), reason
        self.group.finish(self.number)


class MemoryBus:
    """A Bus without anything below it."""

    def __init__(self) -> None:
        self._topics: defaultdict[str, list[_Message]] = defaultdict(list)
        self._groups: defaultdict[tuple[str, str], _Group] = defaultdict(_Group)
        self._waiting: set[asyncio.Event] = set()

    async def publish(self, topic: str, key: str, value: bytes) -> None:
        self._topics[topic].append(_Message(key, value))
        self._wake()

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()

    def kept(self, topic: str) -> list[tuple[str, bytes]]:
        """Key and value of every message of a topic."""
        return [(message.key, message.value) for message in self._topics[topic]]

    async def standing(self, names: Sequence[str] = ()) -> Sequence[TopicState]:
        lag: dict[str, dict[str, int]] = {topic: {} for topic in sorted(self._topics) if not names or topic in names}
        for (topic, group), place in sorted(self._groups.items()):
            if topic in lag:
                lag[topic][group] = len(self._topics[topic]) - place.position
        return [TopicState(topic, len(self._topics[topic]), groups) for topic, groups in lag.items()]

    async def rejected(self, names: Sequence[str] = ()) -> Sequence[SetAside]:
        return [
            SetAside(f"{topic}/{group}/{number}", topic, group, message.key, message.value, reason)
            for (topic, group), place in sorted(self._groups.items())
            if not names or topic in names
            for number, (message, reason) in sorted(place.rejected.items())
        ]

    async def again(self, id: str) -> SetAside:
        for one in await self.rejected():
            if one.id == id:
                await self.publish(one.topic, one.key, one.value)
                del self._groups[one.topic, one.group].rejected[int(id.rpartition("/")[2])]
                return one
        raise NotFound(f"no message {id} has been rejected", rejected=id)

    async def consume(self, topics: Sequence[str], *, group: str) -> AsyncGenerator[MemoryDelivery, None]:
        me, wake = object(), asyncio.Event()
        self._waiting.add(wake)
        try:
            while True:
                wake.clear()
                delivery = self._next(topics, group, me)
                if delivery is None:
                    await wake.wait()
                else:
                    yield delivery
        finally:
            self._waiting.discard(wake)
            for topic in topics:
                if self._groups[topic, group].holder is me:
                    self._groups[topic, group].holder = None
            self._wake()

    def _next(self, topics: Sequence[str], group: str, me: object) -> MemoryDelivery | None:
        for topic in topics:
            place = self._groups[topic, group]
            if place.holder is None:
                place.holder, place.sent = me, place.position
            while place.holder is me and place.sent < len(self._topics[topic]):
                number = place.sent
                place.sent += 1
                if number not in place.finished:
                    return MemoryDelivery(topic, *self._topics[topic][number], number, place)
        return None

    async def close(self) -> None:
        return None
