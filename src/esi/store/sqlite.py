"""SQLite: write-ahead log, every commit on disk before it is answered, one writer, one reader.

`inline` runs everything in the calling task, without threads: for simulations, with ":memory:". There `snapshot` and
`restore` copy the whole database in one call.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from esi.clock import Clock
from esi.errors import Broken, Conflict, Invalid
from esi.schema import Catalogue
from esi.store import T, Work
from esi.store.expanding import expand_sqlite, look_sqlite, wanted
from esi.store.lane import Lane, Ticket, translated
from esi.store.lanes import LoopLane, ThreadLane
from esi.store.migration import refuse_behind
from esi.store.rows import Count, SqlStore, SqlTx, Statements
from esi.store.wake import Datagrams, HintedWake, ProcessWake

BUSY_SECONDS = 5.0
"""How long a statement waits for another process's lock before it is Unreachable."""

MEMORY = ":memory:"


def connected(path: str, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """A connection as every one of ours is."""
    connection = sqlite3.connect(
        path, isolation_level=None, timeout=busy_seconds, check_same_thread=False, cached_statements=1024
    )
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


@contextmanager
def faults() -> Iterator[None]:
    """What SQLite says, as an error of ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise translated(error) from error


class SqliteSql:
    """A transaction's SQL. It never waits: `async def` is the port's shape, not its own."""

    def __init__(self, connection: sqlite3.Connection, count: Count) -> None:
        self._connection: sqlite3.Connection | None = connection
        self._count = count

    def end(self) -> None:
        self._connection = None

    def _execute(self, text: str, values: Sequence[Any]) -> sqlite3.Cursor:
        if self._connection is None:
            raise Broken("a transaction is used after its end")
        self._count.statements += 1
        try:
            return self._connection.execute(text, values)
        except OverflowError:
            raise Invalid("a number does not fit into 64 bits") from None

    async def rows(self, text: str, values: Sequence[Any] = ()) -> Sequence[Sequence[Any]]:
        return self._execute(text, values).fetchall()

    async def run(self, text: str, values: Sequence[Any] = ()) -> int:
        try:
            return self._execute(text, values).rowcount
        except sqlite3.IntegrityError as error:
            columns = [part.rpartition(".")[2] for part in str(error).split(", ")]
            raise Conflict("a value is taken", columns=columns) from error


class SqliteTx(SqlTx):
    """What a lane drives."""

    def __init__(self, sql: SqliteSql, statements: Statements, now: float) -> None:
        super().__init__(sql, statements, now)
        self.end = sql.end


class SqliteStore(SqlStore):
    """The Store on one SQLite file. Made inside a running loop; `close` ends its threads."""

    def __init__(
        self,
        path: str | Path,
        catalogue: Catalogue,
        *,
        clock: Clock,
        inline: bool = False,
        busy_seconds: float = BUSY_SECONDS,
        expand: bool = True,
    ) -> None:
        self._path = str(path)
        self._clock = clock
        self._busy_seconds = busy_seconds
        self._count = Count()
        self._reads = Count()
        self._statements = Statements(catalogue)
        self._connection = self._opened(catalogue, expand=expand)
        alone = inline or self._path == MEMORY
        self.wake = ProcessWake() if alone else HintedWake(Datagrams(Path(f"{self._path}.wake")))
        self._writer: LoopLane | Lane
        self._reader: LoopLane | ThreadLane | Lane
        if inline:
            self._writer = self._writing()
            self._reader = Lane(self._connection, "BEGIN", lambda: None)
        else:
            self._writer = LoopLane("writer", self._writing(), self._resolved, busy_seconds=busy_seconds)
            self._reader = self._writer if alone else ThreadLane("reader", self._reading, lambda _sent: None)

    def _opened(self, catalogue: Catalogue, *, expand: bool) -> sqlite3.Connection:
        """A connection to a database that has the catalogue's shape, or is given it (`expand`)."""
        connection: sqlite3.Connection | None = None
        shape = wanted(catalogue, self._statements)
        try:
            with faults():
                connection = connected(self._path, self._busy_seconds)
                if expand:
                    expand_sqlite(connection, shape)
                else:
                    refuse_behind(look_sqlite(connection, shape))
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        return connection

    @property
    def statements(self) -> int:
        return self._count.statements + self._reads.statements

    @property
    def commits(self) -> int:
        return self._count.commits

    def _writing(self) -> Lane:
        return Lane(self._connection, "BEGIN IMMEDIATE", self._committed)

    def _reading(self) -> Lane:
        connection = connected(self._path, self._busy_seconds)
        connection.execute("PRAGMA query_only=ON")
        return Lane(connection, "BEGIN", lambda: None)

    def _committed(self) -> None:
        self._count.commits += 1

    def _resolved(self, sent: bool) -> None:
        if sent:
            self.wake.wake()

    async def transaction(self, work: Work[T]) -> T:
        result: T = await self._submit(work, self._writer, self._count)
        return result

    async def read(self, work: Work[T]) -> T:
        result: T = await self._submit(work, self._reader, self._reads)
        return result

    async def _submit(self, work: Any, lane: LoopLane | ThreadLane | Lane, count: Count) -> Any:
        now = self._clock.now()

        async def run(tx: Any) -> Any:
            return await work(tx)

        ticket = Ticket(lambda: SqliteTx(SqliteSql(lane.connection, count), self._statements, now), run)
        if not isinstance(lane, Lane):
            return await lane.submit(ticket)
        lane.run([ticket])
        if ticket.error is not None:
            raise ticket.error
        self._resolved(ticket.sent)
        return ticket.value

    def snapshot(self) -> bytes:
        """The whole database as bytes; of an inline store."""
        return bytes(self._connection.serialize())

    def restore(self, data: bytes) -> None:
        """Become what `snapshot` gave; of an inline store in memory."""
        self._connection.deserialize(data)

    async def close(self) -> None:
        for lane in (self._reader, self._writer):
            if isinstance(lane, Lane):
                lane.close()
            else:
                await lane.close()
        self.wake.close()
