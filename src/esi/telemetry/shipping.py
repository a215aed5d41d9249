"""From the segments of a process to where the API keeps messages, a batch at a time.

The cost is fixed: services come first, and the record of a busy minute is written in the quieter one that follows.
Whether a minute is busy is seen by how late one is woken.
Whoever takes messages may be away: then they wait, as long as the caps let them. A batch whose answer was lost is sent
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

REST, BUSY_REST = 19, 79
"""So much longer than it works it rests: masking, packing and keeping take a twentieth of a core, an eightieth of a
busy one, however much there is to tell; who takes messages elsewhere works as long as we wait for it.
What comes faster waits in the queue, and beyond that is dropped and counted."""

FLUSH_SECONDS = 2.0
"""Who asks for a trace waits at most so long for what this process has not written down yet."""

LATE_SECONDS = 0.01
"""Woken later than this: others want the core."""

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
        self._not_before = self._next_sending = 0.0
        self._trouble = ""
        self._rest = REST

    async def run(self) -> None:
        while True:
            due = await self.turn() + self._clock.monotonic()
            await self._clock.sleep(due - self._clock.monotonic())
            self._rest = BUSY_REST if self._clock.monotonic() - due > LATE_SECONDS else REST

    async def turn(self) -> float:
        """Write some down and send what can be sent; for how long to do nothing then."""
        began = self._clock.monotonic()
        more = self._segments.write()
        if not more or self._clock.monotonic() >= self._next_sending:
            await self._send()
            self._next_sending = self._clock.monotonic() + PAUSE_SECONDS
        spent = self._clock.monotonic() - began
        return spent * self._rest if more else max(spent * self._rest, PAUSE_SECONDS)

    async def flush(self) -> None:
        """Bring what is known by now without any rest: somebody asks for it."""
        until = self._clock.monotonic() + FLUSH_SECONDS
        while self._segments.write() and self._clock.monotonic() < until:
            await self._clock.sleep(0)  # others want the loop
        await self._send()

    async def _send(self) -> None:
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
