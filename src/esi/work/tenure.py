"""Who works under a right that can end, the lease behind a claim, is stopped when it does.

One task waits for each right, however many work under it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from esi.errors import LeaseLost
from esi.tasks import Tasks


class Tenures:
    """`tasks` owns those that wait."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._at_work: dict[asyncio.Event, set[asyncio.Task[object]]] = {}

    @asynccontextmanager
    async def under(self, lost: asyncio.Event, what: str) -> AsyncIterator[None]:
        """A block of the running task: when `lost` is set, LeaseLost ends it, with `what` in its words."""
        task = asyncio.current_task()
        assert task is not None
        if lost not in self._at_work:
            self._at_work[lost] = set()
            self._tasks.start("tenures", self._watch(lost))
        at_work, cancelling = self._at_work[lost], task.cancelling()
        at_work.add(task)
        try:
            yield
        except asyncio.CancelledError as error:
            if task in at_work or task.uncancel() > cancelling:  # somebody else wants it to end
                raise
            raise LeaseLost(f"the claim on {what} has ended") from error
        finally:
            at_work.discard(task)

    async def _watch(self, lost: asyncio.Event) -> None:
        await lost.wait()
        at_work = self._at_work.pop(lost)
        while at_work:
            at_work.pop().cancel()
