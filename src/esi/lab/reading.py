"""The view of a running configuration, groups expanded.

Units and instances that did not change since the version before are taken over from its view, unseen: a commit on a
router with thousands of units reads one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_interface

from esi.errors import TemplateError
from esi.lab.changes import Entries
from esi.lab.groups import expand
from esi.lab.view import MAIN, NO_PORT, NOTHING, Instance, Interface, Peering, Physical, Unit, View, VrrpGroup
from esi.render.junos.secret9 import decode, is_encoded
from esi.render.junos.tree import Node


def read_view(top: Node, before: View = NOTHING) -> View:
    """The view of a configuration. `before` is an earlier view of the same router."""
    old = before.top if before.top is not None and _outside(before.top) == _outside(top) else None
    section = _active(top, "interfaces")
    physicals = {
        str(node.key): _physical(top, node, before.physicals.get(str(node.key), NO_PORT), keep=old is not None)
        for node in (section.entries("interface") if section is not None else ())
    }
    known = before.instances.copy()
    main = known.pop(MAIN, None)
    sections = (_active(old, "routing-instances"), _active(top, "routing-instances"))
    instances, changed = Entries("instance").read(known, *sections, lambda node: _instance(top, node))
    if main is None or old is None or old.get("protocols") is not top.get("protocols"):
        main, changed = _main(top), (*changed, MAIN)
    instances[MAIN] = main
    owners, claims = _owners(before, instances, changed)
    return View(_text(_active(top, "system"), "host-name"), physicals, instances, owners, claims, changed, top)


def _outside(top: Node) -> tuple[object, ...]:
    """What makes units and instances others from outside: the groups, where they are applied, the AS of the router."""
    above = (top, top.get("interfaces"), top.get("routing-instances"))
    return top.get("groups"), [one.values("apply-groups") if one is not None else () for one in above], _main_as(top)


def _owners(before: View, instances: Mapping[str, Instance], changed: tuple[str, ...]) -> tuple[dict[str, str], int]:
    """Which instance each unit is in, and how many they name: `ge-0/0/1` and `ge-0/0/1.0` are one, the last has it."""
    owners, claims = before.owners.copy(), before.claims
    for name in changed:
        for unit in before.instances[name].interfaces if name in before.instances else ():
            owners.pop(unit, None)
            claims -= 1
    for name in changed:
        for unit in instances[name].interfaces if name in instances else ():
            owners[unit] = name
            claims += 1
    if len(owners) != claims:
        owners = {unit: one.name for one in instances.values() for unit in one.interfaces}
    return owners, claims


def _physical(top: Node, node: Node, known: Physical, *, keep: bool) -> Physical:
    old = known.source if keep else None
    if old is node:
        return known
    if old is not None and old.values("apply-groups") != node.values("apply-groups"):
        old = None
    name = str(node.key)
    units, changed = Entries("unit", f"{name}.").read(known.units, old, node, lambda unit: _unit(top, node, unit))
    return Physical(
        name,
        _flag(node, "disable"),
        _text(node, "description"),
        _text(_active(node, "gigether-options"), "802.3ad"),
        units,
        _by_vlan(known, units, changed),
        changed,
        node,
    )


def _by_vlan(known: Physical, units: Mapping[str, Unit], changed: tuple[str, ...]) -> dict[str, tuple[Unit, ...]]:
    fresh: dict[str, list[Unit]] = {}
    for name in changed:
        for unit in (known.units.get(name), units.get(name)):
            if unit is not None and unit.vlan not in fresh:
                fresh[unit.vlan] = [one for one in known.vlans.get(unit.vlan, ()) if units.get(one.name) is one]
    for name in changed:
        if name in units:
            fresh[units[name].vlan].append(units[name])
    found = {vlan: tuple(sorted(some, key=lambda unit: unit.source.rank)) for vlan, some in fresh.items()}
    vlans = known.vlans.copy()
    vlans.update(found)
    return vlans


def _unit(top: Node, port: Node, source: Node) -> Unit:
    unit = expand(top, (top.children["interfaces"], port, source))
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
        f"{port.key}.{source.key}",
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


def _instance(top: Node, source: Node) -> Instance:
    node = expand(top, (top.children["routing-instances"], source))
    name = str(node.key)
    names = tuple(f"{one.key}" if "." in str(one.key) else f"{one.key}.0" for one in node.entries("interface"))
    own_as = _text(_active(node, "routing-options"), "autonomous-system") or _main_as(top)
    return Instance(name, names, tuple(_peerings(name, node.get("protocols", "bgp"), own_as)), source)


def _main(top: Node) -> Instance:
    protocols = _active(top, "protocols")
    bgp = expand(top, (protocols,)).get("bgp") if protocols is not None else None
    return Instance(MAIN, (), tuple(_peerings(MAIN, bgp, _main_as(top))), protocols or top)


def _peerings(instance: str, bgp: Node | None, own_as: str) -> Iterator[Peering]:
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


def _main_as(top: Node) -> str:
    return _text(_active(top, "routing-options"), "autonomous-system")


def _active(node: Node | None, name: str) -> Node | None:
    found = node.get(name) if node is not None else None
    return found if found is not None and not found.inactive else None


def _text(node: Node | None, name: str) -> str:
    leaf = node.get(name) if node is not None else None
    return leaf.value if leaf is not None and not leaf.inactive and isinstance(leaf.value, str) else ""


def _flag(node: Node, name: str) -> bool:
    found = node.get(name)
    return found is not None and not found.inactive
