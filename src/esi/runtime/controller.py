"""The loop of every room, written once: changed keys go through a queue to `reconcile`, until the world is as wanted.

For each key: never two runs at the same time; changes during a run cause one more run, however many; a change while it
waits for another try runs it at once. `reconcile(key)` returns None when all is well, or seconds after which to look
again. What it raises says what happens: a TemporaryError backs off (as long as it says itself, else twice as long each
time); anything else is terminal: logged once, told to `on_terminal`, and not tried again until the key changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from esi.errors import TemporaryError
from esi.kv import Entry, Event
from esi.runtime.backoff import Pace
from esi.runtime.mirror import Listener
from esi.tasks import Tasks

_log = logging.getLogger(__name__)


class Source(Protocol):
    """Where changes come from: a Mirror, or whatever tells of keys as it does."""

    def listen(self, listener: Listener) -> None: ...
    def items(self) -> Iterator[Entry]: ...


class Reconcile(Protocol):
    def __call__(self, key: str, /) -> Awaitable[float | None]: ...


def same_key(key: str) -> str | None:
    """The key of the work is the key of the store."""
    return key


@dataclass(frozen=True, slots=True)
class Options:
    """How a controller works.

    `parallel`: most keys at the same time. `key_of` makes the key of the work from a key of the store (None: not ours).
    `on_terminal` may write a failure down; it is awaited while the key still counts as running.
    """

    parallel: int = 64
    pace: Pace = field(default_factory=Pace)
    key_of: Callable[[str], str | None] = same_key
    on_terminal: Callable[[str, Exception], Awaitable[None]] | None = None


class Controller:
    """`run` works until cancelled. The source is run by whoever made it (Supervisor, `together`).

    `idle` is set while nothing waits and nothing runs (keys that wait for another try do not count).
    """

    def __init__(
        self, name: str, source: Source, reconcile: Reconcile, *, rng: Random, options: Options | None = None
    ) -> None:
        self.name = name
        self.idle = asyncio.Event()
        self.idle.set()
        self.runs = 0
        self._source = source
        self._reconcile = reconcile
        self._rng = rng
        self._options = options or Options()
        self._tasks: Tasks | None = None
        self._starting = False
        self._waiting: dict[str, None] = {}
        self._running: set[str] = set()
        self._again: set[str] = set()
        self._failures: dict[str, int] = {}
        self._logged: dict[str, str] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        source.listen(self._changed)

    async def run(self) -> None:
        """Look at every key the source holds, then at each that changes."""
        async with Tasks(self.name) as tasks:
            self._tasks = tasks
            try:
                for entry in self._source.items():
                    self._changed(entry.key, None)
                await asyncio.Event().wait()
            finally:
                self._tasks = None
                for timer in self._timers.values():
                    timer.cancel()
                self._timers.clear()
                self._waiting.clear()

    def add(self, key: str) -> None:
        """Look at `key` (of the work) soon; nothing happens unless the controller runs."""
        if self._tasks is None:
            return
        self.idle.clear()
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key in self._running:
            self._again.add(key)
        else:
            self._waiting[key] = None
            if not self._starting:  # not at once: the keys of one batch may be one key of the work
                self._starting = True
                asyncio.get_running_loop().call_soon(self._start)

    def health(self) -> dict[str, int]:
        """How many keys wait, run, and wait for another try."""
        return {"waiting": len(self._waiting), "running": len(self._running), "backing_off": len(self._timers)}

    def _changed(self, key: str, event: Event | None) -> None:
        ours = self._options.key_of(key)
        if ours is not None:
            self.add(ours)

    def _start(self) -> None:
        self._starting = False
        while self._tasks is not None and self._waiting and len(self._running) < self._options.parallel:
            key = next(iter(self._waiting))
            del self._waiting[key]
            self._running.add(key)
            self._tasks.start(key, self._one(key))

    async def _one(self, key: str) -> None:
        again_in: float | None = None
        try:
            again_in = await self._tried(key)
        finally:
            self._running.discard(key)
            if key in self._again:
                self._again.discard(key)
                if self._tasks is not None:
                    self._waiting[key] = None
            elif again_in is not None and self._tasks is not None:
                self._timers[key] = asyncio.get_running_loop().call_later(again_in, self.add, key)
            self._start()
            if not self._running and not self._waiting:
                self.idle.set()

    async def _tried(self, key: str) -> float | None:
        """One run; when to look again."""
        self.runs += 1
        try:
            again_in = await self._reconcile(key)
        except TemporaryError as error:
            return self._back_off(key, error.after)
        except Exception as error:  # noqa: BLE001 - the one place where any failure of a room's code becomes a fact
            return await self._terminal(key, error)
        self._failures.pop(key, None)
        self._logged.pop(key, None)
        return again_in

    def _back_off(self, key: str, after: float | None) -> float:
        self._failures[key] = self._failures.get(key, 0) + 1
        return after if after is not None else self._options.pace.pause(self._failures[key], self._rng)

    async def _terminal(self, key: str, error: Exception) -> float | None:
        words = f"{type(error).__name__}: {error}"
        if self._logged.get(key) != words:
            self._logged[key] = words
            _log.error("%s: %s: %s", self.name, key, words, exc_info=error)
        self._failures.pop(key, None)
        if self._options.on_terminal is not None:
            try:
                await self._options.on_terminal(key, error)
            except TemporaryError as later:
                return self._back_off(key, later.after)
        return None
