"""What a process knows about itself: whether each room is ready and why not, and numbers for metrics.

A room is ready when it runs, has not just failed, and what it stands on answers: etcd, the database, the lease. Whoever
builds the process says what stands below (`checks`), which room needs what (`needs`), and what can be counted
(`numbers`). Rooms know nothing of this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from esi.clock import Clock
from esi.errors import EsiError

CHECK_SECONDS = 2.0
"""How long an answer may take before what is below counts as away."""

FRESH_SECONDS = 1.0
"""An answer that old is given again: nobody can load the ring by asking how it is."""

UNSTEADY_SECONDS = 5.0
"""A room that was started again after a failure must have run so long to count as ready."""

Check = Callable[[], Awaitable[str]]
"""What is wrong with something that rooms stand on; "" when nothing is."""

Numbers = Callable[[], Awaitable[Mapping[str, float]]]
Labelled = Mapping[tuple[str, str, str], float]
"""Values by metric, label and the label's text."""


@dataclass(frozen=True, slots=True)
class Report:
    """`rooms`: why each is not ready, "" for those that are; `checks` in the same way."""

    rooms: Mapping[str, str]
    checks: Mapping[str, str]
    restarts: Mapping[str, int]

    @property
    def ready(self) -> bool:
        return bool(self.rooms) and not any(self.rooms.values())


@dataclass
class Vitals:
    """Filled while a process is built. `states` are the supervisor's, once there is one; `starting`: doors of rooms
    that must be open before they count as ready. `lag`: how late the event loop was of late, at worst, in seconds.
    """

    clock: Clock
    states: Callable[[], Mapping[str, Mapping[str, Any]]] = dict
    checks: dict[str, Check] = field(default_factory=dict)
    needs: Callable[[str], tuple[str, ...]] = lambda room: ()
    numbers: list[Numbers] = field(default_factory=list)
    labelled: list[Callable[[], Labelled]] = field(default_factory=list)
    starting: dict[str, asyncio.Event] = field(default_factory=dict)
    lag: float = 0.0
    ending: bool = False
    _last: tuple[float, Report] | None = None

    async def look(self) -> Report:
        """How it is now, or was a second ago."""
        now = self.clock.monotonic()
        if self._last is not None and now - self._last[0] < FRESH_SECONDS:
            return self._last[1]
        found = await asyncio.gather(*(_asked(check) for check in self.checks.values()))
        below = dict(zip(self.checks, found, strict=True))
        states = self.states()
        rooms = {name: self._room(name, state, below) for name, state in states.items()}
        report = Report(rooms, below, {name: int(state["restarts"]) for name, state in states.items()})
        self._last = (now, report)
        return report

    def _room(self, name: str, state: Mapping[str, Any], below: Mapping[str, str]) -> str:
        if self.ending:
            return "it is told to end"
        if state["state"] != "running":
            return f"it has {state['state']}: {state['error']}" if state["error"] else "it does not run yet"
        if state["error"] and self.clock.now() - state["since"] < UNSTEADY_SECONDS:
            return f"it has just been started again after: {state['error']}"
        if name in self.starting and not self.starting[name].is_set():
            return "it is not open yet"
        return "; ".join(f"{need}: {below[need]}" for need in self.needs(name) if below.get(need))


async def _asked(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check()
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} s"
    except EsiError as error:
        return error.message
