"""Named implementations of one port. Filled by bootstrap only, with the names that settings enable."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from esi.errors import PluginError

T = TypeVar("T")


class Registry(Generic[T]):
    """`kind` is the word used in errors ("resource type"); `group` the entry-point group of plug-ins."""

    def __init__(self, kind: str, group: str | None = None) -> None:
        self.kind = kind
        self.group = group
        self._members: dict[str, T] = {}

    def register(self, name: str, member: T) -> T:
        if name in self._members:
            raise PluginError(f"{self.kind} {name!r} is registered twice")
        self._members[name] = member
        return member

    def load(self, names: Iterable[str]) -> None:
        """Load members by entry-point name; an unknown name lists the known ones."""
        known = {point.name: point for point in entry_points(group=self.group or "")}
        for name in names:
            if name not in known:
                raise PluginError(f"unknown {self.kind} {name!r}; known: {', '.join(sorted(known)) or 'none'}")
            self.register(name, known[name].load())

    def get(self, name: str) -> T:
        try:
            return self._members[name]
        except KeyError:
            raise PluginError(f"unknown {self.kind} {name!r}; known: {', '.join(self.names()) or 'none'}") from None

    def find(self, name: str) -> T | None:
        return self._members.get(name)

    def names(self) -> list[str]:
        return sorted(self._members)
