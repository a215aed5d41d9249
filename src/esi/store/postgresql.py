"""PostgreSQL: plain serializable transactions on a pool, every commit on disk before it is answered.

Serializable, because hooks read before they write: two that must not both stand are found by the database, and the
later one is done again. From its second turn on a transaction waits for others of this process that are at theirs, so
that one of them always gets on. A unique value that is taken counts when it is taken twice: the first time, whoever has
it may have come between our look and our write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy.dialects.postgresql import dialect as postgresql_dialect
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import IdentifierError

from esi.clock import Clock
from esi.errors import Busy, Conflict, EsiError, SchemaError, Unreachable
from esi.schema import Catalogue
from esi.store import T, Work
from esi.store.asked import AskedSql, Columns, translated
from esi.store.migration import columns_there, steps
from esi.store.notices import FAULTS, Notices
from esi.store.rows import Count, SqlStore, SqlTx, Statements
from esi.store.trouble import Trouble
from esi.store.wake import HintedWake, Hints
from esi.telemetry import Secret

DIALECT: Dialect = postgresql_dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
NO_PASSWORD = Secret("")
TURNS = 30
PATIENCE_SECONDS = 10.0
"""How long a statement, or the wait for a connection, may take before it is Unreachable."""

READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
SETTINGS = {
    "application_name": "esi",
    "default_transaction_isolation": "serializable",
    "synchronous_commit": "on",
    "jit": "off",
}
HINTS = {"application_name": "esi hints", "synchronous_commit": "off"}
COLUMNS = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('esi migration'))"
INT64 = 2**63


class PooledConnection(asyncpg.Connection):  # type: ignore[misc]  # ships no types
    """Nothing is set on a connection, so nothing is to be reset: a round trip less for each transaction."""

    def get_reset_query(self) -> str:
        return ""


def number_text(value: Any) -> str:
    """A number for a numeric column; one with a point keeps it."""
    if isinstance(value, float):
        text = format(Decimal(repr(value)), "f")
        return text if "." in text else f"{text}.0"
    if not -INT64 <= value < INT64:
        raise OverflowError("beyond 64 bits")
    return str(int(value))


def number_of(text: str) -> int | float:
    return float(text) if "." in text else int(text)


class PostgresTx(SqlTx):
    """The rows of one transaction; what would be many round trips is one statement."""

    async def forget(self, ids: Sequence[int]) -> None:
        await self._sql.run("DELETE FROM esi_outbox WHERE id = ANY($1::bigint[])", (ids,))


class PostgresStore(SqlStore):
    """The Store on one PostgreSQL database: `await PostgresStore.open(…)`."""

    def __init__(self, pool: Any, notices: Notices, statements: Statements, clock: Clock, place: str) -> None:
        self._pool = pool
        self._notices = notices
        self._statements = statements
        self._clock = clock
        self._count = Count()
        self._again = asyncio.Lock()
        self._columns = _unique_columns(statements)
        self._trouble = Trouble(place)
        self.wake = HintedWake(notices.channel("esi_outbox"))
        self.changes: Hints = notices.channel("esi_changes")
        """For those who wait for a change that another process has made."""

    @classmethod
    async def open(
        cls, url: str, catalogue: Catalogue, *, clock: Clock, password: Secret = NO_PASSWORD, connections: int = 10
    ) -> PostgresStore:
        """Connect, and bring the database to the catalogue's shape."""
        statements = Statements(catalogue, DIALECT)
        connect = partial(asyncpg.connect, url, password=password.reveal() or None, timeout=PATIENCE_SECONDS)
        parts = urlsplit(url)
        try:
            await _shape(await connect(server_settings=SETTINGS), catalogue, statements)
            pool = await asyncpg.create_pool(
                url,
                password=password.reveal() or None,
                timeout=PATIENCE_SECONDS,
                command_timeout=PATIENCE_SECONDS,
                min_size=0,
                max_size=connections,
                max_inactive_connection_lifetime=0,
                statement_cache_size=1024,
                connection_class=PooledConnection,
                init=_knows_numbers,
                server_settings=SETTINGS,
            )
        except FAULTS as error:
            raise translated(error) from error
        notices = Notices(partial(connect, server_settings=HINTS), clock)
        return cls(pool, notices, statements, clock, f"{parts.hostname or 'localhost'}{parts.path}")

    @property
    def statements(self) -> int:
        return self._count.statements

    @property
    def commits(self) -> int:
        return self._count.commits

    async def transaction(self, work: Work[T]) -> T:
        result: T = await self._turns("BEGIN", work)
        return result

    async def read(self, work: Work[T]) -> T:
        result: T = await self._turns(READ, work)
        return result

    async def _turns(self, begin: str, work: Work[Any]) -> Any:
        now = self._clock.now()
        taken: set[str] = set()
        for turn in range(TURNS):
            sql = AskedSql(self._count, self._columns)
            try:
                async with self._again if turn else nullcontext():
                    result = await self._once(begin, work, sql, now)
                self._trouble.tell("")
                return result
            except EsiError:
                failed = sql.failed
                if isinstance(failed, Unreachable):
                    self._trouble.tell(failed.message)
                again = isinstance(failed, Busy) or (isinstance(failed, Conflict) and sql.taken not in taken)
                if not again or turn == TURNS - 1:
                    raise
                taken.add(sql.taken)
        raise AssertionError("the last turn returns or raises")

    async def _once(self, begin: str, work: Work[Any], sql: AskedSql, now: float) -> Any:
        with sql.faults():
            connection = await self._pool.acquire(timeout=PATIENCE_SECONDS)
        try:
            tx = PostgresTx(sql, self._statements, now)
            try:
                with sql.faults():
                    await connection.execute(begin)
                result = await sql.drive(connection, _coroutine(work, tx))
                with sql.faults():
                    await connection.execute("COMMIT")
            except BaseException:
                await _undo(connection)
                raise
        finally:
            await self._pool.release(connection)
        if begin != READ:
            self._count.commits += 1
        if tx.sent:
            self.wake.wake()
        return result

    async def close(self) -> None:
        await self._notices.close()
        await self._pool.close()


async def _coroutine(work: Work[Any], tx: PostgresTx) -> Any:
    return await work(tx)


async def _undo(connection: Any) -> None:
    """Nothing stands of what was not committed, whether or not PostgreSQL can still be told."""
    try:
        await connection.execute("ROLLBACK")
    except BaseException as error:
        with suppress(asyncpg.InterfaceError):  # the pool has seen it and taken it back
            connection.terminate()
        if not isinstance(error, FAULTS):
            raise


async def _knows_numbers(connection: Any) -> None:
    await connection.set_type_codec(
        "numeric", schema="pg_catalog", encoder=number_text, decoder=number_of, format="text"
    )


async def _shape(connection: Any, catalogue: Catalogue, statements: Statements) -> None:
    """Add what is missing. A process that starts at the same time waits, and finds all done."""
    try:
        await _knows_numbers(connection)
        async with connection.transaction(isolation="read_committed"):
            await connection.execute(ONE_AT_A_TIME)
            for step in steps(catalogue, statements, columns_there(await connection.fetch(COLUMNS))):
                try:
                    await connection.execute(step.text, *step.values)
                except asyncpg.UniqueViolationError as error:
                    raise SchemaError(step.fault) from error
    except IdentifierError as error:
        raise SchemaError(f"PostgreSQL takes no name of more than 63 characters: {error}") from error
    finally:
        await connection.close()


def _unique_columns(statements: Statements) -> Columns:
    found: dict[str, Sequence[str]] = {}
    for table in statements.tables.metadata.tables.values():
        found[f"{table.name}_pkey"] = [column.name for column in table.primary_key]
        found |= {str(index.name): [column.name for column in index.columns] for index in table.indexes if index.unique}
    return found
