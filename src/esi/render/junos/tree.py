"""A configuration as a tree that is cheap to copy: copies share everything until one of them changes it.

A node may be changed only by the Tree that owns it; every change makes the nodes on its way the changer's own first.
So a candidate is a copy of the running configuration for the price of one object, two versions are compared by walking
only where they are not the same object, and what was computed about a shared part (`facts`) stays true.

A node that was cloned remembers from which one, and what below it has changed since (`differing`).
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Iterator
from operator import attrgetter
from typing import Any
from weakref import ref

from esi.render.junos.statements import Kind, Spec, root

Ident = str | tuple[str, ...]
Value = str | tuple[str, ...] | None

_DIGITS = re.compile(r"(\d+)")
_RANK = attrgetter("rank")


class Node:
    """One statement: `key` names a list entry, `value` is a leaf's; only Tree changes nodes."""

    __slots__ = (
        "__weakref__",
        "_ordered",
        "_since",
        "children",
        "comment",
        "facts",
        "ident",
        "inactive",
        "key",
        "owner",
        "rank",
        "spec",
        "value",
    )

    def __init__(self, spec: Spec, key: str | tuple[str, ...], value: Value, owner: object) -> None:
        self.spec, self.key, self.value, self.owner = spec, key, value, owner
        self.ident = ident(spec, key)
        self.children: dict[Ident, Node] = {}
        self.inactive = False
        self.comment = ""
        self.facts: Any = None
        self.rank = (spec.order, _sort_key(spec, key))
        self._ordered: list[Node] | None = None
        self._since: tuple[ref[Node], dict[Ident, None]] | None = None

    def ordered(self) -> list[Node]:
        """The children as a router shows them."""
        if self._ordered is None:
            self._ordered = sorted(self.children.values(), key=_RANK)
        return self._ordered

    def place(self, child: Node) -> int:
        """Where one of the children stands among them as they are shown."""
        shown = self.ordered()
        return shown.index(child, bisect_left(shown, child.rank, key=_RANK))

    def words(self) -> tuple[str, ...]:
        """How text names this statement, without a leaf's value."""
        if self.spec.kind is Kind.GENERIC:
            return tuple(self.key)
        if self.spec.kind is Kind.LIST:
            return (self.spec.name, str(self.key)) if self.spec.written else (str(self.key),)
        return (self.spec.name,)

    def get(self, *names: Ident) -> Node | None:
        """The statement below on this way, None if there is none."""
        node: Node | None = self
        for name in names:
            node = node.children.get(name) if node is not None else None
        return node

    def text(self, name: str) -> str:
        """The value of a leaf below; empty without it."""
        node = self.children.get(name)
        return node.value if node is not None and isinstance(node.value, str) else ""

    def values(self, name: str) -> tuple[str, ...]:
        """The values of a list of plain values below; empty without it."""
        node = self.children.get(name)
        return node.value if node is not None and isinstance(node.value, tuple) else ()

    def entries(self, name: str) -> Iterator[Node]:
        """The entries of a list below, active ones only, in the order in which they are shown."""
        return (
            one for one in self.ordered() if one.spec.kind is Kind.LIST and one.spec.name == name and not one.inactive
        )

    def differing(self, old: Node) -> set[Ident]:
        """The names of all children that are not the same in another version; others may be among them."""
        if self._since is not None and self._since[0]() is old:
            return set(self._since[1])
        return {node.ident for node in {*old.children.values()} ^ {*self.children.values()}}

    def clone(self, owner: object) -> Node:
        copy = Node.__new__(Node)
        copy.spec, copy.key, copy.value, copy.owner = self.spec, self.key, self.value, owner
        copy.ident, copy.rank = self.ident, self.rank
        copy.children = self.children.copy()
        copy.inactive, copy.comment = self.inactive, self.comment
        copy.facts = None
        copy._ordered = self._ordered.copy() if self._ordered is not None else None
        copy._since = ref(self), {}
        return copy

    def holding(self, children: dict[Ident, Node]) -> Node:
        """A copy that belongs to nobody, with other children."""
        copy = self.clone(object())
        copy.fill(children)
        return copy

    # -- for whoever owns it --------------------------------------------------------------------------------------

    def fill(self, children: dict[Ident, Node]) -> None:
        """Hold other children, or the same in another order."""
        self.children = children
        self.facts = self._ordered = self._since = None

    def hold(self, child: Node) -> None:
        """Take a child, behind its equals, or in the place of an earlier form of it."""
        known = self.children.get(child.ident)
        if self._ordered is not None and known is not None:
            self._ordered[self.place(known)] = child
        elif self._ordered is not None:
            insort(self._ordered, child, key=_RANK)
        self.children[child.ident] = child
        self._note(child.ident)

    def drop(self, name: Ident) -> None:
        """Give a child away."""
        if self._ordered is not None:
            del self._ordered[self.place(self.children[name])]
        del self.children[name]
        self._note(name)

    def _note(self, name: Ident) -> None:
        self.facts = None
        if self._since is not None:
            self._since[1][name] = None


class Tree:
    """One version of a configuration."""

    __slots__ = ("_owner", "root")

    def __init__(self, top: Node | None = None) -> None:
        self._owner = object()
        self.root = top if top is not None else Node(root(), "", None, self._owner)

    def copy(self) -> Tree:
        """Another version that starts equal. Nodes belong to nobody from now on."""
        self._owner = object()
        return Tree(self.root)

    def own(self) -> Node:
        """The root, ready to be changed: every change begins here and goes down with `enter`."""
        if self.root.owner is not self._owner:
            self.root = self.root.clone(self._owner)
        self.root.facts = None
        return self.root

    def enter(self, parent: Node, spec: Spec, key: str | tuple[str, ...] = "") -> Node:
        """The statement below an own node, made if it is missing, ready to be changed."""
        name = ident(spec, key)
        node = parent.children.get(name)
        if node is None:
            node = Node(spec, key, None, self._owner)
        elif node.owner is not self._owner:
            node = node.clone(self._owner)
        else:
            node.facts = None
            return node
        parent.hold(node)
        return node

    def put(self, parent: Node, spec: Spec, value: Value) -> Node:
        """Set a leaf or flag, or add to a list of plain values."""
        node = self.enter(parent, spec)
        if spec.kind is Kind.VALUES and isinstance(value, tuple):
            before = node.value if isinstance(node.value, tuple) else ()
            node.value = before + tuple(one for one in dict.fromkeys(value) if one not in before)
        else:
            node.value = value
        return node

    def remove(self, parent: Node, name: Ident) -> None:
        """Take a statement out of an own node."""
        parent.drop(name)

    def reorder(self, parent: Node, children: dict[Ident, Node]) -> None:
        """Give an own node other children, or the same in another order."""
        parent.fill(children)


def ident(spec: Spec, key: str | tuple[str, ...]) -> Ident:
    """What a statement is found by among its siblings."""
    if spec.kind is Kind.LIST:
        return (spec.name, str(key))
    if spec.kind is Kind.GENERIC:
        return ("?", *key)
    return spec.name


def equal(one: Node, other: Node) -> bool:
    """Whether two statements say the same, order of user-ordered lists included. Shared parts cost nothing."""
    if one is other:
        return True
    same = one.value == other.value and one.inactive == other.inactive and one.comment == other.comment
    if not same or len(one.children) != len(other.children):
        return False
    pairs = zip(one.ordered(), other.ordered(), strict=True)
    return all(a is b or (a.ident == b.ident and equal(a, b)) for a, b in pairs)


def _sort_key(spec: Spec, key: str | tuple[str, ...]) -> tuple[Any, ...]:
    if "numeric" in spec.marks:
        return (0, int(key), "") if isinstance(key, str) and key.isdecimal() else (1, 0, key)
    if "sorted" in spec.marks:
        return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in _DIGITS.split(str(key)))
    return ()
