"""The look itself: every target of ours is asked, at once when it comes, then less and less often up to the interval.

A look that sees a change starts again with short pauses. How many run at a time is bounded; what a silent device costs
is bounded by its probe. Agents share the targets by resource (sharing.py): one that is not ours any more is let go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from esi.agent.board import REFRESH_SECONDS, SETTLE_SECONDS, Board, Watched
from esi.agent.metrics import Samples
from esi.agent.records import Kept
from esi.agent.seen import hold_of
from esi.agent.tsdb import OpenTsdb
from esi.agent.watchlist import Watchlist
from esi.clock import Clock
from esi.errors import EsiError, TemporaryError, TerminalError, TimedOut, Unsupported
from esi.kv import KV
from esi.model import keys
from esi.model.codec import loads_object
from esi.model.target import Observation
from esi.probes import Probe
from esi.runtime import Controller, Options, Pace, Term, together

LOOK_SECONDS = 60.0
"""No look may take longer, whatever its probe does."""

FIRST_PAUSE_SECONDS = 1.0
GOOD, SETTLED = 3, 30
"""So many looks without a change count for a status that is good already; and so many are enough for any interval."""


@dataclass(frozen=True, slots=True)
class Habits:
    """`interval`: seconds between looks when nothing changes; `parallel`: most looks at a time; `patience`: failed
    looks in a row that are forgiven; `refresh`: seconds after which what stands is written again; `lease`: seconds
    after which the others take over from an agent that has died.
    """

    interval: float = 60.0
    parallel: int = 1024
    patience: int = 0
    refresh: float = REFRESH_SECONDS
    lease: float = 3.0


def build_habits(interval: float, age: float) -> Habits:
    """Often enough that what holds is told again well before it is `age` seconds old, when it would count for nothing.

    A look that falls just short of `refresh` leaves it to the next, so three fifths of the age is the most between two.
    """
    return Habits(interval=min(interval, age / 5), refresh=min(REFRESH_SECONDS, age * 2 / 5))


def pause(looks: int, interval: float, rng: Random) -> float:
    """Seconds until the next look, after so many without a change: 1, 2, 4, … up to the interval, less a tenth."""
    return min(interval, FIRST_PAUSE_SECONDS * 2.0 ** min(looks, SETTLED)) * (1 - rng.random() / 10)


class Collector:
    """Looks at the targets of the agent `name`, which is one life of one process. `run` works for one term of its
    presence; counters go on. `tsdb`, where there is one, is told the numbers of every look.
    """

    def __init__(
        self, kv: KV, name: str, probes: Mapping[str, Probe], *, clock: Clock, rng: Random, habits: Habits | None = None
    ) -> None:
        self.samples = Samples()
        self.tsdb: OpenTsdb | None = None
        self.looks = 0
        self.failed = 0
        self.writes = 0
        self.habits = habits or Habits()
        self._kv = kv
        self.name = name
        self.probes = dict(probes)
        self.clock = clock
        self._rng = rng
        self.watchlist = Watchlist(kv, name, clock=clock)
        self._board: Board | None = None

    async def run(self, term: Term) -> None:
        """Look until cancelled; raises what makes the store useless for us."""
        self.watchlist = watchlist = Watchlist(self._kv, self.name, clock=self.clock)
        self._board = Board(self._kv, term.guard, clock=self.clock, refresh=self.habits.refresh)
        options = Options(
            parallel=self.habits.parallel,
            pace=Pace(first=0.2, longest=max(1.0, self.habits.interval)),
            key_of=lambda key: key if key.startswith(keys.TARGETS) else None,
        )
        controller = Controller("targets", watchlist.mirror, self.look, rng=self._rng, options=options)
        watchlist.again = controller.add
        await together("collector", watchlist.mirror.run(), controller.run())

    async def look(self, key: str, /) -> float | None:
        """Ask for one target, say what was seen; when to look again. None: it is gone, or another agent's."""
        watched = self.watchlist.take(key)
        if watched is None:
            await self._gone(key)
            return None
        if not watched.seen.values:
            await self._remember(watched)
        seen = await self._ask(watched.kept)
        now = self.clock.now()
        watched.seen.looked(seen, now, patience=self.habits.patience)
        self.samples.add(watched.kept.target.id, watched.seen.values)
        if self.tsdb is not None:
            self.tsdb.offer(watched.kept.target, watched.seen.values, now)
        if self.watchlist.find(key) is not watched:
            return 0.0  # it has changed meanwhile
        await self._publish(watched.kept.path)
        return self._next_look(watched)

    async def _ask(self, kept: Kept) -> Observation | EsiError:
        """One look, which never raises for what a device does."""
        probe = self.probes.get(kept.target.type)
        self.looks += 1
        try:
            if probe is None:
                raise Unsupported(f"nobody can look at {kept.target.type}")
            async with asyncio.timeout(LOOK_SECONDS):
                return await probe.ask(kept.target)
        except TimeoutError:
            error: EsiError = TimedOut(f"the look took more than {LOOK_SECONDS:.0f} s")
        except (TemporaryError, TerminalError) as raised:
            error = raised
        self.failed += 1
        return error

    async def _remember(self, watched: Watched) -> None:
        """A hold that had ended before this life of ours stays ended: its value stands already."""
        target = watched.kept.target
        if hold_of(target) is None:
            return
        entry = await self._kv.get(keys.monitoring_key(watched.kept.path))
        there = loads_object(entry.value, entry.key) if entry is not None else {}
        mine = set(watched.kept.names.values())
        watched.seen.open = there.get("version") == target.version and bool(mine & there.keys())

    async def _gone(self, key: str) -> None:
        """Its own words went with it; what the others of its resource say is looked at once more."""
        kept = self.watchlist.drop(key)
        if kept is None:
            return
        self.samples.forget(kept.target.id)
        if self._board is not None and self.watchlist.owns(kept.path):
            self._board.forget(kept.path)
            await self._publish(kept.path)

    async def _publish(self, path: str) -> None:
        if self._board is not None and await self._board.publish(path, self.watchlist.of(path)):
            self.writes += 1

    def _next_look(self, watched: Watched) -> float:
        counts = not watched.kept.names and not watched.seen.failures  # nobody waits for what only counts
        now, target = self.clock.now(), watched.kept.target
        looks = SETTLED if counts else watched.seen.looks + GOOD * watched.seen.is_good(target)
        until = pause(looks, self.habits.interval, self._rng)
        if watched.kept.door == "topic" and now < target.created_at + SETTLE_SECONDS:
            return min(until, target.created_at + SETTLE_SECONDS - now)
        held = watched.seen.held(target, now) if watched.kept.names else 0.0
        return min(until, held) if held else until
