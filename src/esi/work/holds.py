"""What holds a job up, told in /state beside what is known there: one write when it begins, one when it ends.

    "held": {"version": n, "words": "held: …"}

The rest of the envelope stays as it was: the version before is still what the workers know. The report that ends the
workflow takes its place.
"""

from __future__ import annotations

import asyncio

from esi.clock import Clock
from esi.errors import Outrun, TemporaryError
from esi.kv import KV, Guard, Put
from esi.model.codec import dumps, encode_state, loads_object
from esi.tasks import Tasks

AGAIN_SECONDS = 1.0


class Holds:
    """`hear` from anywhere: a task, which most jobs never need, writes it under `key`, guarded by the claim."""

    def __init__(self, kv: KV, clock: Clock, key: str, version: int, guard: Guard, tasks: Tasks) -> None:
        self._kv = kv
        self._clock = clock
        self._key = key
        self._version = version
        self._guard = guard
        self._tasks = tasks
        self._words = self._written = ""
        self._news = asyncio.Event()

    def hear(self, words: str) -> None:
        """Held up by this from now on; "" is nothing."""
        if words and not self._tasks:
            self._tasks.start("holds", self._run())
        self._words = words
        self._news.set()

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._write()
            except Outrun:
                return
            except TemporaryError:
                self._news.set()
                await self._clock.sleep(AGAIN_SECONDS)

    async def _write(self) -> None:
        words = self._words
        if words == self._written:
            return
        entry = await self._kv.get(self._key)
        known = loads_object(encode_state({}, 0) if entry is None else entry.value, self._key)
        known["held"] = {"version": self._version, "words": words}
        await self._kv.commit([Put(self._key, dumps(known))], guards=[self._guard])
        self._written = words
