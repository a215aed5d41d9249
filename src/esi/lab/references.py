"""What a part of a configuration refers to by name, wherever it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from esi.render.junos.statements import Kind
from esi.render.junos.tree import Node


class Use(NamedTuple):
    """`kind` and `name` of what must be there; a filter may belong to a `family`."""

    kind: str
    name: str
    family: str = ""


class Reference(NamedTuple):
    """What is used; `path` are the levels of the place that says so, `bad` its words."""

    use: Use
    path: tuple[str, ...]
    bad: str


# (statement, its container) → what its value names. An empty container fits every place.
_LEAVES = {
    ("input", "filter"): "filter",
    ("output", "filter"): "filter",
    ("input-list", "filter"): "filter",
    ("output-list", "filter"): "filter",
    ("filter", "term"): "filter",
    ("input", "policer"): "policer",
    ("output", "policer"): "policer",
    ("policer", "then"): "policer",
    ("single-rate", "three-color-policer"): "three-color-policer",
    ("two-rate", "three-color-policer"): "three-color-policer",
    ("import", ""): "policy-statement",
    ("export", ""): "policy-statement",
    ("vrf-import", ""): "policy-statement",
    ("vrf-export", ""): "policy-statement",
    ("instance-import", ""): "policy-statement",
    ("instance-export", ""): "policy-statement",
    ("policy", "from"): "policy-statement",
}
_ENTRIES = {
    ("prefix-list", "from"): "prefix-list",
    ("prefix-list", "prefix-list"): "prefix-list",
    ("source-prefix-list", "source-prefix-list"): "prefix-list",
    ("destination-prefix-list", "destination-prefix-list"): "prefix-list",
    ("interface", "instance"): "interface",
}


def references(node: Node, whole: Node, levels: tuple[str, ...]) -> Iterator[Reference]:
    """The references of one part: groups as it is written, everything else as it counts with its groups."""
    yield from _groups(node, levels)
    yield from _named(whole, levels, "")


def _groups(node: Node, path: tuple[str, ...]) -> Iterator[Reference]:
    for name in node.values("apply-groups"):
        yield Reference(Use("group", name), path, f"apply-groups {name}")
    for child in node.children.values():
        if child.children and not child.inactive:
            yield from _groups(child, (*path, " ".join(child.words())))


def _named(node: Node, path: tuple[str, ...], family: str) -> Iterator[Reference]:
    for child in node.ordered():
        if child.inactive:
            continue
        name, words = child.spec.name, " ".join(child.words())
        if child.spec.kind is Kind.LIST:
            kind = _ENTRIES.get((name, node.spec.name))
            if kind is not None:
                yield Reference(Use(kind, str(child.key)), (*path, words), words)
        elif child.value is not None and child.spec.kind is not Kind.GENERIC:
            kind = _LEAVES.get((name, node.spec.name)) or _LEAVES.get((name, ""))
            for value in (child.value if isinstance(child.value, tuple) else (child.value,)) if kind else ():
                yield Reference(Use(str(kind), value, family), (*path, words), f"{words} {value}")
        if child.children:
            yield from _named(child, (*path, words), name if node.spec.joined else family)
