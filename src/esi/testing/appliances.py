"""Appliances of the simulation: the lab's own, called without a network."""

from __future__ import annotations

from collections.abc import Mapping

from esi.clock import Clock
from esi.drivers.nitro.driver import NitroDriver
from esi.drivers.nitro.wire import Line
from esi.errors import Unreachable
from esi.lab.netscaler import Asked, Netscaler, Nitro
from esi.telemetry import Recorder
from esi.testing.process import Process


class DirectLine:
    """A line that is a call."""

    def __init__(self, appliance: Netscaler) -> None:
        self._nitro = Nitro(appliance)
        self._ip = appliance.image.ip

    async def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        answer = self._nitro.handle(Asked(method, target, headers, body))
        if not answer.status:
            raise Unreachable(f"{self._ip} does not answer NITRO", who=self._ip)
        return answer.status, answer.encoded()

    async def close(self) -> None:
        return None


class LineHandle:
    """An appliance's line as one process sees it: two points per request, at which it may die or lose the answer."""

    def __init__(self, process: Process, line: Line) -> None:
        self._process = process
        self._line = line

    async def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        point = f"nitro.{method} {target.split('?')[0].split('/')[4]}"
        await self._process.point(f"{point} before")
        answer = await self._line.send(method, target, headers, body)
        await self._process.point(f"{point} after")
        return answer

    async def close(self) -> None:
        return None


def simulated_appliances(
    there: Mapping[str, Netscaler], clock: Clock, *, recorder: Recorder | None = None
) -> NitroDriver:
    """The driver over appliances by management address; `there` is looked into each time."""

    def find(ip: str) -> DirectLine | None:
        return DirectLine(there[ip]) if ip in there else None

    return NitroDriver(find, clock=clock, recorder=recorder)
