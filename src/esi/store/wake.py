"""Waking the sync writer. In one process an event is enough; other processes' commits are found by the safety look."""

from __future__ import annotations

import asyncio


class ProcessWake:
    """Wakes a waiter of the same event loop."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        self._event.set()

    async def wait(self, *, at_most: float) -> bool:
        try:
            async with asyncio.timeout(at_most):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True
