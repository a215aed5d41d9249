"""Time is an argument. Rooms take a Clock; only this file asks the machine what time it is.

Everything that waits, waits by the event loop's own timers (`asyncio.timeout`, `Clock.sleep`), so a test turns the
loop's clock by hand (esi.testing.loop) and an hour of back-off passes in a millisecond.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Protocol


class Clock(Protocol):
    """`now` is wall time in epoch seconds; `monotonic` only grows; `sleep` waits that many seconds."""

    def now(self) -> float: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


def pauses(first: float, longest: float) -> Iterator[float]:
    """Seconds between looks at what tells nobody when it is done: half as long again each time, so that nothing is
    noticed much later than half of the time that it took.
    """
    while True:
        yield first
        first = min(first * 1.5, longest)


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class LoopClock:
    """Wall time derived from the running loop's timer: exact under a hand-turned loop.

    `start` is the epoch at loop time 0.
    """

    def __init__(self, start: float = 1_494_478_800.0) -> None:
        self._start = start

    def now(self) -> float:
        return self._start + asyncio.get_running_loop().time()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
