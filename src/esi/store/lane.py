"""A lane: one sqlite3 connection and whoever may use it, one group of transactions at a time.

Group commit: what waits while a commit runs shares the next one. Each transaction of a group has its own savepoint, so
that a bad one is undone alone; a commit that fails, fails for the whole group.

A lane alone is driven by its caller, where that stands; for a ring there are esi.store.lanes.
"""

from __future__ import annotations

import asyncio
import sqlite3
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


GIVEN_UP = "the database gave up the transaction that this one shared"


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
        if self.begin(tickets):
            for ticket in tickets:
                self.apply(ticket, alone=len(tickets) == 1)
            self.commit(tickets)

    def begin_at_once(self) -> bool:
        """Open a transaction, unless another process has the lock, or anything else is wrong: `begin` says what."""
        try:
            self.connection.execute("PRAGMA busy_timeout=0")
            self.connection.execute(self._begin)
        except sqlite3.Error:
            return False
        return True

    def begin(self, tickets: Sequence[Ticket], *, busy_seconds: float | None = None) -> bool:
        """Open a transaction, or tell all why not. It waits for another process's lock."""
        try:
            if busy_seconds is not None:
                self.connection.execute(f"PRAGMA busy_timeout={busy_seconds * 1000:.0f}")
            self.connection.execute(self._begin)
        except sqlite3.Error as error:
            self._fail(tickets, error)
            return False
        return True

    def commit(self, tickets: Sequence[Ticket]) -> None:
        """Put on disk what those have done that have no error; or give all of them the same one."""
        good = [ticket for ticket in tickets if ticket.error is None]
        try:
            if good and not self.connection.in_transaction:
                fail(good, Unreachable(GIVEN_UP))
            elif good:
                self.connection.execute("COMMIT")
                self._committed()
                self._trouble.tell("")
        except sqlite3.Error as error:
            self._fail(good, error)
        self._undo()

    def apply(self, ticket: Ticket, *, alone: bool) -> None:
        """The statements of one. What is not alone has a savepoint, to which a fault goes back."""
        if not self.connection.in_transaction:  # a savepoint would open one that nobody commits with the others
            ticket.error = Unreachable(GIVEN_UP)
            return
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
            if self.connection.in_transaction and not alone:
                self.connection.execute("ROLLBACK TO one")
                self.connection.execute("RELEASE one")
        finally:
            session.end()

    def _fail(self, tickets: Sequence[Ticket], error: sqlite3.Error) -> None:
        self._undo()
        fail([ticket for ticket in tickets if ticket.error is None], self._fault(error), error)

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


def fail(tickets: Sequence[Ticket], error: EsiError, cause: BaseException | None = None) -> None:
    for ticket in tickets:
        ticket.error = type(error)(error.message, **error.details)
        ticket.error.__cause__ = cause
