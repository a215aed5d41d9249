"""What a mapping sees while it is evaluated, and what it finds: a value, and the resources that were read for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from esi.errors import TemporaryError
from esi.model.resource import Body, Ref

Lookup = Callable[[str, str], Body | None]
"""The body of (schema, id) as last accepted; None when there is none."""

Relation = Callable[[str, str], str | None]
"""The schema that property `name` of a schema refers to; a property inside an own list field is `<field>.<name>`."""


class Missing(TemporaryError):
    """A mapping needs `ref`, which is not there (yet). With `field`: it is there, but names nothing in that field."""

    code = "missing_reference"

    def __init__(self, ref: Ref, field: str = "") -> None:
        self.ref = ref
        self.field = field
        words = f"{ref} names nothing in {field!r}" if field else f"{ref} is not there"
        super().__init__(words, ref=str(ref), field=field)


class Found(NamedTuple):
    """What one mapping gave. A list's value is a list of Found; an output_key's is {output_key, resource_type, …}."""

    value: Any
    kind: Literal["value", "output_key", "list"] = "value"
    resources: tuple[Ref, ...] = ()


ABSENT = Found("")
"""What a missing reference gives where that is allowed."""


class Place(NamedTuple):
    """Where in a template a mapping stands: its path for errors, and what own fields mean there."""

    path: str
    schema: str
    relation: Relation
    prefix: str = ""

    def at(self, name: str | int) -> Place:
        return self._replace(path=f"{self.path}[{name}]" if isinstance(name, int) else f"{self.path}.{name}")

    def related(self, schema: str, name: str) -> str | None:
        """What `name` refers to; inside a for, a property of the list's elements comes first."""
        inner = self.relation(schema, f"{self.prefix}.{name}") if self.prefix else None
        return inner or self.relation(schema, name)


class Scope:
    """One evaluation. Inside a for, the list's element stands in for the own body.

    `walked`: where the paths have led that were gone already. Most mappings of a template share a few.
    """

    __slots__ = ("_bodies", "_lookup", "body", "lenient", "schema", "version", "walked")

    def __init__(self, schema: str, body: Any, version: int, lookup: Lookup, *, lenient: bool = False) -> None:
        self.schema = schema
        self.body = body
        self.version = version
        self.lenient = lenient
        self._lookup = lookup
        self._bodies: dict[Ref, Body | None] = {}
        self.walked: dict[str, tuple[tuple[Ref, ...], Body | None]] = {}

    def element(self, item: Any) -> Scope:
        """The scope of one element of a list: the same, seen from the element."""
        inner = Scope(self.schema, item, self.version, self._lookup, lenient=self.lenient)
        inner._bodies = self._bodies
        return inner

    def own(self, name: str) -> Any:
        """An own field; "" is the element itself (inside a for). What is absent is None."""
        if not name:
            return self.body
        return self.body.get(name) if isinstance(self.body, dict) else None

    def read(self, ref: Ref) -> Body | None:
        """Another resource's body, looked up once per evaluation."""
        if ref not in self._bodies:
            self._bodies[ref] = self._lookup(ref.schema, ref.id)
        return self._bodies[ref]
