"""A compiled schema: everything about one kind of resource that can be known before the first request."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Kind = Literal["string", "integer", "number", "boolean", "object", "array", "json"]
"""How a value is kept: `json` stands for properties of several types."""

Rule = Literal["default", "gateway", "monitored", "pair", "mirror", "idle", "waits", "connected", "none"]

Faults = list[tuple[str, str]]
"""Pairs of a path in the document and what is wrong there."""


class CheckRow(Protocol):
    """Judges a whole document. Values that are still those of `judged`, in which nothing was wrong, are spared."""

    def __call__(self, document: Mapping[str, Any], judged: Mapping[str, Any] = ...) -> Faults: ...


@dataclass(frozen=True, slots=True)
class Relation:
    """`path` is a dotted property path as it stands in messages and in `Schema.relations`; list steps carry no index.

    `column` is true when the value is a first-level string, so that a row is found by an indexed column.
    """

    path: str
    steps: tuple[str, ...]
    target: str
    is_list: bool
    column: bool
    may_be_empty: bool
    optional: bool = True


@dataclass(frozen=True, slots=True)
class Property:
    """One first-level property. `document` is its JSON schema as written; `create` and `update` who may send it
    when.
    """

    name: str
    kind: Kind
    document: Mapping[str, Any]
    title: str = ""
    description: str = ""
    create: bool = False
    update: bool = False
    required: bool = False
    nullable: bool = True
    has_default: bool = False
    default: Any = None
    unique: bool = False
    indexed: bool = False
    relation: str | None = None
    format: str | None = None
    secret: bool = False
    raw: bool = False


@dataclass(frozen=True, slots=True)
class StatusRule:
    """How `status` is derived (esi.model.status). Whose status counts: the rows that the relations `of` name, and the
    rows that name this one, `by` (schema, property). `when`: which rows it is for, patterns or values by property.
    """

    rule: Rule = "none"
    of: tuple[str, ...] = ()
    by: tuple[tuple[str, str], ...] = ()
    when: tuple[tuple[str, Any], ...] = ()

    def holds(self, body: Mapping[str, Any]) -> bool:
        return all(_fits(body.get(name), wanted) for name, wanted in self.when)


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, re.Pattern):
        return wanted.fullmatch("" if value is None else str(value)) is not None
    return bool(value == wanted)


@dataclass(frozen=True, slots=True)
class Statuses:
    """The rules of one schema: the first of `cases` that holds for a row, else `otherwise`."""

    otherwise: StatusRule = StatusRule()  # frozen
    cases: tuple[StatusRule, ...] = ()

    def of(self, body: Mapping[str, Any]) -> StatusRule:
        return next((case for case in self.cases if case.holds(body)), self.otherwise)

    @property
    def all(self) -> tuple[StatusRule, ...]:
        return (*self.cases, self.otherwise)


@dataclass(frozen=True, slots=True)
class Action:
    """A custom verb: `method` on the item's path (`on_item`) or the collection's, plus `/<path>`."""

    id: str
    method: str
    path: str
    on_item: bool
    description: str
    check: Callable[[Any], Faults]


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """One kind of resource. Compared by identity: a catalogue holds exactly one of each.

    `path` is the collection, e.g. "/v2.0/vpn_gateways". `relations` maps a property path to the schema referred to.
    `check_create`, `check_update` judge what a caller sent; `check_row` the whole document.
    `defaults()` gives fresh copies each time.
    """

    id: str
    singular: str
    plural: str
    title: str
    description: str
    path: str
    properties: Mapping[str, Property]
    relations: Mapping[str, str]
    links: tuple[Relation, ...]
    required: frozenset[str]
    metadata: Mapping[str, Any]
    document: Mapping[str, Any]
    check_create: Callable[[Mapping[str, Any]], Faults]
    check_update: Callable[[Mapping[str, Any]], Faults]
    check_row: CheckRow
    defaults: Callable[[], dict[str, Any]]
    indexes: Mapping[str, tuple[tuple[str, ...], bool]] = field(default_factory=dict)
    parent: str | None = None
    actions: Mapping[str, Action] = field(default_factory=dict)
    state_versioning: bool = False
    nosync: bool = False
    two_step_deletion: bool = False
    template_path: Mapping[str, Any] = field(default_factory=dict)
    statuses: Statuses = Statuses()
    secrets: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    tenant_owned: bool = False
    where: str = ""

    def path_of(self, id: str) -> str:
        """The API path of one resource, which is also its path in etcd."""
        return f"{self.path}/{id}"

    def has(self, name: str) -> bool:
        return name in self.properties
