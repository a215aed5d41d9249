"""What a running configuration says about ports, units, BGP neighbours and VRRP groups (`reading` makes it).

A view names what it did not take over from the view before (`changed`): whoever knows that one looks at nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface

from esi.render.junos.tree import Node

MAIN = "master"
"""How a router names the instance that is there without any configuration."""

Interface = IPv4Interface | IPv6Interface


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
    source: Node = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Physical:
    """A port. `bundle` is the aggregated interface that it belongs to, `vlans` are its units by VLAN.

    `changed` names the units that are not those of the view before, gone ones too.
    """

    name: str
    disabled: bool
    description: str
    bundle: str
    units: dict[str, Unit]
    vlans: dict[str, tuple[Unit, ...]] = field(default_factory=dict, repr=False, compare=False)
    changed: tuple[str, ...] = field(default=(), repr=False, compare=False)
    source: Node | None = field(default=None, repr=False, compare=False)


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


@dataclass(frozen=True, slots=True)
class Instance:
    """A routing instance: its units and its BGP neighbours."""

    name: str
    interfaces: tuple[str, ...]
    peerings: tuple[Peering, ...]
    source: Node = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class View:
    """Everything above of one router. `owners` tells which instance a unit belongs to, where it is not the main one.

    `claims` counts all units that instances name, `top` is what was read. `changed` names the instances that are not
    those of the view before, gone ones too.
    """

    host_name: str
    physicals: dict[str, Physical]
    instances: dict[str, Instance]
    owners: dict[str, str]
    claims: int = 0
    changed: tuple[str, ...] = field(default=(), repr=False, compare=False)
    top: Node | None = field(default=None, repr=False, compare=False)

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
NO_PORT = Physical("", disabled=False, description="", bundle="", units={})
