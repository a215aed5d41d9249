"""What a resource is: a kind, an id, a body of plain JSON, and the versions of what is wanted and what is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

Body: TypeAlias = dict[str, Any]
"""A JSON object as Python data."""


class Ref(NamedTuple):
    """A resource's name: schema id and resource id."""

    schema: str
    id: str

    def __str__(self) -> str:
        return f"{self.schema}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> Ref:
        schema, _, id_ = text.partition(":")
        return cls(schema, id_)


@dataclass(slots=True)
class Resource:
    """One row. `body` holds the schema's own columns; the rest is bookkeeping that never reaches a tenant.

    config_version counts what is wanted; state_version is the config_version that the known state answers to;
    monitoring_version the one that the last accepted monitoring value answers to. `due` (epoch seconds) is when it must
    be looked at again if nothing comes: the deadline of what is pending, or the age at which what was seen is unknown.
    """

    ref: Ref
    body: Body
    config_version: int = 1
    state_version: int = 0
    monitoring_version: int = 0
    state: Body = field(default_factory=dict)
    state_error: str = ""
    state_monitoring: Body = field(default_factory=dict)
    marked_for_deletion: bool = False
    due: float | None = None

    @property
    def id(self) -> str:
        return self.ref.id

    @property
    def schema(self) -> str:
        return self.ref.schema

    def with_body(self, body: Body) -> Resource:
        """The same with another body; `dataclasses.replace` would look at each field again."""
        return Resource(
            self.ref,
            body,
            self.config_version,
            self.state_version,
            self.monitoring_version,
            self.state,
            self.state_error,
            self.state_monitoring,
            self.marked_for_deletion,
            self.due,
        )

    def __getitem__(self, name: str) -> Any:
        return self.body[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.body.get(name, default)
