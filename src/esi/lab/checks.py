"""A router's check of one configuration after the other: where it differs from the last right one in units and routing
instances alone, only these are looked at.

For that it is counted how often each name is used. A configuration stays right when its new parts are, when what they
use is there, when nobody uses what has gone, and when no two use what one may: an interface, a VLAN of a port. In doubt
everything is looked at (`refusals`), which also finds the words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from esi.lab.changes import changes
from esi.lab.interfaces import interface_faults
from esi.lab.references import Use
from esi.lab.refusals import Way, find, is_there, parts, refusals
from esi.lab.words import Fault
from esi.render.junos.tree import Node, Tree

VLAN = "vlan"
ALONE = ("interface", VLAN)


class Checks:
    """The checks of one router."""

    def __init__(self) -> None:
        self._right: Node | None = None
        self._uses: Counter[Use] = Counter()

    def refusals(self, tree: Tree) -> list[Fault]:
        """Why the router would not commit this configuration, as `refusals` says it; empty when it would."""
        top = tree.copy().root  # nobody changes what was looked at
        if self._right is None or not self._stays_right(self._right, top):
            faults = refusals(tree)
            if faults:
                return faults
            self._uses = Counter(use for way in parts(top) for use in _uses(top, way))
        self._right = top
        return []

    def _stays_right(self, old: Node, top: Node) -> bool:
        differing = _differing(old, top)
        if differing is None or any(_is_wrong(top, after) for _, after in differing if after):
            return False
        more: Counter[Use] = Counter()
        for before, after in differing:
            more.subtract(_uses(old, before))
            more.update(_uses(top, after))
            if before and not after:
                more.update(dict.fromkeys(_names(before), 0))
        uses = {use: self._uses[use] + count for use, count in more.items()}
        if not all(_may_be(top, use, count) for use, count in uses.items() if count):
            return False
        self._uses.update(more)
        for use in (use for use, count in uses.items() if not count):
            del self._uses[use]
        return True


def _differing(old: Node, top: Node) -> list[tuple[Way, Way]] | None:
    """The units and instances that differ, as they were and as they are; None when something else differs.

    A way to what is not there, or not active, is empty.
    """
    found = []
    for section, before, after in changes(old, top):
        if before is None or after is None or section.spec.name not in ("interfaces", "routing-instances"):
            return None
        if not all(map(_is_plain, (old, top, before, after))):
            return None
        for entry, was, now in changes(before, after):
            if entry.spec.name == "instance":
                found.append((_way(before, was), _way(after, now)))
                continue
            if entry.spec.name != "interface" or was is None or now is None or not _is_plain(was) & _is_plain(now):
                return None
            units = changes(was, now)
            if any(unit.node.spec.name != "unit" for unit in units):
                return None
            found += [(_way(before, was, one), _way(after, now, other)) for _, one, other in units]
    return found


def _is_plain(node: Node) -> bool:
    """Whether nothing from outside changes what is in a statement."""
    return not node.inactive and not node.values("apply-groups")


def _way(*nodes: Node | None) -> Way:
    way = tuple(node for node in nodes if node is not None and not node.inactive)
    return way if len(way) == len(nodes) else ()


def _is_wrong(top: Node, way: Way) -> bool:
    found, node = find(top, way), way[-1]
    wrong = interface_faults(way[1], [(str(node.key), found.vlans)]) if node.spec.name == "unit" else ()
    return bool(found.faults) or any(wrong)


def _uses(top: Node, way: Way) -> Iterator[Use]:
    if way:
        found = find(top, way)
        yield from (reference.use for reference in found.refers)
        if found.vlans.vlan_id:
            yield Use(VLAN, found.vlans.vlan_id, str(way[1].key))


def _names(way: Way) -> Iterator[Use]:
    """What others may call a unit."""
    if way[-1].spec.name == "unit":
        port, unit = way[1].key, way[-1].key
        yield Use("interface", f"{port}.{unit}")
        if unit == "0":
            yield Use("interface", f"{port}")


def _may_be(top: Node, use: Use, count: int) -> bool:
    return (use.kind == VLAN or is_there(top, use)) and (count == 1 or use.kind not in ALONE)
