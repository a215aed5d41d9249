"""What changes between two versions, as a router shows it (`show | compare`, configuration-output).

The text begins with a newline, then hunks. A hunk is headed by the deepest existing container that its changes have in
common. After `+`, `-` or a blank come as many blanks as the header has levels, and one more for leaves, two more for
containers and list entries. A new list entry is shown between its neighbours. Plain containers share a hunk; leaves
and each list have their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from esi.lab.changes import Change, changes
from esi.render.junos.printing import leaf_text, print_node
from esi.render.junos.statements import Kind
from esi.render.junos.tree import Ident, Node, equal

NO_CHANGE = "\n"


def compare(old: Node, new: Node) -> str:
    """The changes from `old` to `new`; a lone newline when there are none."""
    hunks = _Hunks()
    hunks.container(old, new, _Place((), ""))
    return "\n" + "".join(f"{line}\n" for line in hunks.lines)


class _Place(NamedTuple):
    """A container: the levels to it, and the words that text joins in front of its children (`family `)."""

    levels: tuple[str, ...]
    prefix: str

    def below(self, node: Node) -> _Place:
        return _Place((*self.levels, " ".join(node.words())), f"{node.spec.name} " if node.spec.joined else "")

    def header(self) -> str:
        levels = self.levels[:-1] if self.prefix else self.levels
        return f"[{' '.join(('edit', *levels))}]"


class _Hunks:
    """Lines in the making; a header is written when the place or the kind of change differs from the line before."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._open: tuple[str, str] | None = None
        self._shown: set[int] = set()

    def container(self, old: Node, new: Node, place: _Place) -> None:
        """Changes inside a container that both versions have."""
        if old is new:
            return
        found = changes(old, new)
        same_order = _same_order(old, new, found)
        kinds: dict[int, list[Change]] = {}
        for change in found:
            kinds.setdefault(change.node.rank[0], []).append(change)
        for order, entries in sorted(kinds.items()):
            node, before, after = entries[0]
            if node.spec.kind in (Kind.LIST, Kind.GENERIC):
                self._list(old, new, entries, place, set() if same_order else _moved(old, new, order))
            elif before is not None and after is not None and node.spec.inside:
                self._both(before, after, place)
            elif before is None or after is None or not equal(before, after):
                self._replaced(before, after, place)

    def _replaced(self, before: Node | None, after: Node | None, place: _Place) -> None:
        for sign, node in (("-", before), ("+", after)):
            if node is not None:
                self._body(sign, node, place, "containers" if node.spec.inside else "leaves")

    def _both(self, old: Node, new: Node, place: _Place) -> None:
        """A statement that both have and that holds others: its activation, then what is inside."""
        if old is new:
            return
        if old.inactive != new.inactive:
            state = "inactive" if new.inactive else "active"
            self._line("!", f" {state}: {_named(new, place)}", place, "containers", 2)
        self.container(old, new, place.below(new))

    def _list(self, old: Node, new: Node, entries: Sequence[Change], place: _Place, moved: set[Ident]) -> None:
        """The changed entries of a list; `moved` are those that stand elsewhere among the others."""
        kind, siblings = entries[0].node.spec.name or "?", new.ordered()
        for gone in sorted((one.node for one in entries if one.after is None), key=old.place):
            self._body("-", gone, place, kind)
        fresh = moved | {one.node.ident for one in entries if one.before is None}
        for at in sorted(new.place(new.children[name]) for name in fresh):
            node = siblings[at]
            beside = (siblings[max(at - 1, 0)], siblings[min(at + 1, len(siblings) - 1)])
            left, right = (one.rank[0] == node.rank[0] and one.ident not in fresh for one in beside)
            if left:
                self._neighbour(beside[0], place, kind)
            if node.ident in moved:
                self._line("!", _named(node, place), place, kind, 2)
            else:
                self._body("+", node, place, kind)
            if right:
                self._neighbour(beside[1], place, kind)
        both = [(one.before, one.after) for one in entries if one.before is not None and one.after is not None]
        for before, after in sorted(both, key=lambda pair: new.place(pair[1])):
            self._both(before, after, place)

    def _neighbour(self, node: Node, place: _Place, kind: str) -> None:
        """A sibling of a new entry, shown once."""
        if id(node) not in self._shown:
            self._shown.add(id(node))
            self._line(" ", _named(node, place), place, kind, 2)

    def _body(self, sign: str, node: Node, place: _Place, kind: str) -> None:
        for line in print_node(node, place.prefix):
            self._line(sign, line, place, kind, 2 if node.spec.inside else 1)

    def _line(self, sign: str, text: str, place: _Place, kind: str, more: int) -> None:
        header = place.header()
        if self._open != (header, kind):
            self._open = (header, kind)
            self.lines.append(header)
        self.lines.append(f"{sign}{' ' * (len(place.levels) + more)}{text}")


def _named(node: Node, place: _Place) -> str:
    return f"{place.prefix}{leaf_text(node)}{' { ... }' if node.children else ';'}"


def _same_order(old: Node, new: Node, found: Sequence[Change]) -> bool:
    """Whether what both have stands in one order, without a look at what is the same in both."""
    if not any(before is not None and after is not None for _, before, after in found):
        return True  # who moves an entry makes it its own
    was: list[Node | None] = [*old.ordered()]
    now: list[Node | None] = [*new.ordered()]
    for _, before, after in found:
        if before is not None:
            was[old.place(before)] = after
        elif after is not None:
            now[new.place(after)] = None
    return [*filter(None, was)] == [*filter(None, now)]


def _moved(old: Node, new: Node, order: int) -> set[Ident]:
    """Entries that must move to turn one order into the other: those outside a common run that keeps its order."""
    rest, after = (
        [node.ident for node in one.ordered() if node.rank[0] == order and node.ident in other.children]
        for one, other in ((old, new), (new, old))
    )
    moved: set[Ident] = set()
    for name in after:
        if rest[0] == name:
            rest.pop(0)
        else:
            moved.add(name)
            rest.remove(name)
    return moved
