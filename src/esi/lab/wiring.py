"""Which ports are connected, and what follows for two configurations: who is up, who meets whom, what both ends say.

Decided from views and cut links alone, without clock or state: a BGP session stands when both ends agree on addresses,
AS numbers and key over units that are up, in one subnet and one VLAN; a VRRP group has one master per VLAN.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import NamedTuple

from esi.lab.view import MAIN, Interface, Peering, Physical, Unit, View, VrrpGroup


class Port(NamedTuple):
    """One end of a link."""

    router: str
    interface: str


class Segment(NamedTuple):
    """What connects ports: a cable between two, whose ends fall together, or a switch, where each has its own link."""

    ports: tuple[Port, ...]
    switch: bool = False


class Verdict(NamedTuple):
    """What becomes of a session or group: its word, why it is not the best one, and the unit that it goes over."""

    word: str
    reason: str
    unit: str


ESTABLISHED = "Established"


class Wiring:
    """The views of all routers that run and the links between them at one moment; `cut` are ports without signal."""

    def __init__(self, views: Mapping[str, View], segments: Iterable[Segment], cut: frozenset[Port]) -> None:
        self.views = views
        self._cut = cut
        self._segments = {port: segment for segment in segments for port in segment.ports}
        self._up: dict[Port, bool] = {}

    def up(self, port: Port) -> bool:
        """Whether a port has a signal and is not switched off. Ports that are in no segment have one of their own."""
        if port not in self._up:
            self._up[port] = False  # a bundle in itself would ask for ever
            self._up[port] = self._is_up(port)
        return self._up[port]

    def _is_up(self, port: Port) -> bool:
        view = self.views.get(port.router)
        physical = view.physicals.get(port.interface) if view is not None else None
        if view is None or physical is None or physical.disabled or port in self._cut:
            return False
        members = [one.name for one in view.physicals.values() if one.bundle == port.interface]
        if members:
            return any(self.up(Port(port.router, name)) for name in members)
        segment = self._segments.get(port)
        if segment is None or segment.switch:
            return True
        return all(self._lit(other) for other in segment.ports if other != port)

    def _lit(self, port: Port) -> bool:
        """Whether the far end of a cable sends light: it does unless it is cut or switched off."""
        view = self.views.get(port.router)
        physical = view.physicals.get(port.interface) if view is not None else None
        return port not in self._cut and view is not None and not (physical is not None and physical.disabled)

    def unit_up(self, router: str, unit: Unit) -> bool:
        return not unit.disabled and self.up(Port(router, unit.name.partition(".")[0]))

    def beside(self, router: str, unit: Unit) -> Iterator[tuple[str, Unit]]:
        """The units of other routers in the same VLAN of the same segment that are up."""
        port = Port(router, unit.name.partition(".")[0])
        segment = self._segments.get(port)
        for other in segment.ports if segment is not None and self.unit_up(router, unit) else ():
            if other.router == router:
                continue
            physical = self._physical(other)
            for found in physical.vlans.get(unit.vlan, ()) if physical is not None else ():
                if self.unit_up(other.router, found):
                    yield other.router, found

    def _physical(self, port: Port) -> Physical | None:
        view = self.views.get(port.router)
        return view.physicals.get(port.interface) if view is not None else None

    # -- BGP ------------------------------------------------------------------------------------------------------

    def session(self, router: str, peering: Peering) -> Verdict:
        """What becomes of a BGP session, seen from one side."""
        view, peer = self.views[router], peering.peer
        near = [
            (unit, address)
            for unit in view.units_of(peering.instance)
            for address in unit.addresses
            if _holds(address, peer) and peering.local in ("", str(address.ip))
        ]
        if not near:
            words = f"from {peering.local}" if peering.local else "from any address"
            return Verdict("Idle", f"{router}: {peer} is on no connected network {words}", "")
        unit, address = near[0]
        if not self.unit_up(router, unit):
            return Verdict("Idle", f"{router}: {unit.name} is down", unit.name)
        local = peering.local or str(address.ip)
        for other, found in self.beside(router, unit):
            if any(str(one.ip) == peer and one.network == address.network for one in found.addresses):
                word, reason = self._agree((router, peering), (other, found), local)
                return Verdict(word, reason, unit.name)
        vlan = f", VLAN {unit.vlan}" if unit.vlan else ""
        return Verdict("Active", f"{router}: nobody has {peer} on {unit.name}{vlan}", unit.name)

    def _agree(self, near: tuple[str, Peering], far: tuple[str, Unit], local: str) -> tuple[str, str]:
        """Whether the other end's configuration says the same."""
        router, mine = near
        other, unit = far
        view = self.views[other]
        instance = view.instances.get(view.owners.get(unit.name, MAIN))
        theirs = next((one for one in instance.peerings if one.peer == local), None) if instance is not None else None
        if theirs is None:
            return "Active", f"{other} does not know {local} as a neighbor"
        if theirs.local not in ("", mine.peer):
            return "Active", f"{other} speaks to {local} from {theirs.local}, {router} expects {mine.peer}"
        if mine.key != theirs.key:
            return "Connect", f"authentication-key of {router} for {mine.peer} is not that of {other} for {local}"
        for one, two, says, expects in ((mine, theirs, other, router), (theirs, mine, router, other)):
            if one.peer_as != two.local_as:
                return "Active", f"{says} is AS {two.local_as or 'none'}, {expects} expects {one.peer_as or 'none'}"
        return ESTABLISHED, ""

    # -- VRRP -----------------------------------------------------------------------------------------------------

    def role(self, router: str, unit: Unit, group: VrrpGroup) -> Verdict:
        """Who a router is in a VRRP group: master when nobody of the group has more priority, then address, than it."""
        if not self.unit_up(router, unit):
            return Verdict("init", f"{router}: {unit.name} is down", unit.name)
        mine = (group.priority, group.local.ip.packed)
        for other, found in self.beside(router, unit):
            for theirs in found.groups:
                same = theirs.number == group.number and theirs.virtual == group.virtual
                if same and (theirs.priority, theirs.local.ip.packed) > mine:
                    return Verdict("backup", f"{other} has the priority {theirs.priority}", unit.name)
        return Verdict("master", "", unit.name)


@functools.lru_cache(maxsize=8192)
def _holds(interface: Interface, address: str) -> bool:
    try:
        return ip_address(address) in interface.network
    except ValueError:
        return False
