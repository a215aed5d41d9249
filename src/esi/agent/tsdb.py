"""The syncer of metrics: every look's numbers go to a time series database in OpenTSDB's form, HTTP `/api/put`.

    look ► offer (bounded, never waits) ► batches ► POST <url>/api/put ► 204

A look is never slowed down: what cannot be sent now waits in memory, and when that is full the oldest point goes. A
database that is away, or overloaded, is tried again with growing pauses; points that it refuses are counted and
logged, as recorded, and not tried again, because an OpenTSDB has kept the good ones of the same batch. A point that
came twice is the same point. What waits goes with the process.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from random import Random
from urllib.parse import urlsplit

import aiohttp
import orjson

from esi.agent.metrics import build_points
from esi.agent.seen import Value
from esi.clock import Clock
from esi.errors import Rejected, TemporaryError, TimedOut, Unreachable
from esi.model.target import Target
from esi.runtime import Pace

BATCH_BYTES = 8_000
"""An OpenTSDB that is left as installed takes bodies of 8 KiB."""

GATHER_SECONDS = 1.0
"""Looks of the same second share a batch."""

TIMEOUT_SECONDS = 15.0
AWAY = frozenset({408, 425, 429})
"""Statuses below 500 after which the same points may be sent again."""

WORDS = 300
"""So much of an answer is logged."""

log = logging.getLogger(__name__)


class OpenTsdb:
    """`url` is the database's root, as http://127.0.0.1:4242; `most` points wait. Counts points: `sent`, `refused` by
    the database, `dropped` because too many waited.
    """

    def __init__(self, url: str, *, clock: Clock, rng: Random, most: int, pace: Pace | None = None) -> None:
        self.sent = 0
        self.refused = 0
        self.dropped = 0
        self._url = url.rstrip("/") + "/api/put"
        self._who = f"the metrics' database at {urlsplit(url).netloc.rpartition('@')[2]}"
        self._clock = clock
        self._rng = rng
        self._pace = pace or Pace(first=1.0, longest=60.0)
        self._waiting: deque[bytes] = deque(maxlen=most)
        self._come = asyncio.Event()
        self._refusing = False

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def offer(self, target: Target, values: Mapping[str, Value], at: float) -> None:
        """Take what the look at `at` has seen of a target; returns at once."""
        for point in build_points(target, values, at):
            self.dropped += len(self._waiting) == self._waiting.maxlen
            self._waiting.append(orjson.dumps(point))
            self._come.set()

    async def run(self) -> None:
        """Send until cancelled."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)) as session:
            while True:
                await self._come.wait()
                await self._clock.sleep(GATHER_SECONDS)
                while batch := self._take():
                    await self._deliver(session, batch)
                self._come.clear()

    def _take(self) -> list[bytes]:
        """The oldest points, as many as a body may hold; one at least, if there is one."""
        batch: list[bytes] = []
        room = BATCH_BYTES
        while self._waiting and (not batch or room >= len(self._waiting[0])):
            batch.append(self._waiting.popleft())
            room -= len(batch[-1]) + 1
        return batch

    async def _deliver(self, session: aiohttp.ClientSession, batch: list[bytes]) -> None:
        """Send one batch, however long it takes."""
        failures = 0
        while True:
            try:
                await self._put(session, b"[" + b",".join(batch) + b"]")
            except TemporaryError as error:
                failures += 1
                if failures == 1:
                    log.warning("metrics wait: %s", error)
                await self._clock.sleep(self._pace.pause(failures, self._rng))
                continue
            except Rejected as error:
                if not self._refusing:
                    log.warning("metrics are lost: %s", error)
                self._refusing = True
                self.refused += len(batch)
                return
            self.sent += len(batch)
            self._refusing = False
            if failures:
                log.info("%s takes metrics again; %d points wait", self._who, self.waiting)
            return

    async def _put(self, session: aiohttp.ClientSession, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        try:
            async with session.post(self._url, data=body, headers=headers, allow_redirects=False) as reply:
                status, words = reply.status, (await reply.content.read(WORDS)).decode(errors="replace")
        except TimeoutError as error:
            raise TimedOut(f"{self._who} did not answer within {TIMEOUT_SECONDS:.0f} s") from error
        except aiohttp.ClientError as error:
            raise Unreachable(f"{self._who} cannot be reached: {error}") from error
        if status >= 500 or status in AWAY:
            raise Unreachable(f"{self._who} answers {status}")
        if status >= 300:
            raise Rejected(self._who, f"{status}: {words.strip()}")
