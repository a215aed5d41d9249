"""Bringing a database to the catalogue's shape while others read and write it: look, do one group, look again.

Nothing is remembered between two groups, so whoever is killed anywhere is simply followed by the next one that looks.
Of several at once one works and the others wait: SQLite's lock is taken for each group, which is looked for under it.
PostgreSQL's way is its own: esi.store.postgresql_migration.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence

from esi.errors import Broken
from esi.schema import Catalogue
from esi.store.migration import Difference, Wanted, doubled, few, group, missing
from esi.store.rows import Statements
from esi.store.shape import SQLITE, shape_of

log = logging.getLogger(__name__)

Tell = Callable[[str], None]
"""Hears each statement before it is sent, and what is waited for."""


def nobody(_words: str) -> None:
    """Whom nothing needs to be told."""


def wanted(catalogue: Catalogue, statements: Statements) -> Wanted:
    return Wanted(catalogue, statements.tables.metadata.tables, statements.dialect)


def look_sqlite(connection: sqlite3.Connection, wanted: Wanted) -> list[Difference]:
    """What is different now."""
    there = shape_of(*(connection.execute(text).fetchall() for text in SQLITE))
    found = list(wanted.differences(there))
    return [doubled(one, connection.execute(one.doubles).fetchone()[0]) if one.doubles else one for one in found]


def expand_sqlite(connection: sqlite3.Connection, wanted: Wanted, tell: Tell = nobody) -> None:
    """Add what is missing. ShapeError when something is refused: nothing has been done then."""
    done: set[Difference] = set()
    while missing(look_sqlite(connection, wanted)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            todo = missing(look_sqlite(connection, wanted))
            for difference in fresh(group(todo) if todo else [], done):
                for text in difference.statements:
                    tell(text)
                    connection.execute(text)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def fresh(todo: Sequence[Difference], done: set[Difference]) -> Sequence[Difference]:
    """What is added now, for the log; Broken when something of it has been `done` already."""
    again = done.intersection(todo)
    if again:
        raise Broken(f"what was added is not there: {', '.join(one.sentence for one in again)}")
    done.update(todo)
    if todo:
        log.info("the database gets what it lacks: %s", few([f"{one.table}: {one.what}" for one in todo]))
    return todo
