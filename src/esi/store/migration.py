"""Bringing a database to the catalogue's shape: tables and columns are added, nothing is ever changed or dropped.

A new property with a default fills that default into the rows that are there. All of it is one transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import bindparam, update
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from esi.errors import SchemaError
from esi.schema import Catalogue
from esi.store.counts import keep_counts
from esi.store.rows import Statements

There = Mapping[str, set[str]]
"""The columns of each table, in lower case, that are there."""


@dataclass(frozen=True, slots=True)
class Step:
    """One statement; `fault` is what it means when rows that are there do not allow it."""

    text: str
    values: tuple[Any, ...] = ()
    fault: str = ""


def steps(catalogue: Catalogue, statements: Statements, there: There) -> Iterator[Step]:
    """What is missing, in order. Indexes are named always: they are made if they are not there."""
    dialect = statements.dialect
    for table in statements.tables.metadata.tables.values():
        columns = there.get(table.name.lower(), set())
        if not columns:
            yield Step(str(CreateTable(table).compile(dialect=dialect)))
        for column in table.columns if columns else ():
            if column.name.lower() not in columns:
                spec = str(CreateColumn(column).compile(dialect=dialect))
                quoted = dialect.identifier_preparer.format_table(table)
                yield Step(f"ALTER TABLE {quoted} ADD COLUMN {spec}")
                yield from _fill(catalogue, column, dialect)
        for index in table.indexes:
            text = str(CreateIndex(index, if_not_exists=True).compile(dialect=dialect))
            yield Step(text, fault=f"{table.name}: rows that are there break the unique index {index.name}")


def _fill(catalogue: Catalogue, column: Any, dialect: Dialect) -> Iterator[Step]:
    schema = catalogue.get(column.table.name)
    default = schema.defaults().get(column.name) if schema is not None else None
    if default is not None:
        text = str(update(column.table).values({column.name: bindparam("p")}).compile(dialect=dialect))
        yield Step(text, (orjson.dumps(default).decode() if isinstance(default, dict | list) else default,))


def migrate_sqlite(connection: sqlite3.Connection, catalogue: Catalogue, statements: Statements) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        rows = connection.execute("SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c")
        for step in steps(catalogue, statements, columns_there(rows)):
            try:
                connection.execute(step.text, step.values)
            except sqlite3.IntegrityError as error:
                raise SchemaError(step.fault) from error
        for table in statements.tables.resources.values():
            keep_counts(connection, table, statements.dialect.identifier_preparer.format_table(table))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def columns_there(rows: Iterable[Any]) -> dict[str, set[str]]:
    """Of pairs of table and column."""
    found: dict[str, set[str]] = {}
    for table, column in rows:
        found.setdefault(table.lower(), set()).add(column.lower())
    return found
