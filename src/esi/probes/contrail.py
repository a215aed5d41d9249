"""What Contrail's agents tell: whether an interface is up at layer 2 and what it carries, whether a network is known.

Looks that come while one is under way go together in the next one: a round of a thousand interfaces is a few requests,
and a single look waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from esi.drivers.contrail import Analytics, Body
from esi.errors import EsiError, Unsupported
from esi.model.target import FAIL, UP, Observation, Target
from esi.probes.ports import DOWN

MOST = 500
"""Names in one request."""

AGENT = "UveVMInterfaceAgent"


class Together:
    """Looks at objects of one type, many names in a request."""

    def __init__(self, analytics: Analytics, type: str, structs: Sequence[str]) -> None:
        self._analytics = analytics
        self._type = type
        self._structs = structs
        self._waiting: dict[str, asyncio.Future[Body | None]] = {}
        self._turn = asyncio.Lock()

    async def look(self, name: str) -> Body | None:
        """What is told of an object; None when it is nothing."""
        answer = self._waiting.setdefault(name, asyncio.get_running_loop().create_future())
        async with self._turn:
            while not answer.done():
                await self._ask()
        return answer.result()

    async def _ask(self) -> None:
        """One request for those who wait. Cancelled in the middle it has answered nobody: the next one asks again."""
        names = list(self._waiting)[:MOST]
        try:
            told = await self._analytics.look(self._type, names, self._structs)
        except EsiError as error:
            for name in names:
                answer = self._waiting.pop(name)
                answer.set_exception(error)
                answer.exception()  # who asked may be gone
        else:
            for name in names:
                self._waiting.pop(name).set_result(told.get(name))

    async def close(self) -> None:
        """The connection belongs to whoever opened it."""


class VirtualMachineInterface:
    """Type virtual_machine_interface: {fq_name}, names joined by ":".

    `status` is UP or DOWN as the agent's l2_active says, FAIL when no agent tells of it; `traffic.in` and `traffic.out`
    are octets of the agent's last interval, absent when nothing moved.
    """

    type: ClassVar[str] = "virtual_machine_interface"

    def __init__(self, analytics: Analytics) -> None:
        structs = [f"{AGENT}:l2_active", f"{AGENT}:if_stats"]
        self._together = Together(analytics, "virtual-machine-interface", structs)

    async def ask(self, target: Target) -> Observation:
        name = name_of(target.properties)
        told = ((await self._together.look(name)) or {}).get(AGENT) or {}
        active = told.get("l2_active")
        if not isinstance(active, bool):
            return Observation({"status": FAIL}, f"no agent of Contrail tells of the interface {name}")
        moved = told.get("if_stats") or {}
        counted = {"traffic.in": moved.get("in_bytes"), "traffic.out": moved.get("out_bytes")}
        values: dict[str, object] = {"status": UP if active else DOWN}
        values |= {key: value for key, value in counted.items() if isinstance(value, int)}
        return Observation(values, "" if active else f"Contrail's agent sees {name} down at layer 2")

    async def close(self) -> None:
        await self._together.close()


class VirtualNetwork:
    """Type virtual_network: {fq_name}. `status` is UP when Contrail's analytics knows the network, else FAIL."""

    type: ClassVar[str] = "virtual_network"

    def __init__(self, analytics: Analytics) -> None:
        self._together = Together(analytics, "virtual-network", ["ContrailConfig:deleted", "UveVirtualNetworkConfig"])

    async def ask(self, target: Target) -> Observation:
        name = name_of(target.properties)
        if await self._together.look(name):
            return Observation({"status": UP})
        return Observation({"status": FAIL}, f"Contrail's analytics does not know the network {name}")

    async def close(self) -> None:
        await self._together.close()


def name_of(properties: Mapping[str, Any]) -> str:
    """The name in a target's properties. Unsupported without one, and for a pattern, which would mean many."""
    name = properties.get("fq_name")
    if isinstance(name, list):
        name = ":".join(map(str, name))
    if not isinstance(name, str) or not name or "*" in name:
        raise Unsupported("the target's fq_name is not the name of one object")
    return name
