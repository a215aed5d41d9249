"""What changed from one version of a configuration to the next, and what is taken over: entries that nobody touched are
not looked at, however many they are.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

from esi.render.junos.tree import Node


class Change(NamedTuple):
    """A statement in two versions; where it is missing it is None. `node` is the newer form."""

    node: Node
    before: Node | None
    after: Node | None


def changes(old: Node, new: Node) -> list[Change]:
    """The statements directly below that are not the same in both, by rank, then by name."""
    found = []
    for name in new.differing(old):
        before, after = old.children.get(name), new.children.get(name)
        node = after or before
        if node is not None and before is not after:
            found.append(Change(node, before, after))
    return sorted(found, key=lambda change: (change.node.rank, change.node.ident))


class Entry(Protocol):
    """Something that was read from an entry of a list."""

    @property
    def source(self) -> Node: ...


E = TypeVar("E", bound=Entry)


class Entries(NamedTuple):
    """What is in a list: `kind` is what the statements call an entry, `prefix` stands before its key in a name."""

    kind: str
    prefix: str = ""

    def read(
        self, known: dict[str, E], old: Node | None, new: Node | None, read: Callable[[Node], E]
    ) -> tuple[dict[str, E], tuple[str, ...]]:
        """The active entries of `new` by name, and the names of those that are not the known ones, gone ones too.

        `known` are those of `old`; without `old` nothing is taken over.
        """
        if old is None or new is None:
            nodes = new.entries(self.kind) if new is not None else ()
            fresh = {f"{self.prefix}{node.key}": read(node) for node in nodes}
            return fresh, tuple({**known, **fresh})
        changed = (one for one in changes(old, new) if one.node.spec.name == self.kind)
        found = {f"{self.prefix}{one.node.key}": one.after for one in changed}
        entries = known.copy()
        for name, node in found.items():
            if node is None or node.inactive:
                entries.pop(name, None)
            else:
                entries[name] = read(node)
        return _in_order(entries, [name for name in found if name in entries and name not in known]), tuple(found)


def _in_order(entries: dict[str, E], added: list[str]) -> dict[str, E]:
    """Entries in the order in which a router shows them; the added ones stood last."""
    names = list(entries)
    order = names[: len(names) - len(added)]
    for name in added:
        insort(order, name, key=lambda one: entries[one].source.rank)
    return entries if order == names else dict(zip(order, map(entries.__getitem__, order), strict=True))
