"""A PostgreSQL's place, and bringing its shape to the catalogue's while others read and write.

A lock of the session is held from the first group to the end of the connection; who does not get it asks again and
again. Indexes are made CONCURRENTLY, outside of transactions: one that was interrupted is not valid, and is made anew.
A column needs its table alone for a moment: it waits for that shortly, since all others would wait behind it.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy.dialects.postgresql import dialect as postgresql_dialect
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import IdentifierError

from esi.clock import Clock
from esi.errors import Busy, SchemaError, ShapeError
from esi.schema import Catalogue
from esi.store import T
from esi.store.asked import translated
from esi.store.expanding import Tell, fresh, nobody, wanted
from esi.store.migration import COUNTS, Difference, Wanted, doubled, group, missing
from esi.store.notices import FAULTS
from esi.store.rows import Statements
from esi.store.shape import POSTGRESQL, shape_of
from esi.tasks import Tasks
from esi.telemetry import Secret

DIALECT: Dialect = postgresql_dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
NO_PASSWORD = Secret("")
MIGRATION = {"application_name": "esi migration", "synchronous_commit": "on", "jit": "off"}
PATIENCE_SECONDS = 10.0
"""How long a statement, or the wait for a connection, may take before it is Unreachable."""

LOCK = "hashtext('esi migration')"
WAIT_SECONDS = 0.5
FAR_SECONDS = 0.2
LOCK_SECONDS = 2
"""How long a new column waits for a table, and everybody else behind it, before it steps back and tries again."""

PATIENCE = 60
"""Tries to get hold of a table."""

PROGRESS = (
    "SELECT greatest(blocks_done, tuples_done), greatest(blocks_total, tuples_total) "
    "FROM pg_stat_progress_create_index WHERE pid = $1"
)
"""How far the index is that a backend makes."""

Far = Callable[[int, int], None]
"""Hears how much is done, of how much."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a database is, and who we are there. With `tls` its certificate is judged; else the URL says whether."""

    url: str
    password: Secret = NO_PASSWORD
    tls: ssl.SSLContext | None = None

    @property
    def words(self) -> dict[str, Any]:
        """For whatever connects."""
        given: dict[str, Any] = {"password": self.password.reveal() or None, "timeout": PATIENCE_SECONDS}
        return given if self.tls is None else {**given, "ssl": self.tls}

    @property
    def place(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.hostname or 'localhost'}{parts.path}"


class Migration:
    """One connection that looks at a database's shape, and brings it to the catalogue's."""

    def __init__(self, server: Server, catalogue: Catalogue, statements: Statements | None = None) -> None:
        self._server = server
        self._wanted = wanted(catalogue, statements or Statements(catalogue, DIALECT))
        self._connection: Any = None

    async def __aenter__(self) -> Migration:
        words = {**self._server.words, "server_settings": MIGRATION}
        try:
            self._connection = await asyncpg.connect(self._server.url, **words)
        except FAULTS as error:
            raise translated(error) from error
        return self

    async def __aexit__(self, *_how: object) -> None:
        with suppress(*FAULTS):
            await self._connection.close(timeout=PATIENCE_SECONDS)

    async def look(self) -> list[Difference]:
        return await self._told(look_postgresql(self._connection, self._wanted))

    async def expand(self, clock: Clock, tell: Tell = nobody, far: Far | None = None) -> None:
        """Add what is missing; `far` hears how far the index is that is made. SchemaError when something is
        refused.
        """
        async with Tasks("migration") as tasks:
            if far is not None:
                tasks.start("far", self._watch(clock, far))
            await self._told(expand_postgresql(self._connection, self._wanted, clock, tell))

    async def _watch(self, clock: Clock, far: Far) -> None:
        """On a connection of its own; without one it is only not told."""
        with suppress(*FAULTS):
            watching = await asyncpg.connect(self._server.url, **self._server.words)
            try:
                while True:
                    await clock.sleep(FAR_SECONDS)
                    for done, whole in await watching.fetch(PROGRESS, self._connection.get_server_pid()):
                        far(done, whole)
            finally:
                watching.terminate()

    async def _told(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return await work
        except IdentifierError as error:
            raise SchemaError(f"PostgreSQL takes no name of more than 63 characters: {error}") from error
        except FAULTS as error:
            raise translated(error) from error


async def look_postgresql(connection: Any, wanted: Wanted) -> list[Difference]:
    """What is different now."""
    there = shape_of(*[await connection.fetch(text) for text in POSTGRESQL])
    found = list(wanted.differences(there))
    return [doubled(one, await connection.fetchval(one.doubles)) if one.doubles else one for one in found]


async def expand_postgresql(connection: Any, wanted: Wanted, clock: Clock, tell: Tell = nobody) -> None:
    """Add what is missing. ShapeError when something is refused: nothing has been done then."""
    if not missing(await look_postgresql(connection, wanted)):
        return
    await _alone(connection, clock, tell)
    done: set[Difference] = set()
    while todo := missing(await look_postgresql(connection, wanted)):
        await _add(connection, fresh(group(todo), done), clock, tell)


async def _alone(connection: Any, clock: Clock, tell: Tell) -> None:
    """Asked for again and again: a statement that waited would hold up every index that the other one makes."""
    told = False
    while not await connection.fetchval(f"SELECT pg_try_advisory_lock({LOCK})"):
        if not told:
            tell("another process migrates this database; waiting for it to end")
        told = True
        await clock.sleep(WAIT_SECONDS)


async def _add(connection: Any, todo: Sequence[Difference], clock: Clock, tell: Tell) -> None:
    if todo[0].slow and todo[0].what != COUNTS:
        await _index(connection, todo[0], tell)
        return
    for _ in range(PATIENCE):
        try:
            async with connection.transaction(isolation="read_committed"):
                await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
                for text in (text for difference in todo for text in difference.statements):
                    tell(text)
                    await connection.execute(text)
                return
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            tell(f"others hold the table {todo[0].table}; trying again")
            await clock.sleep(WAIT_SECONDS)
    raise Busy(f"others hold the table {todo[0].table} all the time: end what is long under way there, then try again")


async def _index(connection: Any, difference: Difference, tell: Tell) -> None:
    """Without a transaction, and so without a lock that writers would meet."""
    try:
        for text in difference.statements:
            tell(text)
            await connection.execute(text)
    except asyncpg.UniqueViolationError as error:
        name = difference.what.rpartition(" ")[2]
        await connection.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"')
        raise ShapeError(doubled(difference, 1).sentence) from error
