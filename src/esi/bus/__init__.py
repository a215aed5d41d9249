"""Topics: what one process publishes, every group of consumers gets, at least once, in order per key.

Members: `memory` (tests, simulation) and `kv` (topics kept in etcd); Kafka comes through the same port. All pass
tests/conformance/test_bus.py.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol


class Delivery(Protocol):
    """One message for one group. Not done and not rejected, it comes again."""

    topic: str
    key: str
    value: bytes

    async def done(self) -> None: ...

    async def reject(self, reason: str) -> None:
        """Set it aside with its reason, so that it does not block the rest."""
        ...


class Bus(Protocol):
    async def publish(self, topic: str, key: str, value: bytes) -> None:
        """Returns when it is kept."""
        ...

    def consume(self, topics: Sequence[str], *, group: str) -> AsyncGenerator[Delivery, None]:
        """Every message of `topics` that the group has not done yet, then each new one as it comes."""
        ...

    async def close(self) -> None: ...
