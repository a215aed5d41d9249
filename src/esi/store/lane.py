"""A lane: one sqlite3 connection and whoever may use it, one group of transactions at a time.

Group commit: what waits while a commit runs shares the next one. Each transaction of a group has its own savepoint, so
that a bad one is undone alone; a commit that fails, fails for the whole group. A ThreadLane has its own thread, in
which the coroutines are driven; without one the caller drives them where it stands.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from esi.errors import Broken, EsiError, Unreachable
from esi.store.trouble import Trouble

GROUP = 128
"""Transactions that share one commit at most."""

TEMPORARY = (
    "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_NOMEM",
    "SQLITE_PROTOCOL", "SQLITE_INTERRUPT",
)  # fmt: skip


WORDS = {
    "SQLITE_FULL": "its disk is full; it goes on by itself as soon as there is room",
    "SQLITE_BUSY": "another process holds its lock; it goes on by itself as soon as that is free",
}
"""What an operator has to know, where SQLite's own words do not say it."""


class Session(Protocol):
    """A transaction object that ends."""

    sent: bool

    def end(self) -> None: ...


@dataclass(slots=True)
class Ticket:
    """One transaction that waits for its turn, and what became of it. `open` makes its session, `work` its
    coroutine.
    """

    open: Callable[[], Session]
    work: Callable[[Any], Coroutine[Any, Any, Any]]
    future: asyncio.Future[Any] | None = None
    value: Any = None
    error: BaseException | None = None
    sent: bool = False


def translated(error: sqlite3.Error) -> EsiError:
    """What a fault of SQLite means: not now (disk, lock), or our own mistake."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(TEMPORARY):
        words = next((words for start, words in WORDS.items() if name.startswith(start)), str(error))
        return Unreachable(f"the database cannot be written or read now: {words}", reason=name)
    return Broken(f"the database refused a statement: {error}", reason=name)


def drive(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never really waits to its end."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    work.close()
    raise Broken("a transaction awaited something that is not its own")


class Lane:
    """Runs groups on one connection. `begin` is the statement that opens a transaction."""

    def __init__(self, connection: sqlite3.Connection, begin: str, committed: Callable[[], None]) -> None:
        self.connection = connection
        self._begin = begin
        self._committed = committed
        (_, _, file), *_ = connection.execute("PRAGMA database_list")
        self._trouble = Trouble(file or "in memory")

    def run(self, tickets: Sequence[Ticket]) -> None:
        """Run a group to its commit; afterwards every ticket holds a value or an error."""
        done: list[Ticket] = []
        try:
            self.connection.execute(self._begin)
            for ticket in tickets:
                if not self._one(ticket, alone=len(tickets) == 1) and not self.connection.in_transaction:
                    _fail(done, Unreachable("the database gave up the transaction that this one shared"))
                    done = []
                    self.connection.execute(self._begin)
                elif ticket.error is None:
                    done.append(ticket)
            self.connection.execute("COMMIT")
            if done:
                self._committed()
                self._trouble.tell("")
        except sqlite3.Error as error:
            self._undo()
            _fail([ticket for ticket in tickets if ticket.error is None], self._fault(error), error)

    def _one(self, ticket: Ticket, *, alone: bool) -> bool:
        session = ticket.open()
        try:
            if not alone:
                self.connection.execute("SAVEPOINT one")
            ticket.value = drive(ticket.work(session))
            ticket.sent = session.sent
            if not alone:
                self.connection.execute("RELEASE one")
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the one who waits for this ticket
            ticket.error = error
            if isinstance(error, sqlite3.Error):
                ticket.error = self._fault(error)
                ticket.error.__cause__ = error
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK" if alone else "ROLLBACK TO one")
                self.connection.execute(self._begin if alone else "RELEASE one")
            return False
        finally:
            session.end()
        return True

    def _fault(self, error: sqlite3.Error) -> EsiError:
        fault = translated(error)
        if isinstance(fault, Unreachable):
            self._trouble.tell(fault.message)
        return fault

    def _undo(self) -> None:
        if self.connection.in_transaction:
            try:
                self.connection.execute("ROLLBACK")
            except sqlite3.Error:
                return  # nothing was committed, which is all that is promised

    def close(self) -> None:
        self.connection.close()


def _fail(tickets: Sequence[Ticket], error: EsiError, cause: BaseException | None = None) -> None:
    for ticket in tickets:
        ticket.error = type(error)(error.message, **error.details)
        ticket.error.__cause__ = cause


class ThreadLane:
    """A lane with its own thread. `resolved` is called on the loop after each group with whether anything was sent."""

    def __init__(self, name: str, open_lane: Callable[[], Lane], resolved: Callable[[bool], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()
        self._resolved = resolved
        self._lane = open_lane()
        self._closed = False
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"esi-store-{name}", daemon=True)
        self._thread.start()

    @property
    def connection(self) -> sqlite3.Connection:
        return self._lane.connection

    async def submit(self, ticket: Ticket) -> Any:
        if self._closed:
            raise Unreachable("the store is closed")
        ticket.future = self._loop.create_future()
        self._queue.put(ticket)
        return await ticket.future

    def _run(self) -> None:
        last = False
        while not last:
            group, last = self._next()
            if group:
                self._lane.run(group)
                self._call(self._settle, group)
        self._lane.close()
        self._call(self._ended.set)

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

    def _call(self, function: Callable[..., Any], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            return  # the loop is gone, and with it everybody who waited

    def _settle(self, group: Sequence[Ticket]) -> None:
        for ticket in group:
            future = ticket.future
            if future is None or future.done():
                continue
            if ticket.error is not None:
                future.set_exception(ticket.error)
            else:
                future.set_result(ticket.value)
        self._resolved(any(ticket.sent for ticket in group if ticket.error is None))

    async def close(self) -> None:
        """Let what waits finish, then end the thread and close the connection."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await self._ended.wait()
        self._thread.join()
