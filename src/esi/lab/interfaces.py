"""What the interface daemon (dcd) refuses within one physical interface."""

from __future__ import annotations

import re
from collections.abc import Iterator

from esi.lab.words import Fault
from esi.render.junos.tree import Node

_ETHERNET = re.compile(r"(?:ge|xe|et|ae|fe)[-0-9]")
_TAGGING = ("vlan-tagging", "flexible-vlan-tagging", "stacked-vlan-tagging")
_TAGS = ("vlan-id", "vlan-tags", "vlan-id-range")


def interface_faults(interface: Node) -> Iterator[Fault]:
    """The VLAN rules: tagged units name their VLAN, untagged ones must not, no VLAN is used twice."""
    name = str(interface.key)
    if not _ETHERNET.match(name):
        return
    path = f"[edit interfaces {name}]"
    tagged = any(mode in interface.children for mode in _TAGGING)
    used: dict[str, str] = {}
    for unit in interface.entries("unit"):
        words = f"unit {unit.key}"
        if not tagged:
            yield from _untagged(unit, path, words)
            continue
        if not any(tag in unit.children for tag in _TAGS):
            yield Fault("VLAN-ID must be specified on tagged ethernet interfaces", path, words, daemon="dcd")
        vlan = unit.text("vlan-id")
        if vlan and used.setdefault(vlan, words) != words:
            yield Fault(
                f"duplicate VLAN-ID {vlan} on interface, already used by {used[vlan]}", path, words, daemon="dcd"
            )


def _untagged(unit: Node, path: str, words: str) -> Iterator[Fault]:
    if any(tag in unit.children for tag in _TAGS):
        yield Fault("VLAN-ID can only be specified on tagged ethernet interfaces", path, words, daemon="dcd")
    elif unit.key != "0":
        yield Fault("Only unit 0 is valid for this encapsulation", path, words, daemon="dcd")
