"""An agent on a memory KV with probes that say what the test wants, under a hand-turned clock."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar

from esi.agent.collector import Collector, Habits
from esi.agent.room import Watching
from esi.agent.shelf import TargetShelf
from esi.clock import LoopClock
from esi.errors import EsiError
from esi.kv import KV
from esi.model import keys
from esi.model.target import Observation, Target
from esi.tasks import Tasks
from esi.testing.process import KVHandle, Process

TENANT = "b3e3095c0a5b4383805efe9cf2a6b5ef"
ID = "07d4f1fc-5142-4fae-b115-627fc009e222"
PATH = f"/v2.0/vpn_interfaces/{ID}"
BOTH = {"primary": "ESTABLISHED", "secondary": "ESTABLISHED"}

Said = Observation | EsiError


@dataclass
class ProbeDouble:
    """`says`: by field name, what is seen next; `looks`: (loop time, field name) of every look."""

    type: ClassVar[str] = "bgp_pool"
    says: dict[str, Said] = field(default_factory=dict)
    looks: list[tuple[float, str]] = field(default_factory=list)
    clock: LoopClock = field(default_factory=LoopClock)

    async def ask(self, target: Target) -> Observation:
        self.looks.append((self.clock.monotonic(), target.field_name))
        await self.clock.sleep(0.05)
        said = self.says.get(target.field_name, Observation({"status": BOTH}))
        if isinstance(said, EsiError):
            raise said
        return said

    async def close(self) -> None:
        return None


def request(name: str = "status", *, version: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "tenant_id": TENANT,
        "version": version,
        "resource_id": ID,
        "resource_type": "vpn_interfaces",
        "field_name": name,
        "type": "bgp_pool",
        "properties": {"instance": "vrf", "primary": {"host": "10.79.5.185", "password": "geheim"}},
        "syncer_properties": {"etcd": {"status": {"key": name}}},
        **more,
    }


@dataclass
class Desk:
    """One agent: its shelf, what its probe says, and a look into the store."""

    kv: Any
    shelf: TargetShelf
    collector: Collector
    probe: ProbeDouble
    clock: LoopClock

    async def monitoring(self, path: str = PATH) -> dict[str, Any] | None:
        """What stands under /monitoring, without `seen`."""
        entry = await self.kv.get(keys.monitoring_key(path))
        if entry is None:
            return None
        told: dict[str, Any] = json.loads(entry.value)
        assert isinstance(told.pop("seen"), int)
        return told

    async def until(self, held: Callable[[], Any], *, within: float = 100.0) -> None:
        end = self.clock.monotonic() + within
        while not await held():
            assert self.clock.monotonic() < end, "it did not come true"
            await self.clock.sleep(0.02)

    async def until_said(self, wanted: Mapping[str, Any] | None, *, within: float = 100.0) -> None:
        async def held() -> bool:
            return await self.monitoring() == wanted

        await self.until(held, within=within)


def build(kv: KV, name: str, probe: ProbeDouble, habits: Habits | None = None) -> tuple[Watching, Desk]:
    clock = LoopClock()
    types = ("bgp_pool", "bgp_session", "vrrp_session", "logical_port", "physical_port", "snmp_device")
    collector = Collector(kv, name, dict.fromkeys(types, probe), clock=clock, rng=Random(7), habits=habits)
    shelf = TargetShelf(kv, clock=clock, types=frozenset(types), url=f"http://{name}:7070")
    return Watching(kv, collector, shelf), Desk(kv, shelf, collector, probe, clock)


@asynccontextmanager
async def agent(
    kv: KV, name: str = "a", probe: ProbeDouble | None = None, habits: Habits | None = None
) -> AsyncIterator[Desk]:
    """A running agent; at the end of the block it goes without being killed."""
    watching, desk = build(kv, name, probe or ProbeDouble(), habits)
    async with Tasks(name) as tasks:
        tasks.start("watching", watching.run())
        yield desk


def start(process: Process, kv: Any, probe: ProbeDouble) -> Desk:
    """An agent in a process that can be killed."""
    watching, desk = build(KVHandle(process, kv), process.name, probe)
    process.tasks.start("watching", watching.run())
    desk.kv = kv  # the test looks past the process
    return desk
