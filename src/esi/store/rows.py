"""A transaction's methods on a sqlite3 connection. They never wait: `async def` is the port's shape, not theirs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, literal_column, select, union_all
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from esi.errors import Broken, Conflict, Invalid, NotFound
from esi.model.resource import Ref, Resource
from esi.schema import Catalogue
from esi.schema.properties import values_at
from esi.store import EVERYTHING, Cause, Kind, LogRow, OutboxRow, Query, Resources
from esi.store.counts import TENANT, only_tenant
from esi.store.runs import Runs, RunStatements
from esi.store.statements import Codec, Lists, Values, compiled
from esi.store.tables import Tables

DIALECT = sqlite_dialect(paramstyle="qmark")


class Statements:
    """Every statement of one store, compiled."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.tables = tables = Tables(catalogue)
        self.codecs = {schema.id: Codec(schema, tables.resources[schema.id], DIALECT) for schema in catalogue}
        self.lists = Lists(DIALECT)
        log = [column.name for column in tables.log.c if column.name != "id"]
        self.log = _insert(tables.log, log)
        self.outbox = _insert(tables.outbox, [column.name for column in tables.outbox.c if column.name != "id"])
        self.park = _insert(tables.parked, [column.name for column in tables.parked.c])
        self.allocate = _insert(tables.allocations, ["pool", "value", "owner_schema", "owner_id"])
        self.link = _insert(tables.links, ["property", "target", "source_schema", "source"])
        a, k, o, g = tables.allocations.c, tables.links.c, tables.outbox, tables.log
        self.release = _where(tables.allocations.delete(), a.pool, a.value)
        freed = tables.allocations.delete().returning(a.pool, a.value)
        self.release_all = _where(freed, a.owner_schema, a.owner_id)
        self.holder = _where(select(a.owner_schema, a.owner_id), a.pool, a.value)
        c = tables.counts.c
        self.counted = _where(select(c.rows), c.schema, c.tenant)
        self.runs = RunStatements.of(tables.runs, DIALECT)
        self.unlink = _where(tables.links.delete(), k.source_schema, k.source)
        self.linked = _where(select(k.source), k.property, k.target, k.source_schema)
        self.outbox_done = _where(o.delete(), o.c.id)
        self.outbox_one = _where(select(*o.c), o.c.id)
        page = select(*o.c).order_by(o.c.id).limit(bindparam("limit")).offset(bindparam("offset"))
        self.outbox_batch = compiled(page, DIALECT, ["limit", "offset"])
        self.parked = compiled(select(*tables.parked.c).order_by(tables.parked.c.id), DIALECT, [])
        self.due = _due(self.tables, [schema.id for schema in catalogue if schema.state_versioning])
        columns = [g.c[name] for name in log]
        self.history = _where(select(*columns).order_by(g.c.id), g.c.resource, g.c.schema)
        self.requested = _where(select(*columns).order_by(g.c.id), g.c.request_id)
        self.caused = _where(select(*columns).order_by(g.c.id), g.c.cause_id, g.c.cause_version, g.c.cause_schema)

    def codec(self, schema: str) -> Codec:
        try:
            return self.codecs[schema]
        except KeyError:
            raise NotFound(f"there is no schema {schema!r}", schema=schema) from None


def _insert(table: Any, names: Sequence[str]) -> str:
    order = [f"p{index}" for index in range(len(names))]
    words: dict[str, Any] = {name: bindparam(word) for name, word in zip(names, order, strict=True)}
    return compiled(insert(table).values(words), DIALECT, order)


def _due(tables: Tables, schemas: Sequence[str]) -> str:
    """One statement over the index of due times of every table; "" when no table has one."""
    parts = []
    for name in schemas:  # names of schemas are letters, digits, _ and -
        columns = tables.resources[name].c
        wanted = select(columns["_due"].label("at"), literal_column(f"'{name}'"), columns.id)
        parts.append(wanted.where(columns["_due"].is_not(None)))
    if not parts:
        return ""
    page = union_all(*parts).order_by("at").limit(bindparam("limit")).offset(bindparam("offset"))
    return compiled(page, DIALECT, ["limit", "offset"])


def _where(statement: Any, *columns: Any) -> str:
    order = [f"p{index}" for index in range(len(columns))]
    for column, word in zip(columns, order, strict=True):
        statement = statement.where(column == bindparam(word))
    return compiled(statement, DIALECT, order)


@dataclass(slots=True)
class Count:
    """How much SQL was spoken."""

    statements: int = 0
    commits: int = 0


class SqliteTx:
    """One transaction's rows. Dead once the transaction has ended."""

    def __init__(self, connection: sqlite3.Connection, statements: Statements, count: Count, now: float) -> None:
        self._connection: sqlite3.Connection | None = connection
        self._statements = statements
        self._count = count
        self._runs = Runs(statements.runs, self.execute)
        self.now = now
        self.sent = False

    def end(self) -> None:
        self._connection = None

    def execute(self, text: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        if self._connection is None:
            raise Broken("a transaction is used after its end")
        self._count.statements += 1
        try:
            return self._connection.execute(text, values)
        except OverflowError:
            raise Invalid("a number does not fit into 64 bits") from None

    async def insert(self, row: Resource) -> None:
        codec = self._statements.codec(row.schema)
        self._write(codec, codec.insert, codec.values(row), row)
        if codec.links:
            self._link(codec, row)

    async def update(self, row: Resource) -> None:
        codec = self._statements.codec(row.schema)
        if self._write(codec, codec.update, (*codec.values(row), row.id), row) == 0:
            raise NotFound(f"{row.schema} {row.id} is not there", schema=row.schema, id=row.id)
        if codec.links:
            self.execute(self._statements.unlink, (row.schema, row.id))
            self._link(codec, row)

    def _write(self, codec: Codec, text: str, values: Values, row: Resource) -> int:
        try:
            return self.execute(text, values).rowcount
        except sqlite3.IntegrityError as error:
            named = [part.rpartition(".")[2] for part in str(error).split(", ")]  # of an index over several, all
            names = [name for name in named if name in codec.schema.properties] or ["id"]
            secrets = codec.schema.secrets
            what = " with ".join(name if name in secrets else f"{name} {row.body.get(name)!r}" for name in names)
            raise Conflict(f"{row.schema}: {what} is taken", schema=row.schema, property=names[-1]) from error

    def _link(self, codec: Codec, row: Resource) -> None:
        found = {
            (link.path, target, row.schema, row.id)
            for link in codec.links
            for _path, target in values_at(row.body, link.steps)
            if isinstance(target, str) and target
        }
        for values in sorted(found):
            self.execute(self._statements.link, values)

    async def delete(self, ref: Ref) -> None:
        codec = self._statements.codec(ref.schema)
        self.execute(codec.delete, (ref.id,))
        if codec.links:
            self.execute(self._statements.unlink, (ref.schema, ref.id))

    async def get(self, ref: Ref) -> Resource | None:
        codec = self._statements.codec(ref.schema)
        values = self.execute(codec.get, (ref.id,)).fetchone()
        return codec.resource(values) if values is not None else None

    async def find(self, schema: str, name: str, value: Any) -> Resource | None:
        rows = await self.list(schema, Query(filters={name: [value]}, limit=1))
        return rows[0] if rows else None

    async def list(self, schema: str, query: Query = EVERYTHING) -> Resources:
        codec = self._statements.codec(schema)
        text, values = self._statements.lists.build(codec, query, counting=False)
        return [codec.resource(row) for row in self.execute(text, values)]

    async def count(self, schema: str, query: Query = EVERYTHING) -> int:
        codec = self._statements.codec(schema)
        if (tenant := only_tenant(query)) is not None and TENANT in codec.schema.properties:
            row = self.execute(self._statements.counted, (schema, tenant)).fetchone()
            return int(row[0]) if row is not None else 0
        text, values = self._statements.lists.build(codec, query, counting=True)
        return int(self.execute(text, values).fetchone()[0])

    async def referring(self, schema: str, property: str, target: str) -> Resources:
        codec = self._statements.codec(schema)
        if not any(link.path == property for link in codec.links):
            return await self.list(schema, Query(filters={property: [target]}))
        ids = [row[0] for row in self.execute(self._statements.linked, (property, target, schema))]
        found = [await self.get(Ref(schema, id_)) for id_ in ids]
        return [row for row in found if row is not None]

    async def due(self, limit: int) -> Sequence[tuple[float, Ref]]:
        if not self._statements.due:
            return []
        return [(at, Ref(schema, id_)) for at, schema, id_ in self.execute(self._statements.due, (limit, 0))]

    async def send(
        self, kind: Kind, path: str, body: bytes, *, version: int = 0, marked: bool = False, request_id: str = ""
    ) -> None:
        self.sent = True
        self.execute(self._statements.outbox, (kind, path, body, version, int(marked), request_id, self.now))

    async def log(self, row: LogRow) -> None:
        cause = row.cause or (None, None, None)
        self.execute(
            self._statements.log,
            (*row.ref, row.version, row.action, row.request_id, row.user, row.at, *cause, row.detail),
        )

    async def history(self, ref: Ref) -> Sequence[LogRow]:
        return list(_log_rows(self.execute(self._statements.history, (ref.id, ref.schema))))

    async def caused_by(self, cause: Cause) -> Sequence[LogRow]:
        return list(_log_rows(self.execute(self._statements.caused, (cause.id, cause.version, cause.schema))))

    async def requested(self, request_id: str) -> Sequence[LogRow]:
        return list(_log_rows(self.execute(self._statements.requested, (request_id,))))

    async def allocate(self, pool: str, value: str | int, owner: Ref) -> None:
        try:
            self.execute(self._statements.allocate, (pool, str(value), *owner))
        except sqlite3.IntegrityError as error:
            raise Conflict(f"{value} is already taken in {pool}", pool=pool, value=value) from error
        if isinstance(value, int):
            self._runs.take(pool, value)

    async def lowest_free(self, pool: str, first: int, last: int) -> int | None:
        return self._runs.lowest_free(pool, first, last)

    async def release(self, pool: str, value: str | int) -> None:
        if self.execute(self._statements.release, (pool, str(value))).rowcount:
            self._runs.give_back(pool, str(value))

    async def release_all(self, owner: Ref) -> None:
        for pool, value in self.execute(self._statements.release_all, owner).fetchall():
            self._runs.give_back(pool, value)

    async def holder(self, pool: str, value: str | int) -> Ref | None:
        row = self.execute(self._statements.holder, (pool, str(value))).fetchone()
        return None if row is None else Ref(*row)

    async def outbox(self, limit: int) -> Sequence[OutboxRow]:
        return [outbox_row(row) for row in self.execute(self._statements.outbox_batch, (limit, 0))]

    async def forget(self, ids: Sequence[int]) -> None:
        for id_ in ids:
            self.execute(self._statements.outbox_done, (id_,))

    async def park(self, id_: int, error: str) -> None:
        row = self.execute(self._statements.outbox_one, (id_,)).fetchone()
        if row is not None:
            self.execute(self._statements.park, (*row, error))
            self.execute(self._statements.outbox_done, (id_,))

    async def parked(self) -> Sequence[tuple[OutboxRow, str]]:
        return [(outbox_row(row), row[-1]) for row in self.execute(self._statements.parked)]


def outbox_row(row: Sequence[Any]) -> OutboxRow:
    return OutboxRow(row[0], row[1], row[2], bytes(row[3]), row[4], bool(row[5]), row[6], row[7])


def _log_rows(rows: Iterator[Sequence[Any]]) -> Iterator[LogRow]:
    for schema, id_, version, action, request_id, user, at, *cause, detail in rows:
        because = Cause(*cause) if cause[1] is not None else None
        yield LogRow(Ref(schema, id_), version, action, request_id, user, at, because, detail)
