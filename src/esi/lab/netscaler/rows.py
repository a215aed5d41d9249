"""What an appliance is configured with: rows by kind. One set runs, a copy of it is what was saved."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from esi.lab.netscaler.kinds import KINDS, Fields

Key = tuple[Any, ...]


class Rows:
    """Rows by kind, each under its keys. `generation` grows with every change."""

    def __init__(self) -> None:
        self._by_kind: dict[str, dict[Key, Fields]] = {kind: {} for kind in KINDS}
        self.capacity: Fields = {}
        self.generation = 0

    def kinds(self) -> list[str]:
        return list(self._by_kind)

    def of(self, kind: str) -> list[Fields]:
        return list(self._by_kind[kind].values())

    def get(self, kind: str, *key: Any) -> Fields | None:
        return self._by_kind[kind].get(key)

    def put(self, kind: str, fields: Fields) -> None:
        self._by_kind[kind][tuple(fields[name] for name in KINDS[kind].keys)] = fields
        self.generation += 1

    def drop(self, kind: str, *key: Any) -> None:
        del self._by_kind[kind][key]
        self.generation += 1

    def matching(self, kind: str, **wanted: Any) -> Iterator[Fields]:
        """The rows whose fields are these."""
        return (row for row in self.of(kind) if all(row.get(name) == value for name, value in wanted.items()))

    def copy(self) -> Rows:
        return deepcopy(self)

    def same_as(self, other: Rows) -> bool:
        return (self._by_kind, self.capacity) == (other._by_kind, other.capacity)
