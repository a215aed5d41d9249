"""What `apply-groups` brings: the configuration as it counts, own statements before those of groups.

The first group listed has priority, groups of an inner level come before those of an outer one, names in groups may be
patterns (`<*>`) that fit what exists but never make anything. Parts without groups are shared with the original.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from esi.render.junos.statements import Kind
from esi.render.junos.tree import Node


def group(top: Node, name: str) -> Node | None:
    """A configuration group by its name."""
    found = top.get("groups", ("groups", name))
    return found if found is not None and not found.inactive else None


def expand(top: Node, way: Sequence[Node]) -> Node:
    """The statement at the end of `way` (from the first below the top) with everything that groups bring to it."""
    layers = _layers(top, top, [])
    done: list[Node] = []
    for node in way:
        layers = [found for layer in layers for found in _fitting(layer, node)]
        done.append(node)
        layers = _layers(top, node, done) + layers
    return _expand(top, way[-1] if way else top, list(way), layers)


def _expand(top: Node, node: Node, way: list[Node], layers: list[Node]) -> Node:
    """`layers` already hold what applies to `node` itself."""
    children = dict(node.children)
    changed = False
    for name, child in node.children.items():
        if not child.spec.inside or child.inactive or child.spec.name == "groups":
            continue
        inner = [found for layer in layers for found in _fitting(layer, child)]
        grown = _expand(top, child, [*way, child], _layers(top, child, [*way, child]) + inner)
        if grown is not child:
            children[name], changed = grown, True
    for number, layer in enumerate(layers):
        for name, child in layer.children.items():
            if name in children or child.inactive or _pattern(child) or child.spec.name in ("apply-groups", "groups"):
                continue
            inner = [found for other in layers[number + 1 :] for found in _fitting(other, child)]
            children[name] = _expand(top, child, [*way, child], inner) if child.spec.inside else child
            changed = True
    if not changed:
        return node
    return node.holding(children)


def _layers(top: Node, node: Node, way: Sequence[Node]) -> list[Node]:
    """What the groups that a statement applies hold for exactly this place."""
    found: list[Node] = []
    for name in node.values("apply-groups"):
        start = group(top, name)
        here = [start] if start is not None else []
        for step in way:
            here = [one for layer in here for one in _fitting(layer, step)]
        found += here
    return found


def _fitting(layer: Node, node: Node) -> Iterator[Node]:
    """The statements of a group that are about `node`: the one of its name, then patterns."""
    exact = layer.children.get(node.ident)
    if exact is not None and not exact.inactive:
        yield exact
    if node.spec.kind is Kind.LIST:
        for other in layer.children.values():
            fits = other.spec.name == node.spec.name and _pattern(other) and not other.inactive
            if fits and fnmatchcase(str(node.key), str(other.key)[1:-1]):
                yield other


def _pattern(node: Node) -> bool:
    return node.spec.kind is Kind.LIST and str(node.key).startswith("<")
