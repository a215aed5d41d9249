"""Whether a device lives, by SNMP: sysUpTime must grow within a second; whoever counts finely is known sooner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from esi.clock import pauses
from esi.errors import Unsupported
from esi.model.target import FAIL, UP, Observation, Target
from esi.probes.snmp import Snmp, Value

SYS_UP_TIME = "1.3.6.1.2.1.1.3.0"
"""SNMPv2-MIB; hundredths of a second since the agent started, modulo 2³²."""

FIRST_LOOK_SECONDS, APART_SECONDS = 0.05, 1.0
MOST_TICKS = 100_000
"""More than this between two reads is no growth but another count."""


class SnmpDevice:
    """Type snmp_device: {device_ip (or ip), community_name}."""

    type: ClassVar[str] = "snmp_device"

    def __init__(self, snmp: Snmp) -> None:
        self._snmp = snmp

    async def ask(self, target: Target) -> Observation:
        ip, community = device_of(target.properties)
        first, waited = await self._up_time(ip, community), 0.0
        for pause in pauses(FIRST_LOOK_SECONDS, APART_SECONDS):
            await self._snmp.clock.sleep(pause)
            waited += pause
            second = await self._up_time(ip, community)
            if first is None or second is None:
                return Observation({"status": FAIL}, f"{ip} tells no sysUpTime")
            if 0 < (second - first) % 2**32 < MOST_TICKS:
                return Observation({"status": UP})
            if waited >= APART_SECONDS:
                break
        return Observation({"status": FAIL}, f"the sysUpTime of {ip} does not grow")

    async def _up_time(self, ip: str, community: str) -> int | None:
        return as_integer((await self._snmp.get(ip, community, [SYS_UP_TIME])).get(SYS_UP_TIME))

    async def close(self) -> None:
        await self._snmp.close()


class SnmpRouter(SnmpDevice):
    type: ClassVar[str] = "router"


class SnmpSwitch(SnmpDevice):
    type: ClassVar[str] = "switch"


def device_of(properties: Mapping[str, Any]) -> tuple[str, str]:
    """Management address and community of a target's properties. Unsupported without them."""
    ip = properties.get("device_ip") or properties.get("ip")
    community = properties.get("community_name")
    if not isinstance(ip, str) or not isinstance(community, str) or not community:
        raise Unsupported("the target names no device_ip, or no community_name")
    return ip, community


def as_integer(value: Value) -> int | None:
    return value if isinstance(value, int) else None
