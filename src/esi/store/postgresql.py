"""PostgreSQL: plain serializable transactions on a pool, every commit on disk before it is answered.

Serializable, because hooks read before they write: two that must not both stand are found by the database, and the
later one is done again. From its second turn on a transaction waits for others of this process that are at theirs, so
that one of them always gets on; and one that has been refused several times is not overtaken by those that come anew: a
long one among short ones would be refused again and again. A unique value that is taken counts when it is taken twice:
the first time, whoever has it may have come between our look and our write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from decimal import Decimal
from functools import partial
from typing import Any

import asyncpg

from esi.clock import Clock
from esi.errors import Busy, Conflict, EsiError, Unreachable
from esi.schema import Catalogue
from esi.store import T, Work
from esi.store.asked import AskedSql, Columns, translated
from esi.store.migration import refuse_behind
from esi.store.notices import FAULTS, Notices
from esi.store.postgresql_migration import DIALECT, PATIENCE_SECONDS, Migration, Server
from esi.store.rows import Count, SqlStore, SqlTx, Statements
from esi.store.trouble import Trouble
from esi.store.wake import HintedWake, Hints

TURNS, PATIENT_TURNS = 30, 5
READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
SETTINGS = {
    "application_name": "esi",
    "default_transaction_isolation": "serializable",
    "synchronous_commit": "on",
    "jit": "off",
}
HINTS = {"application_name": "esi hints", "synchronous_commit": "off"}
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
        self._starving = 0
        self._fed = asyncio.Event()
        self._fed.set()
        self._columns = _unique_columns(statements)
        self._trouble = Trouble(place)
        self.wake = HintedWake(notices.channel("esi_outbox"))
        self.changes: Hints = notices.channel("esi_changes")
        """For those who wait for a change that another process has made."""

    @classmethod
    async def open(
        cls, server: Server, catalogue: Catalogue, *, clock: Clock, connections: int = 10, expand: bool = True
    ) -> PostgresStore:
        """Connect, and bring the database to the catalogue's shape; or refuse one that has it not (`expand`)."""
        statements = Statements(catalogue, DIALECT)
        connect = partial(asyncpg.connect, server.url, **server.words)
        async with Migration(server, catalogue, statements) as migration:
            if expand:
                await migration.expand(clock)
            else:
                refuse_behind(await migration.look())
        try:
            pool = await asyncpg.create_pool(
                server.url,
                **server.words,
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
        return cls(pool, notices, statements, clock, server.place)

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
        await self._fed.wait()
        now = self._clock.now()
        taken: set[str] = set()
        with ExitStack() as alone:
            for turn in range(TURNS):
                if turn == PATIENT_TURNS:
                    alone.enter_context(self._not_overtaken())
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

    @contextmanager
    def _not_overtaken(self) -> Iterator[None]:
        """Whoever comes to this process meanwhile waits."""
        self._starving += 1
        self._fed.clear()
        try:
            yield
        finally:
            self._starving -= 1
            if not self._starving:
                self._fed.set()

    async def _once(self, begin: str, work: Work[Any], sql: AskedSql, now: float) -> Any:
        with sql.faults():
            async with asyncio.timeout(PATIENCE_SECONDS):
                connection = await self._pool.acquire()
        try:
            tx = PostgresTx(sql, self._statements, now)
            try:
                with sql.faults():
                    await connection.execute(begin)
                result = await sql.drive(connection, _coroutine(work, tx))
                await _commit(connection, sql)
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


async def _commit(connection: Any, sql: AskedSql) -> None:
    """Who loses the answer to this one does not know."""
    try:
        with sql.faults():
            await connection.execute("COMMIT")
    except Unreachable as error:
        words = f"{error.message}. It was committing: look whether what was asked for stands before trying again"
        raise Unreachable(words, **error.details) from error


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


def _unique_columns(statements: Statements) -> Columns:
    found: dict[str, Sequence[str]] = {}
    for table in statements.tables.metadata.tables.values():
        found[f"{table.name}_pkey"] = [column.name for column in table.primary_key]
        found |= {str(index.name): [column.name for column in index.columns] for index in table.indexes if index.unique}
    return found
