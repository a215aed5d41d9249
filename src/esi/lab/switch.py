"""An access switch of the lab as SNMP shows it: its ports, all up, and a unit for every VLAN that Contrail has on them.

A real one is told of VLANs by Contrail's agents (OVSDB); here it looks into the same Contrail. Nothing is configured on
it, and nobody logs in.
"""

from __future__ import annotations

from collections.abc import Iterator

from esi.clock import Clock
from esi.lab.ber import COUNTER64, INTEGER, OCTETS, TICKS, Oid, Value
from esi.lab.contrail.config import Config
from esi.lab.objects import IF, IF_X, SYSTEM, Objects, Read, fixed
from esi.lab.snmp import Agent

PORTS = [f"xe-0/0/{number}" for number in range(48)]
OCTETS_PER_SECOND = 1000
UNITS_FROM = 1000
"""Numbers of interfaces that are units."""


class Switch(Objects):
    """All objects of one switch. It is its own Device: whoever asks is answered, with any community."""

    def __init__(self, name: str, config: Config, clock: Clock) -> None:
        super().__init__()
        self.name = name
        self._config = config
        self._clock = clock
        self._begun = clock.monotonic()
        self._numbers: dict[str, int] = {port: number for number, port in enumerate(PORTS, 1)}

    def listens(self) -> bool:
        return True

    def welcomes(self, community: bytes, client: str) -> bool:
        return True

    def counted(self) -> None:
        return None

    def layout(self) -> object:
        return tuple(self._units())

    def objects(self) -> Iterator[tuple[Oid, Read]]:
        yield (*SYSTEM, 1, 0), fixed(OCTETS, b"Juniper Networks, Inc. qfx5100-48s-6q Ethernet Switch")
        yield (*SYSTEM, 3, 0), lambda: Value(TICKS, int(self._seconds() * 100))
        yield (*SYSTEM, 5, 0), fixed(OCTETS, self.name.encode())
        for name in (*PORTS, *self._units()):
            number = self._numbers.setdefault(name, UNITS_FROM + len(self._numbers))
            yield (*IF, 1, number), fixed(INTEGER, number)
            yield (*IF, 2, number), fixed(OCTETS, name.encode())
            yield (*IF, 8, number), fixed(INTEGER, 1)
            yield (*IF_X, 1, number), fixed(OCTETS, name.encode())
            for column in (6, 10):
                yield (*IF_X, column, number), lambda: Value(COUNTER64, int(self._seconds() * OCTETS_PER_SECOND))

    def _units(self) -> list[str]:
        found = self._config.listed("logical-interface")
        return sorted(one.fq_name[-1] for one in found if len(one.fq_name) > 1 and one.fq_name[1] == self.name)

    def _seconds(self) -> float:
        return self._clock.monotonic() - self._begun


def switch_agent(switch: Switch) -> Agent:
    return Agent(switch, switch)
