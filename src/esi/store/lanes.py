"""Lanes of a running ring: whose thread drives the transactions.

Reading may take long, and nobody waits for its end but the reader: a ThreadLane drives it in a thread of its own.
Writing is short statements and a long wait for the disk: a LoopLane drives the statements on the loop, where requests
are judged, too, and only waits in a thread, for the disk and for another process's lock. Two threads that both run
Python would hand the interpreter to each other at every statement (docs/performance.md).
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from esi.errors import Unreachable
from esi.store.lane import GROUP, Lane, Ticket

TURN_SECONDS = 0.01
"""A group that is driven on the loop ends after so long: others have their turn while it goes to the disk."""


class _WithThread:
    """What both have: a lane, a thread, and callers on the loop. There `resolved` hears, after each group, whether
    anything was sent.
    """

    def __init__(self, name: str, lane: Lane, resolved: Callable[[bool], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._lane = lane
        self._resolved = resolved
        self._closed = False
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"esi-store-{name}", daemon=True)
        self._thread.start()

    @property
    def connection(self) -> sqlite3.Connection:
        return self._lane.connection

    async def submit(self, ticket: Ticket) -> Any:
        """The value of a ticket, or its error."""
        if self._closed:
            raise Unreachable("the store is closed")
        ticket.future = self._loop.create_future()
        self._join(ticket)
        return await ticket.future

    def _join(self, ticket: Ticket) -> None:
        raise NotImplementedError

    def _run(self) -> None:
        raise NotImplementedError

    def _end(self) -> None:
        """In the thread, which has nothing more to do."""
        self._lane.close()
        call_on(self._loop, self._ended.set)

    def _settle(self, group: Sequence[Ticket]) -> None:
        settle(group)
        self._resolved(any(ticket.sent for ticket in group if ticket.error is None))


class ThreadLane(_WithThread):
    """A lane whose thread drives it."""

    def __init__(self, name: str, open_lane: Callable[[], Lane], resolved: Callable[[bool], None]) -> None:
        self._queue: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()
        super().__init__(name, open_lane(), resolved)

    def _join(self, ticket: Ticket) -> None:
        self._queue.put(ticket)

    def _run(self) -> None:
        last = False
        while not last:
            group, last = self._next()
            if group:
                self._lane.run(group)
                call_on(self._loop, self._settle, group)
        self._end()

    def _next(self) -> tuple[list[Ticket], bool]:
        group: list[Ticket] = []
        ticket = self._queue.get()
        while ticket is not None:
            group.append(ticket)
            if len(group) >= GROUP:
                return group, False
            try:
                ticket = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    async def close(self) -> None:
        """Let what waits finish, then end the thread and close the connection."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await self._ended.wait()
        self._thread.join()


class LoopLane(_WithThread):
    """A lane for writing. While one group goes to the disk, the next gathers; `busy_seconds` is how long it waits for
    another process's lock.
    """

    def __init__(self, name: str, lane: Lane, resolved: Callable[[bool], None], *, busy_seconds: float) -> None:
        self._busy_seconds = busy_seconds
        self._gathering: list[Ticket] = []
        self._under_way = False
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        super().__init__(name, lane, resolved)

    def _join(self, ticket: Ticket) -> None:
        self._gathering.append(ticket)
        if not self._under_way:
            self._under_way = True
            self._loop.call_soon(self._next)  # who else comes in this turn of the loop comes along

    def _next(self) -> None:
        """On the loop: the next group, if there is one."""
        group, self._gathering = self._gathering[:GROUP], self._gathering[GROUP:]
        self._under_way = bool(group)
        if not group:
            if self._closed:
                self._jobs.put(None)
        elif self._lane.begin_at_once():
            self._drive(group)
        else:
            self._jobs.put(partial(self._begin, group))

    def _begin(self, group: list[Ticket]) -> None:
        """In the thread: wait for the lock."""
        begun = self._lane.begin(group, busy_seconds=self._busy_seconds)
        call_on(self._loop, self._drive if begun else self._settle, group)

    def _drive(self, group: list[Ticket]) -> None:
        """On the loop: the statements, while the turn lasts; who is left is first in the next group."""
        until = self._loop.time() + TURN_SECONDS
        alone = len(group) == 1
        for done, ticket in enumerate(group, 1):
            self._lane.apply(ticket, alone=alone)
            if self._loop.time() > until:
                group, self._gathering = group[:done], group[done:] + self._gathering
                break
        self._jobs.put(partial(self._commit, group))

    def _commit(self, group: list[Ticket]) -> None:
        """In the thread: wait for the disk."""
        self._lane.commit(group)
        call_on(self._loop, self._settle, group)

    def _settle(self, group: Sequence[Ticket]) -> None:
        super()._settle(group)
        self._next()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
        self._end()

    async def close(self) -> None:
        """Let what waits finish, then end the thread and close the connection."""
        if not self._closed:
            self._closed = True
            if not self._under_way:
                self._jobs.put(None)
        await self._ended.wait()
        self._thread.join()


def settle(group: Sequence[Ticket]) -> None:
    """Tell everybody who still waits for his ticket what became of it."""
    for ticket in group:
        future = ticket.future
        if future is None or future.done():
            continue
        if ticket.error is not None:
            future.set_exception(ticket.error)
        else:
            future.set_result(ticket.value)


def call_on(loop: asyncio.AbstractEventLoop, function: Callable[..., Any], *arguments: Any) -> None:
    """From a thread. A loop that is gone took everybody who waited with it."""
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        return
