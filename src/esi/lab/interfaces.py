"""What the interface daemon (dcd) refuses within one physical interface."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from esi.lab.words import Fault
from esi.render.junos.tree import Node

_ETHERNET = re.compile(r"(?:ge|xe|et|ae|fe)[-0-9]")
_TAGGING = ("vlan-tagging", "flexible-vlan-tagging", "stacked-vlan-tagging")
_TAGS = ("vlan-id", "vlan-tags", "vlan-id-range")


class Vlans(NamedTuple):
    """What a unit says about VLANs: whether it names any, and its plain vlan-id."""

    named: bool = False
    vlan_id: str = ""


NO_VLANS = Vlans()


def vlans(unit: Node) -> Vlans:
    """Read a unit, expanded with its groups."""
    return Vlans(any(tag in unit.children for tag in _TAGS), unit.text("vlan-id"))


def interface_faults(interface: Node, units: Sequence[tuple[str, Vlans]]) -> Iterator[Fault]:
    """The VLAN rules: tagged units name their VLAN, untagged ones must not, no VLAN is used twice."""
    name = str(interface.key)
    if not _ETHERNET.match(name):
        return
    path = f"[edit interfaces {name}]"
    tagged = any(mode in interface.children for mode in _TAGGING)
    used: dict[str, str] = {}
    for number, (named, vlan) in units:
        words = f"unit {number}"
        if not tagged and named:
            yield Fault("VLAN-ID can only be specified on tagged ethernet interfaces", path, words, daemon="dcd")
        elif not tagged and number != "0":
            yield Fault("Only unit 0 is valid for this encapsulation", path, words, daemon="dcd")
        elif tagged and not named:
            yield Fault("VLAN-ID must be specified on tagged ethernet interfaces", path, words, daemon="dcd")
        elif vlan and used.setdefault(vlan, words) != words:
            text = f"duplicate VLAN-ID {vlan} on interface, already used by {used[vlan]}"
            yield Fault(text, path, words, daemon="dcd")
