"""Topics: what one process publishes, every group of consumers gets, at least once, in the order of publishing.

Members: `memory` (tests, simulation) and `kv` (topics kept in etcd); Kafka comes through the same port. All pass
tests/conformance/test_bus.py. What every member holds to:

- A group gets each message that it has not done; a new group begins with the oldest that is kept.
- One consumer of a group is served per topic, in order; the others stand by and take over where it has stopped.
- A consumer that ends, or dies, without `done` leaves its messages to the next one.
- What a group has done stays done; what it has rejected is set aside with its reason and does not come again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol


class Delivery(Protocol):
    """One message for one group. Not done and not rejected, it comes again to the next consumer."""

    topic: str
    key: str
    value: bytes

    async def done(self) -> None:
        """It has been taken in. Raises a TemporaryError when that could not be kept: it may come again."""
        ...

    async def reject(self, reason: str) -> None:
        """Set it aside with its reason, so that it does not block the rest."""
        ...


class Bus(Protocol):
    async def publish(self, topic: str, key: str, value: bytes) -> None:
        """Returns when it is kept. After an Unreachable it may be kept or not: published again it may come twice."""
        ...

    def consume(self, topics: Sequence[str], *, group: str) -> AsyncGenerator[Delivery, None]:
        """Every message of `topics` that the group has not done yet, then each new one as it comes.

        Messages may be finished in any order. Whoever stops reading closes it (`contextlib.aclosing`).
        """
        ...

    async def close(self) -> None: ...
