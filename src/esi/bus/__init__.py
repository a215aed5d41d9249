"""Topics: what one process publishes, every group of consumers gets, at least once, in the order of publishing.

Members: `memory` (tests, simulation), `kv` (topics kept in etcd) and `kafka`. All pass tests/conformance/test_bus.py.
What every member holds to:

- A group gets each message that it has not done; a new group begins with the oldest that is kept.
- Messages of one key come in the order of publishing, to one consumer of the group at a time. Which one it is may
  change when consumers come and go. `memory` and `kv` serve one consumer per topic, with all of it in order; `kafka`
  shares a topic's partitions among them, and between keys nothing is promised.
- A consumer that ends, or dies, without `done` leaves its messages to the next one.
- What a group has done stays done; what it has rejected is set aside with its reason and does not come again, until
  somebody puts it back (`Topics.again`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class Delivery(Protocol):
    """One message for one group. Not done and not rejected, it comes again to the next consumer."""

    topic: str
    key: str
    value: bytes

    async def done(self) -> None:
        """It has been taken in. Raises a TemporaryError when that could not be kept: it may come again; Outrun when
        another consumer is served by now, which is no reason to stop reading.
        """
        ...

    async def reject(self, reason: str) -> None:
        """Set it aside with its reason, so that it does not block the rest. Raises as `done`."""
        ...


class Bus(Protocol):
    async def publish(self, topic: str, key: str, value: bytes) -> None:
        """Returns when it is kept. After an Unreachable or TimedOut it may be kept or not: published again it may come
        twice.
        """
        ...

    def consume(self, topics: Sequence[str], *, group: str) -> AsyncGenerator[Delivery, None]:
        """Every message of `topics` that the group has not done yet, then each new one as it comes.

        Messages may be finished in any order. Whoever stops reading closes it (`contextlib.aclosing`).
        """
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it stands. `messages`: how many are kept; `lag`: by group, how many of them it has not finished."""

    topic: str
    messages: int
    lag: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SetAside:
    """A message that a group has rejected; `id` names it."""

    id: str
    topic: str
    group: str
    key: str
    value: bytes = field(repr=False)
    reason: str


class Topics(Protocol):
    """What stands on a bus, for people who look after it. No names: all topics."""

    async def standing(self, names: Sequence[str] = ()) -> Sequence[TopicState]: ...

    async def rejected(self, names: Sequence[str] = ()) -> Sequence[SetAside]:
        """In the order of topics and groups, oldest first."""
        ...

    async def again(self, id: str) -> SetAside:
        """Publish a rejected message once more, for every group of its topic, and forget that it was rejected. Raises
        NotFound. Killed in between, it may come twice.
        """
        ...
