"""Bringing a database file to the catalogue's shape: tables and columns are added, nothing is ever changed or dropped.

A new property with a default fills that default into the rows that are there.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import orjson
from sqlalchemy import Table
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from esi.errors import SchemaError
from esi.schema import Catalogue, Schema
from esi.store.counts import keep_counts
from esi.store.rows import DIALECT
from esi.store.tables import Tables


def migrate(connection: sqlite3.Connection, catalogue: Catalogue, tables: Tables) -> None:
    """Create or extend every table, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for table in tables.metadata.tables.values():
            _migrate_table(connection, table, catalogue.get(table.name))
        for table in tables.resources.values():
            keep_counts(connection, table, DIALECT.identifier_preparer.format_table(table))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _migrate_table(connection: sqlite3.Connection, table: Table, schema: Schema | None) -> None:
    quoted = DIALECT.identifier_preparer.format_table(table)
    there = {row[1].lower() for row in connection.execute(f"PRAGMA table_info({quoted})")}
    if not there:
        connection.execute(str(CreateTable(table).compile(dialect=DIALECT)))
    for column in table.columns if there else ():
        if column.name.lower() not in there:
            spec = str(CreateColumn(column).compile(dialect=DIALECT))
            connection.execute(f"ALTER TABLE {quoted} ADD COLUMN {spec}")
            _fill(connection, table, column, schema)
    for index in table.indexes:
        try:
            connection.execute(str(CreateIndex(index, if_not_exists=True).compile(dialect=DIALECT)))
        except sqlite3.IntegrityError as error:
            raise SchemaError(f"{table.name}: rows that are there break the unique index {index.name}") from error


def _fill(connection: sqlite3.Connection, table: Table, column: Any, schema: Schema | None) -> None:
    default = schema.defaults().get(column.name) if schema is not None else None
    if default is None:
        return
    value = orjson.dumps(default).decode() if isinstance(default, dict | list) else default
    prepare = DIALECT.identifier_preparer
    connection.execute(f"UPDATE {prepare.format_table(table)} SET {prepare.format_column(column)} = ?", (value,))
