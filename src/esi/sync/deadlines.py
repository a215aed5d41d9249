"""What is pending for too long fails, and what was seen too long ago is unknown: woken by a timer, never by a scan.

The rows' own times stand in an index of the database; this reads the soonest and sleeps until then. A change that is
accepted meanwhile cannot be due before the shortest deadline has passed, so nobody needs to tell; what was *seen* can,
and whoever applies such a report says so (`expect`).

Before a pending row fails it is looked up in etcd where its change has got to, so that the reason names it.
"""

from __future__ import annotations

import asyncio

from esi.clock import Clock
from esi.kv import KV
from esi.lifecycle import Lifecycle
from esi.model.resource import Ref
from esi.sync.progress import Progress

ROWS = 100
"""Read at once."""


class Deadlines:
    """`run` is eternal; one per cluster, beside the sync leader."""

    def __init__(self, kv: KV, lifecycle: Lifecycle, clock: Clock) -> None:
        self._progress = Progress(kv, lifecycle.catalogue)
        self._lifecycle = lifecycle
        self._clock = clock
        self._next = 0.0
        self._sooner = asyncio.Event()

    def expect(self, at: float) -> None:
        """Something may be due at `at` (epoch seconds)."""
        if at < self._next:
            self._sooner.set()

    async def run(self) -> None:
        shortest = self._lifecycle.world.ways.deadlines.pending_seconds
        while True:
            self._sooner.clear()
            now = self._clock.now()
            rows = await self._lifecycle.due(ROWS)
            over = [ref for at, ref in rows if at <= now]
            for ref in over:
                await self._overdue(ref)
            if len(over) == ROWS:
                continue
            later = [at for at, _ref in rows if at > now]
            self._next = min([now + shortest, *later[:1]])
            try:
                async with asyncio.timeout(self._next - now):
                    await self._sooner.wait()
            except TimeoutError:
                continue

    async def _overdue(self, ref: Ref) -> None:
        row = await self._lifecycle.store.read(lambda rows: rows.get(ref))
        if row is not None:
            await self._lifecycle.overdue(ref, await self._progress.waits_for(row))
