"""Eyes for a simulated ring: real topics, and probes for which everything is up, or the real ones without a network.

open_eyes     whatever is asked for is as it should be: for what is made of a look, and how fast
near_eyes     routers are asked: what stands between them and the customer's router, as their configurations agree
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from esi.agent.shelf import TargetShelf
from esi.bootstrap.ground import Ground
from esi.bus.kv import KvBus
from esi.client.http import TIMEOUT_SECONDS
from esi.clock import Clock
from esi.errors import TimedOut, Unreachable
from esi.lab.objects import Objects
from esi.model.target import Observation, Target
from esi.monitoring import Eyes
from esi.probes.known import build_probes
from esi.probes.netconf import Conversations
from esi.probes.snmp import Snmp, Value
from esi.testing.hands import DriverHandle
from esi.testing.process import Process

AGENT = "http://agent:7070"

TYPES = (
    "bgp_session", "vrrp_session", "logical_port", "physical_port", "router", "switch", "virtual_machine_interface",
)  # fmt: skip


class AllUp:
    """Whatever it is asked for is as it should be. `asked` counts."""

    type: ClassVar[str] = "any"

    def __init__(self) -> None:
        self.asked = 0

    async def ask(self, target: Target) -> Observation:
        self.asked += 1
        words = {"bgp_session": "ESTABLISHED", "vrrp_session": "MASTER"}
        return Observation({"status": words.get(target.type, "UP")})

    async def close(self) -> None:
        return None


class NearSnmp(Snmp):
    """Reads the objects of routers in this process."""

    def __init__(self, hands: DriverHandle, *, clock: Clock) -> None:
        super().__init__({}, clock=clock)
        self._hands = hands

    async def get(self, ip: str, community: str, oids: Sequence[str]) -> dict[str, Value]:
        mib = await self._hands.mib(ip)
        found = {oid: mib.get(_numbers(oid)) for oid in oids}
        return {oid: _plain(value.value) for oid, value in found.items() if value is not None}

    async def walk(self, ip: str, community: str, oid: str) -> list[tuple[str, Value]]:
        return list(_below(await self._hands.mib(ip), _numbers(oid)))


def _below(mib: Objects, root: tuple[int, ...]) -> Iterator[tuple[str, Value]]:
    row = mib.after(root)
    while row is not None and row.oid[: len(root)] == root:
        yield ".".join(map(str, row.oid[len(root) :])), _plain(row.value.value)
        row = mib.after(row.oid)


def _numbers(oid: str) -> tuple[int, ...]:
    return tuple(map(int, oid.split(".")))


def _plain(value: object) -> Value:
    return value if isinstance(value, int | bytes) else str(value)


class AgentDoor:
    """The agent's REST door as a worker sees it: shut while the agent is dead, deaf while it is stopped."""

    def __init__(self, shelf: TargetShelf, agent: Callable[[], Process | None]) -> None:
        self._shelf = shelf
        self._agent = agent

    async def create(self, target: Mapping[str, Any], *, key: str) -> Mapping[str, Any]:
        await self._answered()
        return await self._shelf.create(target, key=key)

    async def delete(self, id: str) -> None:
        await self._answered()
        await self._shelf.delete(id)

    async def _answered(self) -> None:
        agent = self._agent()
        if agent is None or agent.dead:
            raise Unreachable(f"the collector agent at {self._shelf.url} cannot be reached")
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await agent.awake.wait()
        except TimeoutError as error:
            words = f"the collector agent at {self._shelf.url} did not answer within {TIMEOUT_SECONDS:g} s"
            raise TimedOut(words) from error


def open_eyes(hands: DriverHandle, ground: Ground) -> Eyes:
    """For `World.eyes`: topics lie in the ring's own KV."""
    return Eyes(KvBus(ground.kv, clock=ground.clock), dict.fromkeys(TYPES, AllUp()), ground.clock)


def near_eyes(hands: DriverHandle, ground: Ground) -> Eyes:
    """For `World.eyes`: the probes of a ring that is served, over the routers of this process."""
    snmp = NearSnmp(hands, clock=ground.clock)
    probes = build_probes(Conversations(hands, clock=ground.clock), snmp, hands.analytics, hands.compute)
    return Eyes(KvBus(ground.kv, clock=ground.clock), probes, ground.clock)
