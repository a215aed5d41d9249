"""Clocks that a test turns: one whose time is a number, one that goes ahead of the machine's."""

from __future__ import annotations

from dataclasses import dataclass

from esi.clock import SystemClock


@dataclass
class HandClock:
    """Time is a number; sleeping adds to it."""

    time: float = 1_494_478_800.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


class TurnedClock(SystemClock):
    """Real time, and what it was turned on by."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead
