"""What a running configuration says about ports, units, BGP neighbours and VRRP groups, groups expanded.

Units and instances that did not change since the version before are taken over from its view: a commit on a router
with thousands of units reads one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface, ip_interface

from esi.errors import TemplateError
from esi.lab.groups import expand
from esi.render.junos.secret9 import decode, is_encoded
from esi.render.junos.tree import Node

MAIN = "master"
"""How a router names the instance that is there without any configuration."""

Interface = IPv4Interface | IPv6Interface
Source = tuple[Node, Node | None]


@dataclass(frozen=True, slots=True)
class VrrpGroup:
    """One VRRP group on one address of a unit."""

    number: int
    local: Interface
    virtual: tuple[str, ...]
    priority: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A logical interface. `vlan` is empty where nothing is tagged."""

    name: str
    vlan: str
    disabled: bool
    description: str
    families: tuple[str, ...]
    addresses: tuple[Interface, ...]
    groups: tuple[VrrpGroup, ...]
    source: Source = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Physical:
    """A port. `bundle` is the aggregated interface that it belongs to."""

    name: str
    disabled: bool
    description: str
    bundle: str
    units: Mapping[str, Unit]


@dataclass(frozen=True, slots=True)
class Peering:
    """One side of a BGP session as it is configured. `key` is decoded; AS numbers are text, empty when missing."""

    instance: str
    peer: str
    local: str
    local_as: str
    peer_as: str
    key: str = field(repr=False)
    description: str
    source: Source = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Instance:
    """A routing instance: its units and its BGP neighbours."""

    name: str
    interfaces: tuple[str, ...]
    peerings: tuple[Peering, ...]
    source: Source = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class View:
    """Everything above of one router. `owners` tells which instance a unit belongs to, where it is not the main one."""

    host_name: str
    physicals: Mapping[str, Physical]
    instances: Mapping[str, Instance]
    owners: Mapping[str, str]

    def unit(self, name: str) -> Unit | None:
        physical = self.physicals.get(name.partition(".")[0])
        return physical.units.get(name) if physical is not None else None

    def units_of(self, instance: str) -> Iterator[Unit]:
        """The units that are in an instance; those of no instance are in the main one."""
        if instance != MAIN:
            found = self.instances.get(instance)
            names = found.interfaces if found is not None else ()
            yield from (unit for unit in map(self.unit, names) if unit is not None)
            return
        for physical in self.physicals.values():
            yield from (unit for name, unit in physical.units.items() if name not in self.owners)


NOTHING = View("", {}, {}, {})


def read_view(top: Node, before: View = NOTHING) -> View:
    """The view of a configuration. `before` is an earlier view of the same router."""
    groups = top.children.get("groups")
    whole = bool(top.values("apply-groups"))  # groups at the top change everything from outside
    section = top.get("interfaces")
    physicals: dict[str, Physical] = {}
    if section is not None and not section.inactive:
        keep = not whole and not section.values("apply-groups")
        for node in section.entries("interface"):
            known = before.physicals.get(str(node.key)) if keep and not node.values("apply-groups") else None
            physicals[str(node.key)] = _physical(top, (section, node), groups, known)
    main_as = _text(_active(top, "routing-options"), "autonomous-system")
    instances: dict[str, Instance] = {}
    section = top.get("routing-instances")
    if section is not None and not section.inactive:
        for node in section.entries("instance"):
            kept = before.instances.get(str(node.key))
            if kept is not None and kept.source == (node, groups) and not whole and not section.values("apply-groups"):
                instances[kept.name] = kept
            else:
                instances[str(node.key)] = _instance(top, (section, node), groups, main_as)
    instances[MAIN] = _main(top, groups, main_as)
    owners = {name: one.name for one in instances.values() for name in one.interfaces}
    system = _active(top, "system")
    return View(_text(system, "host-name"), physicals, instances, owners)


def _physical(top: Node, way: tuple[Node, Node], groups: Node | None, known: Physical | None) -> Physical:
    node = way[-1]
    name = str(node.key)
    units: dict[str, Unit] = {}
    for unit in node.entries("unit"):
        full = f"{name}.{unit.key}"
        kept = known.units.get(full) if known is not None else None
        if kept is None or kept.source != (unit, groups):
            kept = _unit(full, expand(top, (*way, unit)), (unit, groups))
        units[full] = kept
    options = _active(node, "gigether-options")
    return Physical(name, _flag(node, "disable"), _text(node, "description"), _text(options, "802.3ad"), units)


def _unit(name: str, unit: Node, source: Source) -> Unit:
    addresses: list[Interface] = []
    groups: list[VrrpGroup] = []
    family = _active(unit, "family")
    families = [one for one in family.ordered() if not one.inactive] if family is not None else []
    for one in families:
        for entry in one.entries("address"):
            address = _interface(str(entry.key))
            if address is not None:
                addresses.append(address)
                groups += [_group(group, address) for group in entry.entries("vrrp-group")]
    return Unit(
        name,
        _text(unit, "vlan-id"),
        _flag(unit, "disable"),
        _text(unit, "description"),
        tuple(one.spec.name for one in families),
        tuple(addresses),
        tuple(groups),
        source,
    )


def _group(node: Node, address: Interface) -> VrrpGroup:
    virtual = node.values("virtual-address")
    owner = str(address.ip) in virtual
    return VrrpGroup(int(str(node.key)), address, virtual, 255 if owner else int(_text(node, "priority") or 100))


def _instance(top: Node, way: tuple[Node, Node], groups: Node | None, main_as: str) -> Instance:
    node = expand(top, way)
    name = str(node.key)
    names = tuple(f"{one.key}" if "." in str(one.key) else f"{one.key}.0" for one in node.entries("interface"))
    own_as = _text(_active(node, "routing-options"), "autonomous-system") or main_as
    source = (way[-1], groups)
    bgp = node.get("protocols", "bgp")
    return Instance(name, names, tuple(_peerings(name, bgp, own_as, source)), source)


def _main(top: Node, groups: Node | None, main_as: str) -> Instance:
    protocols = top.get("protocols")
    source = (protocols or top, groups)
    if protocols is None or protocols.inactive:
        return Instance(MAIN, (), (), source)
    bgp = expand(top, (protocols,)).get("bgp")
    return Instance(MAIN, (), tuple(_peerings(MAIN, bgp, main_as, source)), source)


def _peerings(instance: str, bgp: Node | None, own_as: str, source: Source) -> Iterator[Peering]:
    if bgp is None or bgp.inactive or _flag(bgp, "disable"):
        return
    for group in bgp.entries("group"):
        for neighbor in group.entries("neighbor"):
            levels = (neighbor, group, bgp)
            if any(_flag(level, "disable") for level in levels):
                continue
            local_as = _nearest(levels, "local-as") or own_as
            internal = _text(group, "type") == "internal"
            yield Peering(
                instance,
                str(neighbor.key),
                _nearest(levels, "local-address"),
                local_as,
                _nearest(levels, "peer-as") or (local_as if internal else ""),
                _plain(_nearest(levels, "authentication-key")),
                _nearest(levels, "description"),
                source,
            )


def _nearest(levels: tuple[Node, ...], name: str) -> str:
    return next((found for level in levels if (found := _text(level, name))), "")


def _plain(key: str) -> str:
    """A key's value; a text that only looks encoded counts as it stands."""
    try:
        return decode(key) if is_encoded(key) else key
    except TemplateError:
        return key


def _interface(text: str) -> Interface | None:
    try:
        return ip_interface(text)
    except ValueError:
        return None


def _active(node: Node, name: str) -> Node | None:
    found = node.get(name)
    return found if found is not None and not found.inactive else None


def _text(node: Node | None, name: str) -> str:
    leaf = node.get(name) if node is not None else None
    return leaf.value if leaf is not None and not leaf.inactive and isinstance(leaf.value, str) else ""


def _flag(node: Node, name: str) -> bool:
    found = node.get(name)
    return found is not None and not found.inactive
