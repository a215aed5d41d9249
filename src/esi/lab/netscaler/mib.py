"""What an appliance shows by SNMP: system, interfaces under their slot/port names, and the vendor's load counters.

Who may ask: communities, and managers as soon as there is one. Nobody is told why he hears nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from esi.lab.ber import COUNTER64, GAUGE32, INTEGER, OCTETS, OID, TICKS, Oid, Value
from esi.lab.netscaler.appliance import VERSION, Netscaler
from esi.lab.netscaler.fields import network_of
from esi.lab.netscaler.load import Seen
from esi.lab.objects import IF, IF_X, INTERFACES, SYSTEM, Objects, Read, fixed
from esi.lab.snmp import Agent

ROOT: Oid = (1, 3, 6, 1, 4, 1, 5951, 4, 1, 1)
MODEL: Oid = (1, 3, 6, 1, 4, 1, 5951, 6)
ETHERNET = 6

LOAD: tuple[tuple[Oid, int, str], ...] = (
    ((*ROOT, 41, 1, 0), GAUGE32, "cpu"),
    ((*ROOT, 41, 2, 0), GAUGE32, "memory"),
    ((*ROOT, 46, 1, 0), GAUGE32, "tcp_servers"),
    ((*ROOT, 46, 2, 0), GAUGE32, "tcp_clients"),
    ((*ROOT, 48, 67, 0), COUNTER64, "http_requests"),
)


class ApplianceObjects(Objects):
    """All objects of one appliance."""

    def __init__(self, appliance: Netscaler) -> None:
        super().__init__()
        self._on = appliance

    def layout(self) -> object:
        return self._on.load.begun, tuple((row["id"], row["state"]) for row in self._on.rows.of("Interface"))

    def objects(self) -> Iterator[tuple[Oid, Read]]:
        load = self._on.load
        ports = [str(row["id"]) for row in self._on.rows.of("Interface")]
        yield (*SYSTEM, 1, 0), fixed(OCTETS, VERSION.encode())
        yield (*SYSTEM, 2, 0), fixed(OID, MODEL)
        yield (*SYSTEM, 3, 0), lambda: Value(TICKS, int(load.seconds * 100))
        yield (*SYSTEM, 5, 0), fixed(OCTETS, b"NetScaler")
        yield (*INTERFACES, 1, 0), fixed(INTEGER, len(ports))
        for port in ports:
            yield from self._port(port)
        for oid, tag, name in LOAD:
            yield oid, self._seen(tag, name)

    def _seen(self, tag: int, name: str) -> Read:
        def read() -> Value:
            seen: Seen = self._on.load.look()
            return Value(tag, int(getattr(seen, name)))

        return read

    def _port(self, port: str) -> Iterator[tuple[Oid, Read]]:
        load = self._on.load
        index = load.index(port)
        state = 1 if self._on.port_up(port) else 2
        name = fixed(OCTETS, port.encode())
        yield (*IF, 2, index), name
        yield (*IF_X, 1, index), name
        yield (*IF, 1, index), fixed(INTEGER, index)
        yield (*IF, 3, index), fixed(INTEGER, ETHERNET)
        yield (*IF, 7, index), fixed(INTEGER, state)
        yield (*IF, 8, index), fixed(INTEGER, state)
        yield (*IF_X, 6, index), lambda: Value(COUNTER64, load.octets(port)[0])
        yield (*IF_X, 10, index), lambda: Value(COUNTER64, load.octets(port)[1])


class ApplianceAsked:
    """An appliance as its agent sees it."""

    def __init__(self, appliance: Netscaler) -> None:
        self._on = appliance

    def listens(self) -> bool:
        return self._on.reachable()

    def counted(self) -> None:
        return None

    def welcomes(self, community: bytes, client: str) -> bool:
        try:
            known = self._on.rows.get("snmpcommunity", community.decode())
        except UnicodeDecodeError:
            return False
        if known is None or known["permissions"] == "SET":
            return False
        managers = self._on.rows.of("snmpmanager")
        nets = (network_of(row["ipaddress"], row["netmask"]) for row in managers)
        return not managers or any(ip_address(client) in net for net in nets)


def appliance_agent(appliance: Netscaler) -> Agent:
    return Agent(ApplianceAsked(appliance), ApplianceObjects(appliance))
