"""From the segments of a process to where the API keeps messages, a batch at a time.

Whoever takes them may be away: then they wait, as long as the caps let them. A batch whose answer was lost is sent
again, so a message may come twice; whoever reads them looks for that.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from esi.clock import Clock
from esi.errors import EsiError
from esi.telemetry.segments import Segments

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.3
"""How long messages are gathered."""

RETRY_SECONDS = 3.0
BATCH_BYTES = 256 * 1024

Take = Callable[[bytes], Awaitable[None]]
"""Keeps lines of messages; a TemporaryError: not now."""


class Shipping:
    """A room: writes what the recorder remembers, and brings it to `take`."""

    name = "shipping"

    def __init__(self, segments: Segments, take: Take, clock: Clock) -> None:
        self._segments = segments
        self._take = take
        self._clock = clock
        self._not_before = 0.0
        self._trouble = ""

    async def run(self) -> None:
        while True:
            await self.turn()
            await self._clock.sleep(PAUSE_SECONDS)

    async def turn(self) -> None:
        """Write everything down and send what can be sent."""
        while self._segments.write():
            await self._clock.sleep(0)
        if self._clock.monotonic() < self._not_before:
            return
        try:
            while (batch := self._segments.waiting(BATCH_BYTES)) is not None:
                await self._take(batch.data)
                self._segments.taken(batch)
                self._trouble = ""
        except EsiError as error:
            self._not_before = self._clock.monotonic() + RETRY_SECONDS
            if self._trouble != str(error):
                log.warning("messages of the flight recorder wait: %s", error)
            self._trouble = str(error)
