"""The rooms of one process: started in order, started again when they fail, ended in reverse order.

A room that fails waits longer each time before it is started again, so a broken backend is not stormed; one that has
run for a while starts anew with the shortest pause. What went wrong stands in `health()` and in the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, Literal, Protocol

from esi.clock import Clock
from esi.errors import ConfigError
from esi.runtime.backoff import Pace
from esi.tasks import Tasks

_log = logging.getLogger(__name__)

WELL_SECONDS = 60.0
"""A room that ran this long was well: its failures are forgotten."""


class Room(Protocol):
    """Something that runs until it is cancelled."""

    @property
    def name(self) -> str: ...

    async def run(self) -> None: ...


@dataclass(slots=True)
class RoomHealth:
    """`since` is epoch seconds; `error` is what ended the last run ("" if none did)."""

    state: Literal["waiting", "running", "failed", "ended"] = "waiting"
    since: float = 0.0
    restarts: int = 0
    error: str = ""


class Supervisor:
    """Runs `rooms` until cancelled. Names must differ."""

    def __init__(self, rooms: Sequence[Room], *, clock: Clock, rng: Random, pace: Pace | None = None) -> None:
        names = [room.name for room in rooms]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError([f"two rooms are called {name}" for name in twice])
        self._rooms = list(rooms)
        self._clock = clock
        self._rng = rng
        self._pace = pace or Pace(first=0.2, longest=30.0)
        self._health = {name: RoomHealth() for name in names}

    def health(self) -> dict[str, dict[str, Any]]:
        """Per room: state, since, restarts, error."""
        return {name: asdict(health) for name, health in self._health.items()}

    async def run(self) -> None:
        async with Tasks("rooms") as tasks:
            started = [(room, tasks.start(room.name, self._keep(room))) for room in self._rooms]
            try:
                await asyncio.Event().wait()
            finally:
                for room, task in reversed(started):
                    task.cancel()
                    await asyncio.wait({task})
                    self._note(room.name, "ended")

    async def _keep(self, room: Room) -> None:
        failures = 0
        while True:
            began = self._clock.monotonic()
            self._note(room.name, "running")
            error = await self._once(room)
            failures = 1 if self._clock.monotonic() - began >= WELL_SECONDS else failures + 1
            words = f"{type(error).__name__}: {error}" if error else "ended by itself"
            health = self._health[room.name]
            if health.error != words:
                _log.error("room %s failed: %s", room.name, words, exc_info=error)
            health.error = words
            self._note(room.name, "failed")
            await self._clock.sleep(self._pace.pause(failures, self._rng))
            health.restarts += 1

    async def _once(self, room: Room) -> BaseException | None:
        """One run of a room, to its end; its error."""

        def told(task: str, error: BaseException) -> None:
            return None  # returned below

        async with Tasks(room.name, on_error=told) as tasks:
            task = tasks.start("run", room.run())
            await asyncio.wait({task})
            return asyncio.CancelledError("cancelled") if task.cancelled() else task.exception()

    def _note(self, name: str, state: Literal["waiting", "running", "failed", "ended"]) -> None:
        self._health[name].state = state
        self._health[name].since = self._clock.now()
