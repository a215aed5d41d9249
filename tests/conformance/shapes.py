"""An old release and a new one of the same schemas; and a migration that kills itself: `shapes.py NAME PLACE NUMBER`,
run as a program, brings the database at PLACE to the new shape and dies by SIGKILL before that statement; 0 is none.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from contextlib import closing
from typing import Any

import asyncpg

from esi.clock import SystemClock
from esi.schema import Catalogue, load_documents
from esi.store import Store
from esi.store.expanding import Tell, expand_sqlite, look_sqlite, nobody, wanted
from esi.store.migration import Difference
from esi.store.postgresql import PostgresStore
from esi.store.postgresql_migration import Migration, Server
from esi.store.rows import Statements
from esi.store.sqlite import SqliteStore, connected
from esi.testing.postgresql import PASSWORD

HEAD = (
    "schemas:\n- {id: box, singular: box, plural: boxes, title: B, description: d, schema: {type: object, properties: {"
)
PLAIN = "id: {type: string}, tenant_id: {type: string}, name: {type: string}, size: {type: integer}"
OLD = HEAD + PLAIN + "}}}\n"
NEW = (
    HEAD
    + PLAIN.replace("size: {type: integer}", "size: {type: integer, indexed: true}")
    + """, zone: {type: string, default: "it's east"}, ports: {type: array, default: [1, 2]},
    "on": {type: boolean, default: true}, weight: {type: number, default: 2.0}, more: {type: object},
    any: {type: [string, integer], default: x}, only: {type: string, unique: true}}}}
- {id: rack, singular: rack, plural: racks, title: R, description: d, schema: {type: object, properties: {
    id: {type: string}, tenant_id: {type: string}}}}
"""
)
ADDED = {"zone": "it's east", "ports": [1, 2], "on": True, "weight": 2.0, "any": "x", "more": None, "only": None}


def catalogue(text: str = NEW) -> Catalogue:
    return load_documents(text)


class Sqlite:
    """One database file."""

    name = "sqlite"

    def __init__(self, place: str) -> None:
        self.place = place

    async def open(self, known: Catalogue, *, expand: bool = True) -> Store:
        return SqliteStore(self.place, known, clock=SystemClock(), expand=expand)

    async def sql(self, text: str) -> list[Any]:
        with closing(sqlite3.connect(self.place, isolation_level=None)) as connection:
            return connection.execute(text).fetchall()

    async def look(self, known: Catalogue) -> list[Difference]:
        with closing(connected(self.place)) as connection:
            return look_sqlite(connection, wanted(known, Statements(known)))

    async def expand(self, known: Catalogue, tell: Tell = nobody) -> None:
        def work() -> None:
            with closing(connected(self.place)) as connection:
                expand_sqlite(connection, wanted(known, Statements(known)), tell)

        await asyncio.to_thread(work)


class Postgresql:
    """One database of a server."""

    name = "postgresql"

    def __init__(self, place: str) -> None:
        self.place = place
        self.server = Server(place, PASSWORD)

    async def open(self, known: Catalogue, *, expand: bool = True) -> Store:
        return await PostgresStore.open(self.server, known, clock=SystemClock(), expand=expand)

    async def sql(self, text: str) -> list[Any]:
        connection = await asyncpg.connect(self.place, password=PASSWORD.reveal())
        try:
            return [tuple(row) for row in await connection.fetch(text)]
        finally:
            await connection.close()

    async def look(self, known: Catalogue) -> list[Difference]:
        async with Migration(self.server, known) as migration:
            return await migration.look()

    async def expand(self, known: Catalogue, tell: Tell = nobody) -> None:
        async with Migration(self.server, known) as migration:
            await migration.expand(SystemClock(), tell)


Base = Sqlite | Postgresql
BASES: dict[str, type[Sqlite] | type[Postgresql]] = {"sqlite": Sqlite, "postgresql": Postgresql}


def main(name: str, place: str, number: str, text: str = NEW) -> None:
    said = 0

    def tell(_text: str) -> None:
        nonlocal said
        said += 1
        if said == int(number):
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(BASES[name](place).expand(catalogue(text), tell))


if __name__ == "__main__":
    main(*sys.argv[1:])
