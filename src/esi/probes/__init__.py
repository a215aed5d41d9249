"""What can be asked of a device: one probe per type of target.

The agent asks again and again, the monitoring worker until it has a first status.

A probe returns what it has seen; what it cannot see (no answer, no session) is a TemporaryError, and counted.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

from esi.model.target import Observation, Target


class Probe(Protocol):
    """Asks for one type of target. Safe to call at any rate; holds no state but its connections."""

    type: ClassVar[str]

    async def ask(self, target: Target) -> Observation: ...

    async def close(self) -> None: ...
