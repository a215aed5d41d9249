"""What changes between two versions, as a router shows it (`show | compare`, configuration-output).

The text begins with a newline, then hunks. A hunk is headed by the deepest existing container that its changes have in
common. After `+`, `-` or a blank come as many blanks as the header has levels, and one more for leaves, two more for
containers and list entries. A new list entry is shown between its neighbours. Plain containers share a hunk; leaves
and each list have their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

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
        kinds = {
            node.rank[0]: node.spec
            for one, other in ((old, new), (new, old))
            for name, node in one.children.items()
            if other.children.get(name) is not node
        }
        for order, spec in sorted(kinds.items(), key=lambda kind: kind[0]):
            before = [node for node in old.ordered() if node.rank[0] == order]
            after = [node for node in new.ordered() if node.rank[0] == order]
            if spec.kind in (Kind.LIST, Kind.GENERIC):
                self._list(before, after, place, spec.name or "?")
            elif before and after and spec.inside:
                self._both(before[0], after[0], place)
            elif not (before and after and equal(before[0], after[0])):
                self._replaced(before, after, place)

    def _replaced(self, before: list[Node], after: list[Node], place: _Place) -> None:
        kind = "containers" if (before or after)[0].spec.inside else "leaves"
        for sign, nodes in (("-", before), ("+", after)):
            for node in nodes:
                self._body(sign, node, place, kind)

    def _both(self, old: Node, new: Node, place: _Place) -> None:
        """A statement that both have and that holds others: its activation, then what is inside."""
        if old is new:
            return
        if old.inactive != new.inactive:
            state = "inactive" if new.inactive else "active"
            self._line("!", f" {state}: {_named(new, place)}", place, "containers", 2)
        self.container(old, new, place.below(new))

    def _list(self, old: list[Node], new: list[Node], place: _Place, name: str) -> None:
        was = {node.ident: node for node in old}
        now = {node.ident for node in new}
        moved = _moved(
            [node.ident for node in old if node.ident in now], [node.ident for node in new if node.ident in was]
        )
        for node in old:
            if node.ident not in now:
                self._body("-", node, place, name)
        fresh = [node.ident not in was or node.ident in moved for node in new]
        for index, node in enumerate(new):
            if not fresh[index]:
                continue
            if index > 0 and not fresh[index - 1]:
                self._neighbour(new[index - 1], place, name)
            if node.ident in moved:
                self._line("!", _named(node, place), place, name, 2)
            else:
                self._body("+", node, place, name)
            if index + 1 < len(new) and not fresh[index + 1]:
                self._neighbour(new[index + 1], place, name)
        for node in new:
            if node.ident in was:
                self._both(was[node.ident], node, place)

    def _neighbour(self, node: Node, place: _Place, name: str) -> None:
        """A sibling of a new entry, shown once."""
        if id(node) not in self._shown:
            self._shown.add(id(node))
            self._line(" ", _named(node, place), place, name, 2)

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


def _moved(before: Sequence[Ident], after: Sequence[Ident]) -> set[Ident]:
    """Entries that must move to turn one order into the other: those outside a common run that keeps its order."""
    moved: set[Ident] = set()
    if before == after:
        return moved
    rest = list(before)
    for name in after:
        if rest and rest[0] == name:
            rest.pop(0)
        elif name in rest:
            moved.add(name)
            rest.remove(name)
    return moved
