"""Which stacks there are, always in Heat's order, so that a list reads no record: a line for each, kept by a mirror.

The mirror holds the records as bytes; one is decoded when it changes and when somebody looks at it.
"""

from __future__ import annotations

import logging
from bisect import bisect_left, insort
from dataclasses import dataclass

from esi.errors import Broken
from esi.identity.accounts import HOME
from esi.kv import Event
from esi.model import keys
from esi.runtime import Mirror
from esi.stacks.records import MadeFrom, StackRecord, decode, decode_made

log = logging.getLogger(__name__)

Place = tuple[float, str]
"""Newest first, then by name."""


@dataclass(frozen=True, slots=True)
class Line:
    """A stack as lists show it; times in epoch seconds, 0: never."""

    name: str
    id: str
    tenant: str
    status: str
    reason: str
    description: str
    created: float
    updated: float

    @property
    def place(self) -> Place:
        return (-self.created, self.name)


@dataclass(frozen=True, slots=True)
class Whole:
    """A stack with everything that is known of it."""

    line: Line
    record: StackRecord
    made: MadeFrom


class Index:
    """Listens to a mirror of `keys.STACKS`. What belongs to no tenant is listed under the project HOME."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._lines: dict[str, Line] = {}
        self._names: dict[str, str] = {}
        self._orders: dict[str, list[Place]] = {}
        mirror.listen(self._changed)

    def all(self, tenant: str | None = None) -> list[Line]:
        """Of one tenant, or of every one."""
        if tenant is not None:
            return [self._lines[name] for _, name in self._orders.get(tenant, ())]
        return sorted(self._lines.values(), key=lambda line: line.place)

    def find(self, text: str) -> Line | None:
        """By name or id."""
        return self._lines.get(self._names.get(text, text))

    def whole(self, line: Line) -> Whole | None:
        return self._read(line.name)

    def _changed(self, key: str, event: Event | None) -> None:
        name = key.removeprefix(keys.STACKS).partition("/")[0]
        old = self._lines.pop(name, None)
        if old is not None:
            del self._names[old.id]
            order = self._orders[old.tenant]
            del order[bisect_left(order, old.place)]
            if not order:
                del self._orders[old.tenant]
        whole = self._read(name)
        if whole is not None:
            line = whole.line
            self._lines[name] = line
            self._names[line.id] = name
            insort(self._orders.setdefault(line.tenant, []), line.place)

    def _read(self, name: str) -> Whole | None:
        entry = self._mirror.get(keys.stack_key(name))
        made = self._mirror.get(keys.stack_made_key(name))
        if entry is None:
            return None
        try:
            record = decode(entry.value, entry.key)
            source = decode_made(made.value, made.key) if made is not None else MadeFrom()
        except Broken as error:
            log.error("a stack is left out: %s", error)
            return None
        line = Line(
            name,
            record.id,
            record.tenant or HOME,
            record.status,
            record.reason,
            source.description or "No description",
            record.created,
            record.updated,
        )
        return Whole(line, record, source)
