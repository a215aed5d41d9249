"""The shape of a database as it stands: tables, columns, indexes and triggers, read from its own catalogue.

Types are compared by the database's own words, in lower case; a default only by whether there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Index
from sqlalchemy.engine.interfaces import Dialect

Rows = Iterable[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class ColumnShape:
    type: str
    nullable: bool
    has_default: bool = False
    key: bool = False


@dataclass(frozen=True, slots=True)
class IndexShape:
    """`partial`: over some of the rows. PostgreSQL's is not `valid` when its making was interrupted."""

    columns: tuple[str, ...]
    unique: bool
    partial: bool
    valid: bool = True


@dataclass(slots=True)
class TableShape:
    columns: dict[str, ColumnShape] = field(default_factory=dict)
    indexes: dict[str, IndexShape] = field(default_factory=dict)
    triggers: set[str] = field(default_factory=set)


Shape = dict[str, TableShape]
"""Tables by their names."""

SQLITE = (
    'SELECT m.name, c.name, lower(c.type), c."notnull", c.dflt_value IS NOT NULL, c.pk > 0 '
    "FROM sqlite_master m JOIN pragma_table_info(m.name) c "
    "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite!_%' ESCAPE '!'",
    'SELECT m.name, l.name, l."unique", l.partial, 1, i.name '
    "FROM sqlite_master m JOIN pragma_index_list(m.name) l JOIN pragma_index_info(l.name) i "
    "WHERE m.type = 'table' AND l.origin = 'c' ORDER BY m.name, l.name, i.seqno",
    "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'",
)
"""Columns, indexes column by column, triggers."""

POSTGRESQL = (
    "SELECT c.relname, a.attname, lower(format_type(a.atttypid, a.atttypmod) || "
    "CASE WHEN a.attcollation <> t.typcollation THEN ' collate \"' || l.collname || '\"' ELSE '' END), "
    "a.attnotnull, a.atthasdef OR a.attidentity <> '', coalesce(a.attnum = ANY (p.indkey), false) "
    "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation "
    "LEFT JOIN pg_index p ON p.indrelid = c.oid AND p.indisprimary "
    "WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') ORDER BY a.attrelid, a.attnum",
    "SELECT c.relname, x.relname, i.indisunique, i.indpred IS NOT NULL, i.indisvalid, coalesce(a.attname, '') "
    "FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid "
    "CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, place) "
    "LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number "
    "WHERE c.relnamespace = current_schema()::regnamespace AND NOT i.indisprimary ORDER BY 1, 2, k.place",
    "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
    "WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace",
)


def shape_of(columns: Rows, indexes: Rows, triggers: Rows) -> Shape:
    """What the three statements have told, one after the other: a table that came in between is not there yet."""
    found: Shape = {}
    for table, name, type_, not_null, default, key in columns:
        shape = ColumnShape(type_, nullable=not not_null, has_default=bool(default), key=bool(key))
        found.setdefault(table, TableShape()).columns[name] = shape
    for table, name, unique, partial, valid, column in indexes:
        if table not in found:
            continue
        known = found[table].indexes.get(name)
        before = known.columns if known is not None else ()
        index = IndexShape((*before, column or ""), bool(unique), bool(partial), bool(valid))
        found[table].indexes[name] = index
    for table, name in triggers:
        if table in found:
            found[table].triggers.add(name)
    return found


def column_shape(column: Column[Any], dialect: Dialect) -> ColumnShape:
    """What a column should be."""
    type_ = column.type.compile(dialect=dialect).lower()
    return ColumnShape(type_, nullable=bool(column.nullable), key=column.primary_key)


def index_shape(index: Index, dialect: Dialect) -> IndexShape:
    """What an index should be."""
    partial = index.dialect_options[dialect.name].get("where") is not None
    return IndexShape(tuple(column.name for column in index.columns), bool(index.unique), partial)
