"""What a router counts: numbers of its ports and units that stay, and octets that move by the clock.

A number belongs to a name for as long as the router exists. Traffic is made up: every unit that is up has a rate of its
own, taken from its name; a port carries its units and a little more. What is down stands still.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

FIXED = {"fxp0": 1, "lo0": 6}
FIRST_INDEX = 501
PORT_OCTETS = 120.0

Rates = tuple[float, float]
STILL = (0.0, 0.0)


class _Meter:
    """Octets in and out: `total` until `since`, then growing by `rate` per second."""

    __slots__ = ("rates", "since", "totals")

    def __init__(self, now: float) -> None:
        self.totals, self.rates, self.since = STILL, STILL, now

    def at(self, now: float) -> Rates:
        passed = now - self.since
        return self.totals[0] + self.rates[0] * passed, self.totals[1] + self.rates[1] * passed

    def turn(self, now: float, rates: Rates) -> None:
        if rates != self.rates:
            self.totals, self.rates, self.since = self.at(now), rates, now


class Meters:
    """The numbers and meters of one router. `names` are the names that have a number, by it."""

    def __init__(self, router: str) -> None:
        self._router = router
        self._indexes = dict(FIXED)
        self.names = {index: name for name, index in FIXED.items()}
        self._meters: dict[str, _Meter] = {}
        self.changed_at: dict[str, float] = {}
        self._up: dict[str, bool] = {}
        self._carried: dict[str, Rates] = {}
        self._counted: dict[str, Rates] = {}
        self._known: dict[str, Rates] = {}
        self._now = 0.0

    def index(self, name: str) -> int:
        """The ifIndex of a port or unit, given at first sight."""
        if name not in self._indexes:
            index = self._indexes[name] = FIRST_INDEX + len(self._indexes) - len(FIXED)
            self.names[index] = name
        return self._indexes[name]

    def turn(self, now: float, names: Iterable[tuple[str, bool]], gone: Iterable[str] = ()) -> None:
        """What may be otherwise now, and whether it is up; each port before its units, of which some have `gone`."""
        self._now = now
        ports = []
        for name in gone:
            self._count(name, STILL)
        for name, up in names:
            self.index(name)
            if self._up.get(name) is not up:
                self._up[name], self.changed_at[name] = up, now
            if "." not in name:
                ports.append(name)
                self._count(name, (PORT_OCTETS, PORT_OCTETS) if up else STILL)
                continue
            rates = self._rates(name) if up else STILL
            self._count(name, rates)
            self._turn(name, rates)
        for name in ports:
            self._turn(name, self._carried[name])

    def _count(self, name: str, rates: Rates) -> None:
        """What a port carries, for itself or for a unit."""
        port = name.partition(".")[0]
        inside, outside = self._carried.get(port, STILL)
        before = self._counted.get(name, STILL)
        self._carried[port] = inside + rates[0] - before[0], outside + rates[1] - before[1]
        self._counted[name] = rates

    def _turn(self, name: str, rates: Rates) -> None:
        self._meters.setdefault(name, _Meter(self._now)).turn(self._now, rates)

    def look(self, now: float) -> None:
        self._now = now

    def octets(self, name: str) -> tuple[int, int]:
        """What came in and went out at the moment of the last look."""
        inside, outside = self._meters[name].at(self._now)
        return int(inside), int(outside)

    def _rates(self, name: str) -> Rates:
        if name not in self._known:
            noise = zlib.crc32(f"{self._router} {name}".encode())
            self._known[name] = 1000.0 + noise % 50_000, 1000.0 + (noise >> 8) % 50_000
        return self._known[name]
