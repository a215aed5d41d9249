"""Compiled SQL. Texts are made by SQLAlchemy once per shape; values are always bound, by position, never written in.

A Codec knows one schema's row: resource → tuple of values → resource, in the order of the table's columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import orjson
from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    and_,
    asc,
    bindparam,
    cast,
    desc,
    false,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.base import Executable

from esi.errors import Invalid
from esi.model.resource import Ref, Resource
from esi.schema import Property, Schema
from esi.store import Query
from esi.store.tables import HIDDEN, POSTGRESQL, Text

VERSIONS = ("_config_version", "_state_version")

JSON_KINDS = ("object", "array", "json")
"""Kinds of properties that are kept as JSON text."""

KEPT_SHAPES = 4096
"""Compiled lists remembered per store; more shapes than that are compiled again."""

Values = tuple[Any, ...]


class Sql(Protocol):
    """One transaction's way to its database. Invalid: a number does not fit into 64 bits."""

    async def rows(self, text: str, values: Sequence[Any] = ()) -> Sequence[Sequence[Any]]: ...
    async def run(self, text: str, values: Sequence[Any] = ()) -> int:
        """How many rows it wrote. Conflict, with the `columns`, when a unique value is taken."""
        ...


def compiled(statement: Executable, dialect: Dialect, order: Sequence[str]) -> str:
    """The text of a statement whose parameters stand in `order`; a different order would bind wrong values."""
    result = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
    if list(result.positiontup or ()) != list(order):
        raise AssertionError(f"parameters stand in another order: {result.positiontup} for {order}")
    return str(result)


def _json_text(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _encoder(item: Property) -> Callable[[Any], Any] | None:
    return _json_text if item.kind in JSON_KINDS else None


def _decoder(item: Property) -> Callable[[Any], Any] | None:
    if item.kind in JSON_KINDS:
        return orjson.loads
    return bool if item.kind == "boolean" else None


class Codec:
    """One schema's rows and its four fixed statements."""

    def __init__(self, schema: Schema, table: Table, dialect: Dialect) -> None:
        self.schema = schema
        self.table = table
        self._names = tuple(schema.properties)
        self._encoders = tuple(_encoder(item) for item in schema.properties.values())
        self._decoders = tuple((n, d) for n, p in schema.properties.items() if (d := _decoder(p)) is not None)
        self._width = len(self._names)
        self.columns = [table.c[name] for name in (*self._names, *HIDDEN)]
        order = [f"p{index}" for index in range(len(self.columns))]
        values: dict[str, Any] = {
            column.name: bindparam(word) for column, word in zip(self.columns, order, strict=True)
        }
        self.insert = compiled(insert(table).values(values), dialect, order)
        where = table.c.id == bindparam("row_id")
        self.update = compiled(update(table).where(where).values(values), dialect, [*order, "row_id"])
        self.delete = compiled(table.delete().where(where), dialect, ["row_id"])
        self.select = select(*self.columns)
        self.get = compiled(self.select.where(where), dialect, ["row_id"])
        self.has = compiled(select(literal_column("1")).select_from(table).where(where), dialect, ["row_id"])
        versions = select(table.c.id, *(table.c[name] for name in VERSIONS)).where(table.c.id > bindparam("after"))
        page = versions.order_by(table.c.id).limit(bindparam("page_limit")).offset(bindparam("page_offset"))
        self.versions = compiled(page, dialect, ["after", "page_limit", "page_offset"])
        self.links = tuple(link for link in schema.links if not link.column)

    def values(self, row: Resource) -> Values:
        """The row as bound values, properties first."""
        body = row.body
        plain = [
            encode(body.get(name)) if encode is not None else body.get(name)
            for name, encode in zip(self._names, self._encoders, strict=True)
        ]
        return (
            *plain,
            row.config_version,
            row.state_version,
            row.monitoring_version,
            _json_text(row.state) if row.state else None,
            row.state_error or None,
            _json_text(row.state_monitoring) if row.state_monitoring else None,
            int(row.marked_for_deletion),
            row.due,
        )

    def resource(self, values: Sequence[Any]) -> Resource:
        """The resource behind a selected row; properties without value are None."""
        body = dict(zip(self._names, values, strict=False))
        for name, decode in self._decoders:
            if body[name] is not None:
                body[name] = decode(body[name])
        config, state_version, monitoring, state, error, seen, marked, due = values[self._width :]
        return Resource(
            ref=Ref(self.schema.id, body["id"]),
            body=body,
            config_version=config,
            state_version=state_version,
            monitoring_version=monitoring,
            state=orjson.loads(state) if state else {},
            state_error=error or "",
            state_monitoring=orjson.loads(seen) if seen else {},
            marked_for_deletion=bool(marked),
            due=due,
        )


class Lists:
    """Statements for lists and counts, made on first use of each shape and remembered."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._no_limit = None if dialect.name == POSTGRESQL else -1
        self._texts: dict[tuple[Any, ...], str] = {}

    def build(self, codec: Codec, query: Query, *, counting: bool) -> tuple[str, list[Any]]:
        """The text and its values."""
        filters = [(name, _split(values)) for name, values in query.filters.items()]
        values: list[Any] = []
        for name, (given, _null) in filters:
            values.extend(_contains(item) for item in given) if name in query.search else values.extend(given)
        if query.owner is not None:
            values.append(query.owner)
        paged = not counting and (query.limit is not None or query.offset)
        if paged:
            values += [self._no_limit if query.limit is None else query.limit, query.offset]
        shape = (
            codec.schema.id, counting, query.any_of, query.search, query.owner is not None, query.sort, paged,
            tuple((name, len(given), null) for name, (given, null) in filters),
        )  # fmt: skip
        text = self._texts.get(shape)
        if text is None:
            if len(self._texts) >= KEPT_SHAPES:
                self._texts.clear()
            text = self._texts[shape] = self._compile(codec, query, counting=counting, paged=bool(paged))
        return text, values

    def _compile(self, codec: Codec, query: Query, *, counting: bool, paged: bool) -> str:
        order: list[str] = []
        tests: list[ColumnElement[bool]] = []
        for name, given in query.filters.items():
            tests.append(self._test(codec, name, given, query, order))
        statement: Select[Any] = select(func.count()).select_from(codec.table) if counting else codec.select
        if query.any_of:
            statement = statement.where(or_(false(), *tests))
        elif tests:
            statement = statement.where(and_(*tests))
        if query.owner is not None:
            order.append("owner")
            statement = statement.where(_column(codec, "tenant_id") == bindparam("owner"))
        if not counting:
            turned, name = query.sort.startswith("-"), query.sort.removeprefix("-")
            key = _column(codec, name)
            if name == "id":
                statement = statement.order_by(desc(key) if turned else asc(key))
            else:  # what has no value comes first, as SQLite sees it
                first = desc(key).nulls_last() if turned else asc(key).nulls_first()
                statement = statement.order_by(first, asc(codec.table.c.id))
        if paged:
            order += ["page_limit", "page_offset"]
            statement = statement.limit(bindparam("page_limit")).offset(bindparam("page_offset"))
        return compiled(statement, self._dialect, order)

    def _test(
        self, codec: Codec, name: str, given: Iterable[Any], query: Query, order: list[str]
    ) -> ColumnElement[bool]:
        column = _column(codec, name)
        values, null = _split(given)
        words = [f"f{len(order) + index}" for index in range(len(values))]
        order.extend(words)
        tests: list[ColumnElement[bool]] = []
        if name in query.search:
            tests += [self._contains(column, word) for word in words]
        elif words:
            tests.append(column.in_([bindparam(word) for word in words]))
        if null:
            tests.append(column.is_(None))
        return or_(false(), *tests)

    def _contains(self, column: Any, word: str) -> ColumnElement[bool]:
        """As SQLite's LIKE does it: of any type, and a is A."""
        if self._dialect.name == POSTGRESQL:
            return cast(column, Text).ilike(bindparam(word), escape="\\")
        test: ColumnElement[bool] = column.like(bindparam(word), escape="\\")
        return test


def _split(values: Iterable[Any]) -> tuple[list[Any], bool]:
    listed = list(values)
    return [value for value in listed if value is not None], any(value is None for value in listed)


def _contains(value: Any) -> str:
    text = str(value)
    for character in ("\\", "%", "_"):
        text = text.replace(character, f"\\{character}")
    return f"%{text}%"


def _column(codec: Codec, name: str) -> Any:
    item = codec.schema.properties.get(name)
    if item is None:
        raise Invalid(f"{codec.schema.id} has no property {name!r}", [(name, "is not a property")])
    if item.kind in JSON_KINDS:
        raise Invalid(f"{codec.schema.id} cannot be filtered or sorted by {name!r}", [(name, "is no plain value")])
    return codec.table.c[name]
