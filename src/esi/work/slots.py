"""Slots bound work, not waiting: a job that only waits gives its slot back, and takes one again when it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType


class Slot:
    """One job's place among `slots`. Steps that rest side by side share it: it is back when the last one goes on."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self._held = False
        self._resting = 0
        self._over = False

    async def __aenter__(self) -> Slot:
        await self._slots.acquire()
        self._held = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        self._release()

    @asynccontextmanager
    async def rest(self) -> AsyncIterator[None]:
        self._resting += 1
        self._release()
        gone = False
        try:
            yield
        except asyncio.CancelledError:  # the job is taken away: it must not wait for a slot to end
            gone = True
            raise
        finally:
            self._resting -= 1
            if not (gone or self._resting or self._held or self._over):
                await self._slots.acquire()
                self._held = True

    def _release(self) -> None:
        if self._held:
            self._held = False
            self._slots.release()
