"""Whether a load balancer's appliance lives, and what it counts, by SNMP (NS-ROOT-MIB)."""

from __future__ import annotations

from typing import ClassVar

from esi.model.target import Observation, Target
from esi.probes.device import SnmpDevice, as_integer, device_of

ROOT = "1.3.6.1.4.1.5951.4.1.1"
COUNTED = {
    "cpu.usage": f"{ROOT}.41.1.0",
    "memory.usage": f"{ROOT}.41.2.0",
    "http.request": f"{ROOT}.48.67.0",
    "tcp.server": f"{ROOT}.46.1.0",
    "tcp.client": f"{ROOT}.46.2.0",
}
"""resCpuUsage, resMemUsage (percent), httpTotRequests, tcpCurServerConn, tcpCurClientConn."""


class SnmpDeviceLb(SnmpDevice):
    """Type snmp_device_lb: {device_ip, community_name}. What the appliance does not count is left out."""

    type: ClassVar[str] = "snmp_device_lb"

    async def ask(self, target: Target) -> Observation:
        seen = await super().ask(target)
        told = await self._snmp.get(*device_of(target.properties), list(COUNTED.values()))
        counted = {key: as_integer(told.get(oid)) for key, oid in COUNTED.items()}
        values = {key: value for key, value in counted.items() if value is not None}
        return Observation({**seen.values, **values}, seen.reason)
