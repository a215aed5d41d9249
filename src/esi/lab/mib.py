"""The objects that a router shows by SNMP: system, interfaces, states of BGP and VRRP, in the order of names.

The names of a configuration's interfaces are laid out once per change of the topology; values are read when asked for.
"""

from __future__ import annotations

from collections.abc import Iterator

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

    def _interface(self, meters: Meters, one: Physical | Unit) -> Iterator[tuple[Oid, Read]]:
        name = one.name
        index = meters.index(name)
        speed = 0 if isinstance(one, Unit) or name.startswith("lo") else 1000
        up = self._topology.up(self._router.name, name)

        def octets(side: int, tag: int) -> Read:
            return lambda: Value(tag, self._topology.meters(self._router.name).octets(name)[side])

        def changed() -> Value:
            return Value(TICKS, int(max(0.0, meters.changed_at.get(name, 0.0) - self._router.begun) * 100))

        columns: tuple[tuple[int, Read], ...] = (
            (1, fixed(INTEGER, index)),
            (2, fixed(OCTETS, name.encode())),
            (3, fixed(INTEGER, _type(one))),
            (4, fixed(INTEGER, 1500)),
            (5, fixed(GAUGE32, speed * 1_000_000)),
            (7, fixed(INTEGER, 2 if one.disabled else 1)),
            (8, fixed(INTEGER, 1 if up else 2)),
            (9, changed),
            (10, octets(0, COUNTER32)),
            (16, octets(1, COUNTER32)),
        )
        extended: tuple[tuple[int, Read], ...] = (
            (1, fixed(OCTETS, name.encode())),
            (6, octets(0, COUNTER64)),
            (10, octets(1, COUNTER64)),
            (15, fixed(GAUGE32, speed)),
            (18, fixed(OCTETS, one.description.encode()[:64])),
        )
        yield from (((*IF, column, index), read) for column, read in columns)
        yield from (((*IF_X, column, index), read) for column, read in extended)

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


def _type(one: Physical | Unit) -> int:
    if isinstance(one, Unit):
        return LOOPBACK if one.name.startswith("lo") else UNIT_TYPE
    return LOOPBACK if one.name.startswith("lo") else BUNDLE if one.name.startswith("ae") else ETHERNET
