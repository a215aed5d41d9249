"""The tables: one per schema, one column per property, hidden columns beside them; and the system's own.

SQLAlchemy describes them and writes the DDL; what runs on the hot path is compiled once (esi.store.statements).
Property columns are nullable in SQL, because the schema has already judged the row and migrations then only ever
add. Numbers keep their kind: 32 stays 32 and 32.0 stays 32.0, in a column without affinity on SQLite, by the scale of
a numeric on PostgreSQL.

    esi_outbox, esi_outbox_parked   what the sync writer must put into etcd, and what it could not
    esi_log                         the change log
    esi_allocations                 values taken out of pools; the primary key is what makes them unique
    esi_runs                        the numbers among them, as runs without a gap: the lowest free one is beside a run
    esi_counts, esi_slots           how many rows of each schema each tenant has (counts.py)
    esi_links                       relations that no column can hold: lists and nested objects
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, Numeric, Table, types
from sqlalchemy import Integer as PlainInteger
from sqlalchemy import Text as PlainText

from esi.schema import Catalogue, Property, Schema

HIDDEN = (
    "_config_version", "_state_version", "_monitoring_version",
    "_state", "_state_error", "_state_monitoring", "_marked_for_deletion", "_due",
)  # fmt: skip
"""Bookkeeping columns in the order in which rows carry them after the properties."""

POSTGRESQL = "postgresql"
Integer = PlainInteger().with_variant(BigInteger(), POSTGRESQL)
"""64 bits in both."""

Text = PlainText().with_variant(PlainText(collation="C"), POSTGRESQL)
"""Compared and sorted by its bytes in both."""

OWN = frozenset(
    {
        "esi_outbox",
        "esi_outbox_parked",
        "esi_log",
        "esi_allocations",
        "esi_runs",
        "esi_counts",
        "esi_slots",
        "esi_links",
    }
)
ONLY = "only"
"""In what a table is told: the one dialect that has it."""


_INTEGERS = frozenset({"_config_version", "_state_version", "_monitoring_version", "_marked_for_deletion"})


class _Unchanged(types.UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_words: Any) -> str:
        return "BLOB"


Number = _Unchanged().with_variant(Numeric(), POSTGRESQL)
"""A number kept as it came, integer or float."""


def _type(item: Property) -> types.TypeEngine[Any]:
    if item.kind in ("integer", "boolean"):
        return Integer
    return Number if item.kind == "number" else Text


def _hidden_type(name: str) -> types.TypeEngine[Any]:
    if name == "_due":
        return Number
    return Integer if name in _INTEGERS else Text


def resource_table(schema: Schema, metadata: MetaData) -> Table:
    """The table of one schema with its indexes: unique properties, relations, tenant_id, what the schema asks for."""
    columns: list[Column[Any]] = [
        Column(item.name, _type(item), primary_key=item.name == "id", nullable=item.name != "id")
        for item in schema.properties.values()
    ]
    columns += [Column(name, _hidden_type(name), nullable=True) for name in HIDDEN]
    table = Table(schema.id, metadata, *columns)
    if schema.state_versioning:
        due = table.c["_due"]
        Index(f"ix_{schema.id}__due", due, sqlite_where=due.is_not(None), postgresql_where=due.is_not(None))
    for item in schema.properties.values():
        column = table.c[item.name]
        if item.unique:
            where = column != "" if item.relation else None
            Index(f"ux_{schema.id}_{item.name}", column, unique=True, sqlite_where=where, postgresql_where=where)
        elif item.indexed or item.relation or item.name == "tenant_id":
            Index(f"ix_{schema.id}_{item.name}", column)
    for name, (names, unique) in schema.indexes.items():
        Index(f"{'ux' if unique else 'ix'}_{schema.id}__{name}", *(table.c[column] for column in names), unique=unique)
    return table


def _outbox_columns() -> list[Column[Any]]:
    return [
        Column("kind", Text, nullable=False),
        Column("path", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("version", Integer, nullable=False),
        Column("marked", Integer, nullable=False),
        Column("request_id", Text, nullable=False),
        Column("at", Number, nullable=False),
    ]


class Tables:
    """All tables of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.metadata = MetaData()
        self.resources = {schema.id: resource_table(schema, self.metadata) for schema in catalogue}
        self.outbox = Table(
            "esi_outbox",
            self.metadata,
            Column("id", Integer, primary_key=True, autoincrement=True),
            *_outbox_columns(),
            sqlite_autoincrement=True,
        )
        self.parked = Table(
            "esi_outbox_parked",
            self.metadata,
            Column("id", Integer, primary_key=True, autoincrement=False),
            *_outbox_columns(),
            Column("error", Text, nullable=False),
        )
        self.log = self._log()
        self.allocations = Table(
            "esi_allocations",
            self.metadata,
            Column("pool", Text, primary_key=True),
            Column("value", Text, primary_key=True),
            Column("owner_schema", Text, nullable=False),
            Column("owner_id", Text, nullable=False),
            sqlite_with_rowid=False,
        )
        Index("ix_esi_allocations_owner", self.allocations.c.owner_schema, self.allocations.c.owner_id)
        self.runs = Table(
            "esi_runs",
            self.metadata,
            Column("pool", Text, primary_key=True),
            Column("first", Integer, primary_key=True, autoincrement=False),
            Column("last", Integer, nullable=False),
            sqlite_with_rowid=False,
        )
        self.counts = Table(
            "esi_counts",
            self.metadata,
            Column("schema", Text, primary_key=True),
            Column("tenant", Text, primary_key=True),
            Column("rows", Integer, nullable=False),
            sqlite_with_rowid=False,
            info={ONLY: "sqlite"},
        )
        self.slots = Table(
            "esi_slots",
            self.metadata,
            Column("schema", Text, primary_key=True),
            Column("tenant", Text, primary_key=True),
            Column("slot", Integer, primary_key=True, autoincrement=False),
            Column("rows", Integer, nullable=False),
            info={ONLY: POSTGRESQL},
        )
        self.links = Table(
            "esi_links",
            self.metadata,
            Column("property", Text, primary_key=True),
            Column("target", Text, primary_key=True),
            Column("source_schema", Text, primary_key=True),
            Column("source", Text, primary_key=True),
            sqlite_with_rowid=False,
        )
        Index("ix_esi_links_source", self.links.c.source_schema, self.links.c.source)

    def _log(self) -> Table:
        log = Table(
            "esi_log",
            self.metadata,
            Column("id", Integer, primary_key=True),
            Column("schema", Text, nullable=False),
            Column("resource", Text, nullable=False),
            Column("version", Integer, nullable=False),
            Column("action", Text, nullable=False),
            Column("request_id", Text, nullable=False),
            Column("user", Text, nullable=False),
            Column("at", Number, nullable=False),
            Column("cause_schema", Text),
            Column("cause_id", Text),
            Column("cause_version", Integer),
            Column("detail", Text, nullable=False),
        )
        Index("ix_esi_log_resource", log.c.resource, log.c.version)
        Index("ix_esi_log_request", log.c.request_id)
        caused = log.c.cause_id.is_not(None)
        Index("ix_esi_log_cause", log.c.cause_id, log.c.cause_version, sqlite_where=caused, postgresql_where=caused)
        return log
