"""A transaction's methods in SQL, whichever database speaks it; and all its statements, compiled for one dialect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from sqlalchemy import bindparam, func, insert, literal_column, select, union_all
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.engine.interfaces import Dialect

from esi.errors import Broken, Conflict, NotFound
from esi.model.resource import Ref, Resource
from esi.schema import Catalogue
from esi.schema.properties import values_at
from esi.store import EVERYTHING, Cause, Kind, LogRow, OutboxRow, Query, Resources, T, Work
from esi.store.counts import OF_NOBODY, TENANT, is_everything, only_tenant
from esi.store.runs import Runs, RunStatements
from esi.store.statements import Codec, Lists, Sql, Values, compiled
from esi.store.tables import POSTGRESQL, Tables

DIALECT = sqlite_dialect(paramstyle="qmark")


class Statements:
    """Every statement of one store, compiled."""

    def __init__(self, catalogue: Catalogue, dialect: Dialect = DIALECT) -> None:
        self.dialect = dialect
        self.tables = tables = Tables(catalogue)
        self.codecs = {schema.id: Codec(schema, tables.resources[schema.id], dialect) for schema in catalogue}
        self.lists = Lists(dialect)
        log = [column.name for column in tables.log.c if column.name != "id"]
        self.log = _insert(dialect, tables.log, log)
        self.outbox = _insert(
            dialect, tables.outbox, [column.name for column in tables.outbox.c if column.name != "id"]
        )
        self.park = _insert(dialect, tables.parked, [column.name for column in tables.parked.c])
        self.allocate = _insert(dialect, tables.allocations, ["pool", "value", "owner_schema", "owner_id"])
        self.allocate += " ON CONFLICT DO NOTHING"  # a refused one leaves the transaction as it was, in both dialects
        self.link = _insert(dialect, tables.links, ["property", "target", "source_schema", "source"])
        a, k, o, g = tables.allocations.c, tables.links.c, tables.outbox, tables.log
        self.release = _where(dialect, tables.allocations.delete(), a.pool, a.value)
        freed = tables.allocations.delete().returning(a.pool, a.value)
        self.release_all = _where(dialect, freed, a.owner_schema, a.owner_id)
        self.holder = _where(dialect, select(a.owner_schema, a.owner_id), a.pool, a.value)
        c, s = tables.counts.c, tables.slots.c
        kept = s if dialect.name == POSTGRESQL else c
        rows = select(func.coalesce(func.sum(kept.rows), literal_column("0")))
        self.counted = _where(dialect, rows, kept.schema, kept.tenant)
        self.counted_all = _where(dialect, rows, kept.schema)
        self.runs = RunStatements.of(tables.runs, dialect)
        self.unlink = _where(dialect, tables.links.delete(), k.source_schema, k.source)
        self.linked = _where(dialect, select(k.source), k.property, k.target, k.source_schema)
        self.outbox_done = _where(dialect, o.delete(), o.c.id)
        self.outbox_one = _where(dialect, select(*o.c), o.c.id)
        page = select(*o.c).order_by(o.c.id).limit(bindparam("limit")).offset(bindparam("offset"))
        self.outbox_batch = compiled(page, dialect, ["limit", "offset"])
        self.outbox_paths = compiled(select(o.c.path).where(o.c.kind != literal_column("'effect'")), dialect, [])
        self.parked = compiled(select(*tables.parked.c).order_by(tables.parked.c.id), dialect, [])
        self.due = _due(dialect, tables, [schema.id for schema in catalogue if schema.state_versioning])
        columns = [g.c[name] for name in log]
        self.history = _where(dialect, select(*columns).order_by(g.c.id), g.c.resource, g.c.schema)
        self.requested = _where(dialect, select(*columns).order_by(g.c.id), g.c.request_id)
        self.caused = _where(
            dialect, select(*columns).order_by(g.c.id), g.c.cause_id, g.c.cause_version, g.c.cause_schema
        )

    def codec(self, schema: str) -> Codec:
        try:
            return self.codecs[schema]
        except KeyError:
            raise NotFound(f"there is no schema {schema!r}", schema=schema) from None


def _insert(dialect: Dialect, table: Any, names: Sequence[str]) -> str:
    order = [f"p{index}" for index in range(len(names))]
    words: dict[str, Any] = {name: bindparam(word) for name, word in zip(names, order, strict=True)}
    return compiled(insert(table).values(words), dialect, order)


def _due(dialect: Dialect, tables: Tables, schemas: Sequence[str]) -> str:
    """One statement over the index of due times of every table; "" when no table has one."""
    parts = []
    for name in schemas:  # names of schemas are letters, digits, _ and -
        columns = tables.resources[name].c
        wanted = select(columns["_due"].label("at"), literal_column(f"'{name}'"), columns.id)
        parts.append(wanted.where(columns["_due"].is_not(None)))
    if not parts:
        return ""
    page = union_all(*parts).order_by("at").limit(bindparam("limit")).offset(bindparam("offset"))
    return compiled(page, dialect, ["limit", "offset"])


def _where(dialect: Dialect, statement: Any, *columns: Any) -> str:
    order = [f"p{index}" for index in range(len(columns))]
    for column, word in zip(columns, order, strict=True):
        statement = statement.where(column == bindparam(word))
    return compiled(statement, dialect, order)


@dataclass(slots=True)
class Count:
    """How much SQL was spoken."""

    statements: int = 0
    commits: int = 0


class SqlTx:
    """One transaction's rows. Dead once the transaction has ended."""

    def __init__(self, sql: Sql, statements: Statements, now: float) -> None:
        self._sql = sql
        self._statements = statements
        self._runs = Runs(statements.runs, sql)
        self.now = now
        self.sent = False

    async def insert(self, row: Resource) -> None:
        codec = self._statements.codec(row.schema)
        await self._write(codec, codec.insert, codec.values(row), row)
        if codec.links:
            await self._link(codec, row)

    async def update(self, row: Resource) -> None:
        codec = self._statements.codec(row.schema)
        if await self._write(codec, codec.update, (*codec.values(row), row.id), row) == 0:
            raise NotFound(f"{row.schema} {row.id} is not there", schema=row.schema, id=row.id)
        if codec.links:
            await self._sql.run(self._statements.unlink, (row.schema, row.id))
            await self._link(codec, row)

    async def _write(self, codec: Codec, text: str, values: Values, row: Resource) -> int:
        try:
            return await self._sql.run(text, values)
        except Conflict as error:
            columns = error.details["columns"]  # of an index over several, all
            names = [name for name in columns if name in codec.schema.properties] or ["id"]
            secrets = codec.schema.secrets
            what = " with ".join(name if name in secrets else f"{name} {row.body.get(name)!r}" for name in names)
            raise Conflict(f"{row.schema}: {what} is taken", schema=row.schema, property=names[-1]) from error

    async def _link(self, codec: Codec, row: Resource) -> None:
        found = {
            (link.path, target, row.schema, row.id)
            for link in codec.links
            for _path, target in values_at(row.body, link.steps)
            if isinstance(target, str) and target
        }
        for values in sorted(found):
            await self._sql.run(self._statements.link, values)

    async def delete(self, ref: Ref) -> None:
        codec = self._statements.codec(ref.schema)
        await self._sql.run(codec.delete, (ref.id,))
        if codec.links:
            await self._sql.run(self._statements.unlink, (ref.schema, ref.id))

    async def get(self, ref: Ref) -> Resource | None:
        codec = self._statements.codec(ref.schema)
        rows = await self._sql.rows(codec.get, (ref.id,))
        return codec.resource(rows[0]) if rows else None

    async def has(self, ref: Ref) -> bool:
        return bool(await self._sql.rows(self._statements.codec(ref.schema).has, (ref.id,)))

    async def find(self, schema: str, name: str, value: Any) -> Resource | None:
        rows = await self.list(schema, Query(filters={name: [value]}, limit=1))
        return rows[0] if rows else None

    async def list(self, schema: str, query: Query = EVERYTHING) -> Resources:
        codec = self._statements.codec(schema)
        text, values = self._statements.lists.build(codec, query, counting=False)
        return [codec.resource(row) for row in await self._sql.rows(text, values)]

    async def count(self, schema: str, query: Query = EVERYTHING) -> int:
        codec = self._statements.codec(schema)
        tenant = only_tenant(query)
        if TENANT in codec.schema.properties and tenant is not None:
            return await self._number(self._statements.counted, (schema, tenant))
        if TENANT in codec.schema.properties and is_everything(query):
            return await self._number(self._statements.counted_all, (schema,)) + await self.count(schema, OF_NOBODY)
        return await self._number(*self._statements.lists.build(codec, query, counting=True))

    async def _number(self, text: str, values: Sequence[Any]) -> int:
        return int((await self._sql.rows(text, values))[0][0])

    async def referring(self, schema: str, property: str, target: str) -> Resources:
        codec = self._statements.codec(schema)
        if not any(link.path == property for link in codec.links):
            return await self.list(schema, Query(filters={property: [target]}))
        ids = [row[0] for row in await self._sql.rows(self._statements.linked, (property, target, schema))]
        found = [await self.get(Ref(schema, id_)) for id_ in ids]
        return [row for row in found if row is not None]

    async def due(self, limit: int) -> Sequence[tuple[float, Ref]]:
        if not self._statements.due:
            return []
        rows = await self._sql.rows(self._statements.due, (limit, 0))
        return [(at, Ref(schema, id_)) for at, schema, id_ in rows]

    async def send(
        self, kind: Kind, path: str, body: bytes, *, version: int = 0, marked: bool = False, request_id: str = ""
    ) -> None:
        self.sent = True
        await self._sql.run(self._statements.outbox, (kind, path, body, version, int(marked), request_id, self.now))

    async def log(self, row: LogRow) -> None:
        cause = row.cause or (None, None, None)
        await self._sql.run(
            self._statements.log,
            (*row.ref, row.version, row.action, row.request_id, row.user, row.at, *cause, row.detail),
        )

    async def history(self, ref: Ref) -> Sequence[LogRow]:
        return list(_log_rows(await self._sql.rows(self._statements.history, (ref.id, ref.schema))))

    async def caused_by(self, cause: Cause) -> Sequence[LogRow]:
        return list(_log_rows(await self._sql.rows(self._statements.caused, (cause.id, cause.version, cause.schema))))

    async def requested(self, request_id: str) -> Sequence[LogRow]:
        return list(_log_rows(await self._sql.rows(self._statements.requested, (request_id,))))

    async def allocate(self, pool: str, value: str | int, owner: Ref) -> None:
        if not await self._sql.run(self._statements.allocate, (pool, str(value), *owner)):
            raise Conflict(f"{value} is already taken in {pool}", pool=pool, value=value)
        if isinstance(value, int):
            await self._runs.take(pool, value)

    async def lowest_free(self, pool: str, first: int, last: int) -> int | None:
        return await self._runs.lowest_free(pool, first, last)

    async def release(self, pool: str, value: str | int) -> None:
        if await self._sql.run(self._statements.release, (pool, str(value))):
            await self._runs.give_back(pool, str(value))

    async def release_all(self, owner: Ref) -> None:
        for pool, value in await self._sql.rows(self._statements.release_all, owner):
            await self._runs.give_back(pool, value)

    async def holder(self, pool: str, value: str | int) -> Ref | None:
        rows = await self._sql.rows(self._statements.holder, (pool, str(value)))
        return Ref(*rows[0]) if rows else None

    async def outbox(self, limit: int) -> Sequence[OutboxRow]:
        return [outbox_row(row) for row in await self._sql.rows(self._statements.outbox_batch, (limit, 0))]

    async def waiting(self) -> set[str]:
        return {row[0] for row in await self._sql.rows(self._statements.outbox_paths)}

    async def versions(self, schema: str, after: str, limit: int) -> Sequence[Versions]:
        rows = await self._sql.rows(self._statements.codec(schema).versions, (after, limit, 0))
        return [Versions(*row) for row in rows]

    async def forget(self, ids: Sequence[int]) -> None:
        for id_ in ids:
            await self._sql.run(self._statements.outbox_done, (id_,))

    async def park(self, id_: int, error: str) -> None:
        for row in await self._sql.rows(self._statements.outbox_one, (id_,)):
            await self._sql.run(self._statements.park, (*row, error))
            await self._sql.run(self._statements.outbox_done, (id_,))

    async def parked(self) -> Sequence[tuple[OutboxRow, str]]:
        return [(outbox_row(row), row[-1]) for row in await self._sql.rows(self._statements.parked)]


class Versions(NamedTuple):
    """Of one row: what is wanted, and what the workers have answered to."""

    id: str
    config: int
    state: int


class SqlStore(Protocol):
    """What the sync writer and `esi resync` ask of a store in SQL."""

    async def transaction(self, work: Work[T]) -> T: ...
    async def read(self, work: Work[T]) -> T: ...

    async def outbox_batch(self, limit: int) -> Sequence[OutboxRow]:
        return await self.read(lambda tx: _rows(tx).outbox(limit))

    async def outbox_done(self, ids: Sequence[int]) -> None:
        await self.transaction(lambda tx: _rows(tx).forget(ids))

    async def outbox_park(self, id: int, error: str) -> None:
        await self.transaction(lambda tx: _rows(tx).park(id, error))

    async def outbox_parked(self) -> Sequence[tuple[OutboxRow, str]]:
        return await self.read(lambda tx: _rows(tx).parked())

    async def outbox_paths(self) -> set[str]:
        """Of resources that the sync writer has still to tell of."""
        return await self.read(lambda tx: _rows(tx).waiting())

    async def versions(self, schema: str, *, after: str, limit: int) -> Sequence[Versions]:
        """Of the rows behind the id `after`, in the order of ids."""
        return await self.read(lambda tx: _rows(tx).versions(schema, after, limit))


def _rows(tx: Any) -> SqlTx:
    if not isinstance(tx, SqlTx):
        raise Broken("a transaction of another store")
    return tx


def outbox_row(row: Sequence[Any]) -> OutboxRow:
    return OutboxRow(row[0], row[1], row[2], bytes(row[3]), row[4], bool(row[5]), row[6], row[7])


def _log_rows(rows: Iterable[Sequence[Any]]) -> Iterator[LogRow]:
    for schema, id_, version, action, request_id, user, at, *cause, detail in rows:
        because = Cause(*cause) if cause[1] is not None else None
        yield LogRow(Ref(schema, id_), version, action, request_id, user, at, because, detail)
