"""Services that arrive at a rate, whatever becomes of the earlier ones; and when each was done.

Done means: interface and gateway are ACTIVE in the database, looked at from outside, so that the API is left alone.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.many import TOGETHER
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.tasks import Tasks
from esi.testing.chain import Wish

CLOCK = SystemClock()

_DONE = """SELECT i.id, i.status FROM vpn_interface i JOIN vpn_gateway g ON g.id = i.vpn_gw_id
WHERE i.id NOT IN (SELECT id FROM seen)
AND ((i.status = 'ACTIVE' AND g.status = 'ACTIVE' AND g.connected_vpn_interface = i.id) OR i.status = 'ERROR')"""


@dataclass
class Seen:
    """By id: when it was asked for, and when it was done. `refused` are those that ended in ERROR."""

    asked: dict[str, float] = field(default_factory=dict)
    done: dict[str, float] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    def seconds(self) -> list[float]:
        """How long each that is ACTIVE took."""
        return [at - self.asked[id] for id, at in self.done.items() if id in self.asked and id not in self.refused]


class Look:
    """Looks at the database of a ring, every few milliseconds."""

    def __init__(self, folder: Path, seen: Seen, *, pause: float = 0.005) -> None:
        self._rows = sqlite3.connect(f"file:{folder / 'esi.db'}?mode=ro", uri=True, isolation_level=None)
        self._rows.execute("CREATE TEMP TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID")  # a look is to cost little
        self._seen = seen
        self._pause = pause

    def look(self) -> None:
        now = CLOCK.monotonic()
        ended = self._rows.execute(_DONE).fetchall()
        self._rows.executemany("INSERT INTO seen VALUES (?)", [(id,) for id, _ in ended])
        self._seen.done |= {id: now for id, _ in ended if id not in self._seen.done}
        self._seen.refused |= {id for id, status in ended if status == "ERROR"}

    async def until(self, count: int, *, at_most: float) -> None:
        """So many have ended."""
        end = CLOCK.monotonic() + at_most
        while True:
            self.look()
            if len(self._seen.done) >= count:
                return
            if CLOCK.monotonic() > end:
                raise RuntimeError(f"{len(self._seen.done)} of {count} had ended after {at_most:.0f} s")
            await CLOCK.sleep(self._pause)


async def arrive(client: Client, wishes: Sequence[Wish], rate: float, seen: Seen) -> None:
    """Ask for one after the other, `rate` per second; a late answer delays nobody."""
    slots = asyncio.Semaphore(TOGETHER)
    began = CLOCK.monotonic()

    async def one(wish: Wish) -> None:
        async with slots:
            await client.put(wish.schema, wish.id, wish.body)

    async with Tasks("arrivals") as tasks:
        asking = []
        for number, wish in enumerate(wishes):
            await CLOCK.sleep(max(0.0, began + number / rate - CLOCK.monotonic()))
            seen.asked[wish.id] = CLOCK.monotonic()
            asking.append(tasks.start(wish.id, one(wish)))
        await asyncio.gather(*asking)
