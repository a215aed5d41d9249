"""SQLite: write-ahead log, every commit on disk before it is answered, one writer, one reader.

`inline` runs everything in the calling task, without threads: for simulations, with ":memory:". There `snapshot` and
`restore` copy the whole database in one call.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from esi.clock import Clock
from esi.errors import Broken
from esi.schema import Catalogue
from esi.store import OutboxRow, T, Work
from esi.store.lane import Lane, ThreadLane, Ticket, translated
from esi.store.migration import migrate
from esi.store.rows import Count, SqliteTx, Statements
from esi.store.wake import FileWake, ProcessWake

BUSY_SECONDS = 5.0
"""How long a statement waits for another process's lock before it is Unreachable."""

MEMORY = ":memory:"


class SqliteStore:
    """The Store on one SQLite file. Made inside a running loop; `close` ends its threads."""

    def __init__(
        self,
        path: str | Path,
        catalogue: Catalogue,
        *,
        clock: Clock,
        inline: bool = False,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self._path = str(path)
        self._clock = clock
        self._busy_seconds = busy_seconds
        self._count = Count()
        self._reads = Count()
        self._statements = Statements(catalogue)
        self._connection = self._opened(catalogue)
        alone = inline or self._path == MEMORY
        self.wake = ProcessWake() if alone else FileWake(Path(f"{self._path}.wake"))
        self._writer: ThreadLane | Lane
        self._reader: ThreadLane | Lane
        if inline:
            self._writer = self._writing()
            self._reader = Lane(self._connection, "BEGIN", lambda: None)
        else:
            self._writer = ThreadLane("writer", self._writing, self._resolved)
            self._reader = self._writer if alone else ThreadLane("reader", self._reading, lambda _sent: None)

    def _opened(self, catalogue: Catalogue) -> sqlite3.Connection:
        """A connection to a database that has the catalogue's shape."""
        connection: sqlite3.Connection | None = None
        try:
            connection = self._connect()
            migrate(connection, catalogue, self._statements.tables)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, sqlite3.Error):
                raise translated(error) from error
            raise
        return connection

    @property
    def statements(self) -> int:
        return self._count.statements + self._reads.statements

    @property
    def commits(self) -> int:
        return self._count.commits

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            isolation_level=None,
            timeout=self._busy_seconds,
            check_same_thread=False,
            cached_statements=1024,
        )
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _writing(self) -> Lane:
        return Lane(self._connection, "BEGIN IMMEDIATE", self._committed)

    def _reading(self) -> Lane:
        connection = self._connect()
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

    async def _submit(self, work: Any, lane: ThreadLane | Lane, count: Count) -> Any:
        now = self._clock.now()

        async def run(tx: Any) -> Any:
            return await work(tx)

        ticket = Ticket(lambda: SqliteTx(lane.connection, self._statements, count, now), run)
        if isinstance(lane, ThreadLane):
            return await lane.submit(ticket)
        lane.run([ticket])
        if ticket.error is not None:
            raise ticket.error
        self._resolved(ticket.sent)
        return ticket.value

    async def outbox_batch(self, limit: int) -> Sequence[OutboxRow]:
        return await self.read(lambda tx: _rows(tx).outbox(limit))

    async def outbox_done(self, ids: Sequence[int]) -> None:
        await self.transaction(lambda tx: _rows(tx).forget(ids))

    async def outbox_park(self, id: int, error: str) -> None:
        await self.transaction(lambda tx: _rows(tx).park(id, error))

    async def outbox_parked(self) -> Sequence[tuple[OutboxRow, str]]:
        return await self.read(lambda tx: _rows(tx).parked())

    def snapshot(self) -> bytes:
        """The whole database as bytes; of an inline store."""
        return bytes(self._connection.serialize())

    def restore(self, data: bytes) -> None:
        """Become what `snapshot` gave; of an inline store in memory."""
        self._connection.deserialize(data)

    async def close(self) -> None:
        for lane in (self._reader, self._writer):
            if isinstance(lane, ThreadLane):
                await lane.close()
            else:
                lane.close()
        self.wake.close()


def _rows(tx: Any) -> SqliteTx:
    if not isinstance(tx, SqliteTx):
        raise Broken("a transaction of another store")
    return tx
