"""Where the API keeps the messages of the flight recorder: SQL beside the ring's own, in a file, with a thread and a
connection of its own, so that no request ever waits for it. Nothing is synced to the disk: a record is not a promise.

    esi_messages        at, request, what the message is (a line of JSON)       bounded in bytes and in age
    esi_message_refs    which resource versions it belongs to
    esi_messages_gone   how many messages the caps of senders dropped, and when
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

from esi.clock import Clock
from esi.errors import Busy
from esi.store import Kept
from esi.store.lane import Lane, Ticket, translated
from esi.store.lanes import ThreadLane
from esi.telemetry import Named
from esi.telemetry.segments import Limits, read_lines

TABLES = """
CREATE TABLE IF NOT EXISTS esi_messages (
  id INTEGER PRIMARY KEY, at REAL NOT NULL, request TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS ix_esi_messages_request ON esi_messages (request) WHERE request != '';
CREATE TABLE IF NOT EXISTS esi_message_refs (
  resource TEXT NOT NULL, version INTEGER NOT NULL, message INTEGER NOT NULL, PRIMARY KEY (resource, version, message)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ix_esi_message_refs_message ON esi_message_refs (message);
CREATE TABLE IF NOT EXISTS esi_messages_gone (at REAL NOT NULL, count INTEGER NOT NULL);
"""

STEP = 500
"""Messages that are purged at once."""

MOST = 5_000
"""Messages of one trace."""

MOST_WAITING = 64
"""Batches that wait to be kept; more are refused for now."""


class SqliteMessages:
    """`inline`: without a thread, for simulations. `path` ":memory:" works too. `first` is awaited before anything is
    looked for: what is known and has not come yet comes.
    """

    def __init__(self, path: str | Path, *, clock: Clock, limits: Limits | None = None, inline: bool = False) -> None:
        self._clock = clock
        self._limits = limits or Limits()
        self._waiting = 0
        self.first: Callable[[], Awaitable[None]] | None = None
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode=WAL", "synchronous=OFF"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._connection.executescript(TABLES)
            self._size: int = self._one("SELECT coalesce(sum(length(body)), 0) FROM esi_messages")
        except sqlite3.Error as error:
            raise translated(error) from error
        self._lane: Lane | ThreadLane = self._open() if inline else ThreadLane("messages", self._open, _nothing)

    def _open(self) -> Lane:
        return Lane(self._connection, "BEGIN", lambda: None)

    def _one(self, text: str) -> Any:
        return self._connection.execute(text).fetchone()[0]

    async def take(self, data: bytes) -> None:
        if self._waiting >= MOST_WAITING:
            raise Busy("too many messages wait to be kept; send them again later", after=1.0)
        self._waiting += 1
        try:
            await self._do(lambda: self._keep(data))
        finally:
            self._waiting -= 1

    async def of(self, refs: Sequence[Named], requests: Sequence[str], since: float) -> Kept:
        if self.first is not None:
            await self.first()
        kept: Kept = await self._do(lambda: self._find(refs, requests, since))
        return kept

    async def close(self) -> None:
        if isinstance(self._lane, ThreadLane):
            await self._lane.close()
        else:
            self._lane.close()

    async def _do(self, work: Any) -> Any:
        async def run(_session: Any) -> Any:
            return work()

        ticket = Ticket(_Session, run)
        if isinstance(self._lane, ThreadLane):
            return await self._lane.submit(ticket)
        self._lane.run([ticket])
        if ticket.error is not None:
            raise ticket.error
        return ticket.value

    def _keep(self, data: bytes) -> None:
        id_ = self._one("SELECT coalesce(max(id), 0) FROM esi_messages")
        rows: list[tuple[int, float, str, bytes]] = []
        named: list[tuple[str, int, int]] = []
        gone: list[tuple[float, int]] = []
        for document, line in read_lines(data):
            if isinstance(count := document.get("dropped"), int):
                gone.append((_number(document.get("at")), count))
                continue
            id_ += 1
            rows.append((id_, _number(document.get("at")), str(document.get("request") or ""), line))
            refs = [ref for ref in document.get("refs") or () if isinstance(ref, dict)]
            named += [(f"{ref.get('schema')}:{ref.get('id')}", int(_number(ref.get("version"))), id_) for ref in refs]
        self._connection.executemany("INSERT INTO esi_messages VALUES (?, ?, ?, ?)", rows)
        self._connection.executemany("INSERT OR IGNORE INTO esi_message_refs VALUES (?, ?, ?)", named)
        self._connection.executemany("INSERT INTO esi_messages_gone VALUES (?, ?)", gone)
        self._size += sum(len(row[3]) for row in rows)
        self._purge()

    def _purge(self) -> None:
        """A step towards the caps: the oldest go."""
        oldest = self._clock.now() - self._limits.age
        first = self._connection.execute("SELECT at FROM esi_messages ORDER BY id LIMIT 1").fetchone()
        if first is None or (self._size <= self._limits.size and first[0] >= oldest):
            return
        rows = self._connection.execute("SELECT id, length(body), at FROM esi_messages ORDER BY id LIMIT ?", (STEP,))
        for id_, size, at in rows.fetchall():
            if self._size <= self._limits.size and at >= oldest:
                break
            self._connection.execute("DELETE FROM esi_message_refs WHERE message = ?", (id_,))
            self._connection.execute("DELETE FROM esi_messages WHERE id = ?", (id_,))
            self._size -= size
        self._connection.execute("DELETE FROM esi_messages_gone WHERE at < ?", (oldest,))

    def _find(self, refs: Sequence[Named], requests: Sequence[str], since: float) -> Kept:
        execute = self._connection.execute
        found: dict[bytes, float] = {}
        wanted: list[tuple[str, tuple[Any, ...]]] = [
            ("SELECT m.body, m.at FROM esi_messages m WHERE m.request = ? LIMIT ?", (id_,)) for id_ in requests
        ]
        by_ref = (
            "SELECT m.body, m.at FROM esi_message_refs r JOIN esi_messages m ON m.id = r.message"
            " WHERE r.resource = ? AND r.version = ? ORDER BY m.id LIMIT ?"
        )
        wanted += [(by_ref, (f"{schema}:{id_}", version)) for schema, id_, version in refs]
        for text, values in wanted:
            found.update((bytes(body), at) for body, at in execute(text, (*values, MOST - len(found))))
            if len(found) >= MOST:
                break
        bodies = sorted(found, key=lambda body: found[body])
        last = max(found.values(), default=since)
        gone = "SELECT coalesce(sum(count), 0) FROM esi_messages_gone WHERE at BETWEEN ? AND ?"
        dropped = execute(gone, (since, last + GONE_SECONDS)).fetchone()[0]
        return Kept([orjson.loads(body) for body in bodies], dropped)


GONE_SECONDS = 5.0
"""A loss is told with the next message that is written."""


class _Session:
    """Rows are written with the connection itself."""

    sent = False

    def end(self) -> None:
        return None


def _nothing(_sent: bool) -> None:
    return None


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
