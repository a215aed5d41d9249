"""What a database lacks of the catalogue's shape, and what of that may be done while others read and write. Pure.

It only grows: tables, columns, indexes. A column that rows have to be given a value in comes with it as its default:
no row is written, and a process of the release before, which does not know the column, fills it in, too. Whatever
could lose something, wait for somebody or be refused by rows that are there is left to a person, with a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import orjson
from sqlalchemy import Column, Index, Select, Table, and_, func, literal_column, select
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from esi.errors import ShapeError
from esi.schema import Catalogue
from esi.store.counts import keep_counts, keep_slots
from esi.store.shape import ColumnShape, Shape, TableShape, column_shape, index_shape
from esi.store.statements import JSON_KINDS
from esi.store.tables import ONLY, OWN, POSTGRESQL

State = Literal["missing", "by hand", "left over"]
"""What `esi db migrate` does; what it refuses; what nobody wants, and is left alone."""

FEW = 3
COUNTS = "counts"
BEHIND = "the database is behind the schemas ({what} missing): run `esi db migrate`, then start again"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the schemas want it. `statements` belong together. What is `slow` looks at every row:
    it has a transaction of its own, or on PostgreSQL none. `doubles` asks how many values stand in the way of it.
    """

    state: State
    table: str
    what: str
    words: str
    statements: tuple[str, ...] = ()
    slow: bool = False
    doubles: str = ""

    def refused(self, words: str) -> Difference:
        return Difference("by hand", self.table, self.what, words)

    @property
    def sentence(self) -> str:
        return f"{self.table}: {self.what}: {self.words}"


class Wanted:
    """The tables of a catalogue in one dialect."""

    def __init__(self, catalogue: Catalogue, tables: Mapping[str, Table], dialect: Dialect) -> None:
        self._catalogue = catalogue
        here = [table for table in tables.values() if table.info.get(ONLY, dialect.name) == dialect.name]
        self._tables = sorted(here, key=lambda table: table.name not in OWN)  # what triggers write, first
        self._dialect = dialect
        self._online = dialect.name == POSTGRESQL

    def differences(self, there: Shape) -> Iterator[Difference]:
        """In the order in which they can be done."""
        standing = {name.lower(): shape for name, shape in there.items()}
        tables = self._tables
        yield from (self._new(table) for table in tables if table.name.lower() not in standing)
        old = [(table, standing[table.name.lower()]) for table in tables if table.name.lower() in standing]
        for table, shape in old:
            yield from self._columns(table, shape)
        for table, shape in old:
            yield from self._indexes(table, shape)
            if counting := self._counting(table, shape):
                yield Difference("missing", table.name, COUNTS, "are kept by triggers", counting, slow=True)
        known = {table.name.lower() for table in tables}
        for name in sorted(name for name in there if name.lower() not in known):
            words = f"no schema wants it. By hand: DROP TABLE {self._quoted(name)}"
            yield Difference("left over", name, "table", words)

    def _new(self, table: Table) -> Difference:
        made = (self._text(CreateTable(table)), *(self._text(CreateIndex(index)) for index in _in_order(table)))
        return Difference("missing", table.name, "table", "is made", made + self._counting(table, TableShape()))

    def _counting(self, table: Table, shape: TableShape) -> tuple[str, ...]:
        if table.name in OWN:
            return ()
        return (keep_slots if self._online else keep_counts)(table, self._quoted(table.name), shape.triggers)

    def _columns(self, table: Table, shape: TableShape) -> Iterator[Difference]:
        standing = {name.lower(): column for name, column in shape.columns.items()}
        for column in table.columns:
            what, found = f"column {column.name}", standing.get(column.name.lower())
            if found is None:
                yield self._added(table, column, what)
            elif words := self._refusal(table, column, found):
                yield Difference("by hand", table.name, what, words)
        wanted = {column.name.lower() for column in table.columns}
        for name in (name for name in shape.columns if name.lower() not in wanted):
            yield self._leftover(table, name, shape.columns[name])

    def _added(self, table: Table, column: Column[Any], what: str) -> Difference:
        if not column.nullable:
            words = "is missing, and may not be empty: rows that are there have none. Start with a new database"
            return Difference("by hand", table.name, what, words)
        spec = self._text(CreateColumn(column))
        default = self._default(column)
        filled = f" DEFAULT {default}" if default else ""
        text = f"ALTER TABLE {self._quoted(table.name)} ADD COLUMN {spec}{filled}"
        words = f"is added, {default} in rows that are there" if filled else "is added, empty"
        return Difference("missing", table.name, what, words, (text,))

    def _default(self, column: Column[Any]) -> str:
        """The default of a property as it stands in a row; "" without one."""
        schema = self._catalogue.get(column.table.name)
        value = None if schema is None else schema.defaults().get(column.name)
        if value is None or schema is None:
            return ""
        return _literal(value, as_json=schema.properties[column.name].kind in JSON_KINDS)

    def _refusal(self, table: Table, column: Column[Any], found: ColumnShape) -> str:
        wanted, alter = column_shape(column, self._dialect), f"ALTER TABLE {self._quoted(table.name)} "
        name = self._dialect.identifier_preparer.quote(column.name)
        if wanted.type != found.type:
            changed = f"ALTER COLUMN {name} TYPE {column.type.compile(self._dialect)} USING …"
            gone = f"DROP COLUMN {name}, if its values are not needed any more"
            return (
                f"is {found.type or 'without a type'} and should be {wanted.type}, which could lose values. Give the "
                f"property another name, or by hand: {alter}{changed if self._online else gone}"
            )
        if wanted.key != found.key:
            return "is of another primary key. Start with a new database, and create the resources anew"
        if wanted.nullable and not found.nullable:
            way = f"{alter}ALTER COLUMN {name} DROP NOT NULL" if self._online else "SQLite must copy the table"
            return f"may not be empty there, and may by its schema. By hand: {way}"
        if found.nullable and not wanted.nullable:
            return "may be empty there, and may not by its schema: rows that are there may have no value. Look by hand"
        return ""

    def _leftover(self, table: Table, name: str, found: ColumnShape) -> Difference:
        by_hand = f"By hand: ALTER TABLE {self._quoted(table.name)} DROP COLUMN {self._quoted(name)}"
        if not found.nullable and not found.has_default:
            words = f"no schema wants it, but it may not be empty: no row can be written. {by_hand}"
            return Difference("by hand", table.name, f"column {name}", words)
        return Difference("left over", table.name, f"column {name}", f"no schema wants it. {by_hand}")

    def _indexes(self, table: Table, shape: TableShape) -> Iterator[Difference]:
        for index in _in_order(table):
            what, found = f"index {index.name}", shape.indexes.get(str(index.name))
            wanted, drop = index_shape(index, self._dialect), f"DROP INDEX {self._quoted(str(index.name))}"
            if found is None:
                yield self._indexed(table, index, what, "is made", shape)
            elif not found.valid:
                again = drop.replace("INDEX", "INDEX CONCURRENTLY", 1)
                yield self._indexed(table, index, what, "is made again: it was interrupted", shape, (again,))
            elif (found.columns, found.unique, found.partial) != (wanted.columns, wanted.unique, wanted.partial):
                words = f"is another one than its schema wants. By hand: {drop}; then `esi db migrate` makes it"
                yield Difference("by hand", table.name, what, words)
        wanted_names = {str(index.name) for index in table.indexes}
        for name in sorted(set(shape.indexes) - wanted_names):
            rule = ", and it refuses what stands twice" if shape.indexes[name].unique else ""
            words = f"no schema wants it{rule}. By hand: DROP INDEX {self._quoted(name)}"
            yield Difference("left over", table.name, f"index {name}", words)

    def _indexed(
        self, table: Table, index: Index, what: str, words: str, shape: TableShape, before: Sequence[str] = ()
    ) -> Difference:
        text = self._text(CreateIndex(index))
        if self._online:
            text = text.replace("INDEX", "INDEX CONCURRENTLY", 1)
        doubles = self._doubles(table, index, shape) if index.unique else ""
        return Difference("missing", table.name, what, words, (*before, text), slow=True, doubles=doubles)

    def _doubles(self, table: Table, index: Index, shape: TableShape) -> str:
        """How many values of a unique index-to-be stand in more than one row."""
        present = [column for column in index.columns if column.name in shape.columns]
        if not present:
            if not any(self._default(column) for column in index.columns):
                return ""
            return self._text(select(func.count() - 1).select_from(select(table.c.id).limit(2).subquery()))
        tests = [column.is_not(None) for column in present]
        where = index.dialect_options[self._dialect.name].get("where")
        if where is not None:
            tests.append(where)
        rows: Select[Any] = select(literal_column("1").label("one")).select_from(table).where(and_(*tests))
        twice = rows.group_by(*present).having(func.count() > 1)
        return self._text(select(func.count()).select_from(twice.subquery()))

    def _text(self, statement: Select[Any] | CreateTable | CreateColumn | CreateIndex) -> str:
        options: dict[str, Any] = {"literal_binds": True} if isinstance(statement, Select) else {}
        return str(statement.compile(dialect=self._dialect, compile_kwargs=options)).strip()

    def _quoted(self, name: str) -> str:
        return self._dialect.identifier_preparer.quote(name)


def _in_order(table: Table) -> list[Index]:
    return sorted(table.indexes, key=lambda index: str(index.name))


def _literal(value: Any, *, as_json: bool) -> str:
    if not as_json and isinstance(value, int):  # true is 1
        return str(int(value))
    if not as_json and isinstance(value, float):
        text = format(Decimal(repr(value)), "f")
        return text if "." in text else f"{text}.0"
    text = value if isinstance(value, str) and not as_json else orjson.dumps(value).decode()
    return "'" + text.replace("'", "''") + "'"


def doubled(difference: Difference, count: int) -> Difference:
    """What becomes of a unique index when so many values stand in several rows."""
    if count <= 0:
        return difference
    words = f"rows that are there break it: {count} values stand in more than one row. Make them differ by the API"
    return difference.refused(words)


def missing(differences: Sequence[Difference]) -> list[Difference]:
    """What is to be done. ShapeError, with every sentence, when something is refused: then nothing is done."""
    refused = [one.sentence for one in differences if one.state == "by hand"]
    if refused:
        raise ShapeError(refused)
    return [one for one in differences if one.state == "missing"]


def group(todo: Sequence[Difference]) -> list[Difference]:
    """What is done next, together: all new tables; one table's columns; or one thing that looks at every row."""
    first = todo[0]
    if first.slow:
        return [first]
    if first.what == "table":
        return [one for one in todo if one.what == "table"]
    return [one for one in todo if one.table == first.table and not one.slow]


def refuse_behind(differences: Sequence[Difference]) -> None:
    """ShapeError when something is missing or refused, for a process that may not add it."""
    todo = missing(differences)
    if todo:
        raise ShapeError(BEHIND.format(what=few([f"{one.table}: {one.what}" for one in todo])))


def few(names: Sequence[str]) -> str:
    """The first ones by name, the rest by their number."""
    more = len(names) - FEW
    return ", ".join(names[:FEW]) + (f" and {more} more" if more > 0 else "")
