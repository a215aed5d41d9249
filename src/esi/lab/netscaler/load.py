"""What an appliance counts, made up by the clock: CPU, memory, HTTP requests, TCP connections, octets of its ports."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from esi.clock import Clock
from esi.lab.meters import Meters

REQUESTS_PER_SECOND = 40.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One look."""

    cpu: int
    memory: int
    http_requests: int
    tcp_clients: int
    tcp_servers: int


class Load:
    """Counters of one appliance; they begin anew with every start."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._clock = clock
        self._noise = zlib.crc32(name.encode())
        self.begun = clock.monotonic()
        self._name = name
        self._meters = Meters(name)

    def restart(self) -> None:
        self.begun = self._clock.monotonic()
        self._meters = Meters(self._name)

    @property
    def seconds(self) -> float:
        return self._clock.monotonic() - self.begun

    def look(self) -> Seen:
        wave = math.sin(self.seconds / 60.0 + self._noise % 7)
        connections = 20 + self._noise % 30
        return Seen(
            cpu=int(8 + 4 * wave),
            memory=22 + self._noise % 5,
            http_requests=int(self.seconds * REQUESTS_PER_SECOND),
            tcp_clients=int(connections * (1.5 + wave / 2)),
            tcp_servers=int(connections * (1.0 + wave / 3)),
        )

    def turn(self, ports: Iterable[tuple[str, bool]]) -> None:
        """Which ports there are, and whether each is up."""
        self._meters.turn(self._clock.monotonic(), ports)

    def octets(self, port: str) -> tuple[int, int]:
        self._meters.look(self._clock.monotonic())
        return self._meters.octets(port)

    def index(self, port: str) -> int:
        return self._meters.index(port)
