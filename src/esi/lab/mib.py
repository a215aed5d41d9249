"""The objects that a router shows by SNMP: system, interfaces, states of BGP and VRRP, in the order of names.

A row of an interface is found by its number; all others, and what comes behind a name, need everything to be laid out,
which is done once per change of the topology.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from esi.lab import replies
from esi.lab.ber import COUNTER32, COUNTER64, GAUGE32, INTEGER, OCTETS, OID, TICKS, Oid, Value
from esi.lab.engine import Engine
from esi.lab.meters import Meters
from esi.lab.objects import IF, IF_X, INTERFACES, SYSTEM, Objects, Read, fixed
from esi.lab.topology import Topology
from esi.lab.view import Physical, Unit

BGP_PEER: Oid = (1, 3, 6, 1, 2, 1, 15, 3, 1)
VRRP_OPER: Oid = (1, 3, 6, 1, 2, 1, 68, 1, 3, 1)
MODEL: Oid = (1, 3, 6, 1, 4, 1, 2636, 1, 1, 1, 2, 108)

ETHERNET, UNIT_TYPE, BUNDLE, LOOPBACK = 6, 53, 161, 24
BGP_STATES = {"Idle": 1, "Connect": 2, "Active": 3, "OpenSent": 4, "OpenConfirm": 5, "Established": 6}
VRRP_STATES = {"init": 1, "backup": 2, "master": 3}

Interface = Physical | Unit


class Mib(Objects):
    """All objects of one router."""

    def __init__(self, router: Engine, topology: Topology) -> None:
        super().__init__()
        self._router, self._topology = router, topology

    def layout(self) -> object:
        self._topology.look()
        return self._topology.generation

    def objects(self) -> Iterator[tuple[Oid, Read]]:
        name = self._router.name
        view = self._topology.view(name)
        meters = self._topology.meters(name)
        host = view.host_name or name
        words = f"Juniper Networks, Inc. vmx internet router, kernel JUNOS {replies.VERSION}, Build date: 2016-12-16"
        contact = self._router.running.root.get("snmp")
        yield (*SYSTEM, 1, 0), fixed(OCTETS, words.encode())
        yield (*SYSTEM, 2, 0), fixed(OID, MODEL)
        yield (*SYSTEM, 3, 0), self._ticks
        yield (*SYSTEM, 4, 0), fixed(OCTETS, contact.text("contact").encode() if contact is not None else b"")
        yield (*SYSTEM, 5, 0), fixed(OCTETS, host.encode())
        yield (*SYSTEM, 6, 0), fixed(OCTETS, contact.text("location").encode() if contact is not None else b"")
        yield (*SYSTEM, 7, 0), fixed(INTEGER, 4)
        count = 0
        for physical in view.physicals.values():
            yield from self._interface(meters, physical)
            count += 1 + len(physical.units)
            for unit in physical.units.values():
                yield from self._interface(meters, unit)
        yield (*INTERFACES, 1, 0), fixed(INTEGER, count)
        yield from self._sessions()
        yield from self._roles(meters)

    def find(self, name: Oid) -> Read | None:
        column = COLUMNS.get(name[:-1])
        if column is None:
            return super().find(name)
        one = self._named(self._topology.meters(self._router.name).names.get(name[-1], ""))
        return partial(column, self, one) if one is not None else None

    def _named(self, name: str) -> Interface | None:
        view = self._topology.view(self._router.name)
        return view.unit(name) if "." in name else view.physicals.get(name)

    def _interface(self, meters: Meters, one: Interface) -> Iterator[tuple[Oid, Read]]:
        index = meters.index(one.name)
        yield from (((*column, index), partial(read, self, one)) for column, read in COLUMNS.items())

    def index(self, one: Interface) -> Value:
        return Value(INTEGER, self._topology.meters(self._router.name).index(one.name))

    def status(self, one: Interface) -> Value:
        return Value(INTEGER, 1 if self._topology.up(self._router.name, one.name) else 2)

    def changed(self, one: Interface) -> Value:
        changed_at = self._topology.meters(self._router.name).changed_at.get(one.name, 0.0)
        return Value(TICKS, int(max(0.0, changed_at - self._router.begun) * 100))

    def octets(self, one: Interface, side: int, tag: int) -> Value:
        return Value(tag, self._topology.meters(self._router.name).octets(one.name)[side])

    def _sessions(self) -> Iterator[tuple[Oid, Read]]:
        """BGP4-MIB knows IPv4 peers only, by their address."""
        for session in self._topology.sessions(self._router.name):
            parts = session.peering.peer.split(".")
            if len(parts) != 4:
                continue
            where = (session.peering.instance, session.peering.peer)
            index = tuple(int(part) for part in parts)
            yield (*BGP_PEER, 2, *index), lambda where=where: Value(INTEGER, BGP_STATES.get(self._bgp(*where), 1))  # type: ignore[misc]
            yield (*BGP_PEER, 3, *index), fixed(INTEGER, 2)

    def _bgp(self, instance: str, peer: str) -> str:
        found = (
            session.state
            for session in self._topology.sessions(self._router.name)
            if (session.peering.instance, session.peering.peer) == (instance, peer)
        )
        return next(found, "Idle")

    def _roles(self, meters: Meters) -> Iterator[tuple[Oid, Read]]:
        for role in self._topology.roles(self._router.name):
            where = (role.unit.name, role.group.number)
            index = (meters.index(role.unit.name), role.group.number)
            yield (*VRRP_OPER, 3, *index), lambda where=where: Value(INTEGER, VRRP_STATES[self._vrrp(*where)])  # type: ignore[misc]
            yield (*VRRP_OPER, 5, *index), fixed(INTEGER, role.group.priority)

    def _vrrp(self, unit: str, group: int) -> str:
        roles = self._topology.roles(self._router.name)
        return next((role.state for role in roles if (role.unit.name, role.group.number) == (unit, group)), "init")

    def _ticks(self) -> Value:
        return Value(TICKS, int((self._router.clock.monotonic() - self._router.begun) * 100))


def _type(one: Interface) -> int:
    if isinstance(one, Unit):
        return LOOPBACK if one.name.startswith("lo") else UNIT_TYPE
    return LOOPBACK if one.name.startswith("lo") else BUNDLE if one.name.startswith("ae") else ETHERNET


def _speed(one: Interface) -> int:
    """In Mbit/s."""
    return 0 if isinstance(one, Unit) or one.name.startswith("lo") else 1000


COLUMNS: Mapping[Oid, Callable[[Mib, Interface], Value]] = {
    (*IF, 1): Mib.index,
    (*IF, 2): lambda _, one: Value(OCTETS, one.name.encode()),
    (*IF, 3): lambda _, one: Value(INTEGER, _type(one)),
    (*IF, 4): lambda _, one: Value(INTEGER, 1500),
    (*IF, 5): lambda _, one: Value(GAUGE32, _speed(one) * 1_000_000),
    (*IF, 7): lambda _, one: Value(INTEGER, 2 if one.disabled else 1),
    (*IF, 8): Mib.status,
    (*IF, 9): Mib.changed,
    (*IF, 10): lambda mib, one: mib.octets(one, 0, COUNTER32),
    (*IF, 16): lambda mib, one: mib.octets(one, 1, COUNTER32),
    (*IF_X, 1): lambda _, one: Value(OCTETS, one.name.encode()),
    (*IF_X, 6): lambda mib, one: mib.octets(one, 0, COUNTER64),
    (*IF_X, 10): lambda mib, one: mib.octets(one, 1, COUNTER64),
    (*IF_X, 15): lambda _, one: Value(GAUGE32, _speed(one)),
    (*IF_X, 18): lambda _, one: Value(OCTETS, one.description.encode()[:64]),
}
"""The columns of both tables of interfaces."""
