"""Hands on Contrail: objects of its config API, and what its agents see of them.

Two ports. `Contrail` is what resource types call; `Analytics` is what probes ask. Contrail names an object twice: by a
uuid, and by the names of those above it and its own (`fq_name`). What is made under a name that is taken is answered
with what stands there, so that a request whose answer was lost may be repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Name = tuple[str, ...]
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ConfigObject:
    """One object as it stands. `body` is all that the API tells; `type` has hyphens, as in virtual-network."""

    type: str
    uuid: str
    fq_name: Name
    body: Body = field(default_factory=dict, repr=False)

    def refs(self, type: str) -> tuple[Body, ...]:
        """References to objects of `type`: {to, uuid, attr}."""
        return tuple(self.body.get(f"{type.replace('-', '_')}_refs") or ())


class Contrail(Protocol):
    """Errors: NotFound, Conflict (a name or uuid is taken by something else), Busy (something refers to it yet),
    Rejected (Contrail's own words), Unreachable, TimedOut."""

    async def find(self, type: str, fq_name: Sequence[str]) -> str:
        """The uuid behind a name."""
        ...

    async def read(self, type: str, uuid: str) -> ConfigObject: ...

    async def create(self, type: str, fq_name: Sequence[str], body: Body) -> ConfigObject:
        """A new object, or the one that has this name already, as it stands; `body` may name the uuid and parent."""
        ...

    async def update(self, type: str, uuid: str, change: Body) -> None:
        """Only what is given changes; a list of references is the whole new list."""
        ...

    async def refer(self, source: tuple[str, str], target: tuple[str, str], attr: Body | None = None) -> None:
        """Let an object refer to another, each as (type, uuid); of a reference that is there the attr changes."""
        ...

    async def release(self, source: tuple[str, str], target: tuple[str, str]) -> None:
        """Take that reference away; absent is success."""
        ...

    async def delete(self, type: str, uuid: str) -> None:
        """Absent is success."""
        ...


class Analytics(Protocol):
    async def look(self, type: str, names: Sequence[str], structs: Sequence[str]) -> Mapping[str, Body]:
        """What agents tell of the objects of `type` with these names (joined by ":"), flat; of each the given parts
        (Struct:attr, or a whole Struct). What nobody tells of is absent."""
        ...
