"""Ports of devices by SNMP: state and counters of one interface, found by its name.

A device numbers its interfaces as it likes and may number them anew. The numbers come from a walk over ifName and are
kept; each look asks for the name beside the values, so that a number that now belongs to another interface is noticed,
and the walk done again.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from esi.errors import Unsupported
from esi.model.target import FAIL, UP, Observation, Target
from esi.probes.device import as_integer, device_of
from esi.probes.snmp import Snmp, Value

IF_NAME = "1.3.6.1.2.1.31.1.1.1.1"
IF_OPER_STATUS = "1.3.6.1.2.1.2.2.1.8"
IF_HC_IN_OCTETS = "1.3.6.1.2.1.31.1.1.1.6"
IF_HC_OUT_OCTETS = "1.3.6.1.2.1.31.1.1.1.10"

DOWN = "DOWN"
OPER_STATUS = {1: "up", 2: "down", 3: "testing", 4: "unknown", 5: "dormant", 6: "not present", 7: "lower layer down"}
"""IF-MIB."""

WALK_AGAIN_SECONDS = 1.0
"""A name that the last walk did not find is looked for again after this long, not for every target that misses it."""


class PortNumbers:
    """ifIndex by name, per device and community; shared by all probes of ports."""

    def __init__(self, snmp: Snmp) -> None:
        self.snmp = snmp
        self._known: dict[tuple[str, str], dict[str, str]] = {}
        self._walked: dict[tuple[str, str], float] = {}
        self._walking: dict[tuple[str, str], asyncio.Lock] = {}

    async def find(self, ip: str, community: str, name: str, *, not_this: str = "") -> str | None:
        """The number of an interface, None when the device has none of that name. `not_this` has proved wrong."""
        device = (ip, community)
        known = self._known.get(device, {}).get(name)
        if known is not None and known != not_this:
            return known
        async with self._walking.setdefault(device, asyncio.Lock()):
            known = self._known.get(device, {}).get(name)
            if known is None or known == not_this:
                await self._walk(device)
        return self._known[device].get(name)

    async def _walk(self, device: tuple[str, str]) -> None:
        now = self.snmp.clock.monotonic()
        if device in self._walked and now - self._walked[device] < WALK_AGAIN_SECONDS:
            return
        rows = await self.snmp.walk(*device, IF_NAME)
        self._known[device] = {as_text(name): number for number, name in rows}
        self._walked[device] = now


class SnmpPorts:
    """Type snmp_ports: {device_ip, community_name, if_name or name}.

    `status` is UP, DOWN (it is there, ifOperStatus is not up) or FAIL (it is not there); `traffic.in` and `traffic.out`
    are octets since the device began to count.
    """

    type: ClassVar[str] = "snmp_ports"
    counters: ClassVar[bool] = True

    def __init__(self, numbers: PortNumbers) -> None:
        self._numbers = numbers

    async def ask(self, target: Target) -> Observation:
        ip, community = device_of(target.properties)
        name = target.properties.get("if_name") or target.properties.get("name")
        if not isinstance(name, str):
            raise Unsupported("the target names no interface")
        found = await self._look(ip, community, name)
        if found is None:
            return Observation({"status": FAIL}, f"{ip} has no interface {name}")
        state, octets_in, octets_out = found
        values: dict[str, object] = {"status": UP if state == 1 else DOWN}
        if self.counters:
            counted = {"traffic.in": octets_in, "traffic.out": octets_out}
            values |= {key: value for key, value in counted.items() if value is not None}
        reason = "" if state == 1 else f"{ip} sees {name} as {OPER_STATUS.get(state or 4, 'unknown')}"
        return Observation(values, reason)

    async def _look(self, ip: str, community: str, name: str) -> tuple[int | None, int | None, int | None] | None:
        """ifOperStatus and both counters; None when there is no such interface."""
        columns = (IF_NAME, IF_OPER_STATUS) + ((IF_HC_IN_OCTETS, IF_HC_OUT_OCTETS) if self.counters else ())
        number = await self._numbers.find(ip, community, name)
        for _ in range(2):
            if number is None:
                return None
            oids = [f"{column}.{number}" for column in columns]
            told = await self._numbers.snmp.get(ip, community, oids)
            if as_text(told.get(oids[0])) == name:
                values = [as_integer(told.get(oid)) for oid in oids[1:]] + [None, None]
                return values[0], values[1], values[2]
            number = await self._numbers.find(ip, community, name, not_this=number)
        return None

    async def close(self) -> None:
        await self._numbers.snmp.close()


class SnmpPortsMetric(SnmpPorts):
    type: ClassVar[str] = "snmp_ports_metric"


class SnmpPortsStatus(SnmpPorts):
    type: ClassVar[str] = "snmp_ports_status"
    counters: ClassVar[bool] = False


class PhysicalPort(SnmpPortsStatus):
    type: ClassVar[str] = "physical_port"


class LogicalPort(SnmpPortsStatus):
    type: ClassVar[str] = "logical_port"


def as_text(value: Value) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
