"""A look at a database from outside, for `esi doctor`: nothing is made, changed or added, whatever is wrong with it.

Its shape is compared elsewhere (esi.store.expanding); here is whether it takes writes, what a power cut would cost, and
what waits in it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from esi.errors import NotFound
from esi.store.asked import translated as translated_by_postgresql
from esi.store.lane import translated
from esi.store.notices import FAULTS
from esi.store.postgresql_migration import Server

OUTBOX = "SELECT count(*), min(at) FROM esi_outbox"
PARKED = "SELECT count(*) FROM esi_outbox_parked"
DURABLE = ("fsync", "full_page_writes")
"""synchronous_commit is set by each connection of ours."""


@dataclass(frozen=True, slots=True)
class Looked:
    """`durability`: settings of the server that decide what a power cut costs; `refuses`: why it takes no writes, ""
    when it does; `waiting` rows of the outbox, the `oldest` in epoch seconds; `parked`: rows that could not be written
    to etcd.
    """

    version: str
    durability: Mapping[str, str]
    refuses: str = ""
    waiting: int = 0
    oldest: float = 0.0
    parked: int = 0


def look_at_sqlite(path: Path, *, patience: float = 1.0) -> Looked:
    """NotFound when there is no file; Unreachable or Broken when it cannot be read. To be called off the event loop."""
    if not path.exists():
        raise NotFound(f"there is no database at {path}")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=patience)) as connection:
            connection.isolation_level = None
            durability = {"journal_mode": str(connection.execute("PRAGMA journal_mode").fetchone()[0])}
            found = (f"SQLite {sqlite3.sqlite_version}", durability, _refuses(connection))
            if not connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'esi_outbox'").fetchone()[0]:
                return Looked(*found)
            waiting, oldest = connection.execute(OUTBOX).fetchone()
            (parked,) = connection.execute(PARKED).fetchone()
            return Looked(*found, waiting, float(oldest or 0.0), parked)
    except sqlite3.Error as error:
        raise translated(error) from error


def _refuses(connection: sqlite3.Connection) -> str:
    """Why it would not take a page more; tried in a transaction that is given up."""
    try:
        connection.execute("PRAGMA cache_size = 1")  # so that what is written leaves for the disk before a commit
        connection.execute("PRAGMA cache_spill = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE esi_doctor (looked BLOB)")
        connection.execute("INSERT INTO esi_doctor VALUES (zeroblob(65536))")
    except sqlite3.Error as error:
        return translated(error).message
    finally:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
    return ""


async def look_at_postgresql(server: Server) -> Looked:
    """Unreachable when it does not answer, or does not let us in, in its own words."""
    try:
        connection = await asyncpg.connect(server.url, **server.words)
        try:
            durability = {name: str(await connection.fetchval(f"SHOW {name}")) for name in DURABLE}
            refuses = "it is a standby" if await connection.fetchval("SELECT pg_is_in_recovery()") else ""
            if not refuses and await connection.fetchval("SHOW default_transaction_read_only") == "on":
                refuses = "default_transaction_read_only is on"
            version = f"PostgreSQL {(await connection.fetchval('SHOW server_version')).split()[0]}"
            if await connection.fetchval("SELECT to_regclass('esi_outbox')") is None:
                return Looked(version, durability, refuses)
            row = await connection.fetchrow(OUTBOX)
            parked = await connection.fetchval(PARKED)
            return Looked(version, durability, refuses, row[0], float(row[1] or 0.0), parked)
        finally:
            await connection.close()
    except FAULTS as error:
        raise translated_by_postgresql(error) from error
