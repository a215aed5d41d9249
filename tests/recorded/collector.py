"""What the collector agent answers about the targets of a played flow: they are given to a real agent whose probes see
what the record saw. What it writes under /monitoring is the played ring's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, ClassVar, NamedTuple

from esi.agent.collector import Collector
from esi.agent.records import answer
from esi.agent.room import Watching
from esi.agent.seen import shown
from esi.agent.shelf import TargetShelf
from esi.clock import LoopClock
from esi.drivers import Intent, IntentResult
from esi.kv.memory import MemoryKV
from esi.model import keys
from esi.model.resource import Body
from esi.model.target import Observation, Target
from esi.stacks import Context
from esi.stacks.resources.monitoring import MonitoringTarget
from esi.tasks import Tasks
from esi.testing.loop import run

KINDS = (
    "bgp_pool", "vrrp_pool", "snmp_device", "snmp_ports", "snmp_ports_status", "snmp_ports_metric", "compute",
    "snmp_device_lb", "virtual_machine_interface", "virtual_network",
)  # fmt: skip
BOTH = {"primary": "ESTABLISHED", "secondary": "ESTABLISHED"}
QUIET_SECONDS = 5.0


class AsRecorded:
    """A probe that sees what stands in `values`, by resource and field; else that all is well."""

    type: ClassVar[str] = "any"

    def __init__(self, values: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
        self._values = values

    async def ask(self, target: Target) -> Observation:
        known = self._values.get((target.resource_id, target.field_name))
        return Observation(known or {"status": BOTH if target.type == "bgp_pool" else "UP"})

    async def close(self) -> None:
        return None


class Asked(NamedTuple):
    """A target as a stack asked for it: of its resource `name`."""

    stack: str
    name: str
    props: Body


class NullDevices:
    async def submit(self, intent: Intent) -> IntentResult:
        return IntentResult(intent.id, "")


class Agent:
    """A whole agent but for its REST door."""

    def __init__(self, url: str, values: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
        clock, self.kv = LoopClock(), MemoryKV()
        self.collector = Collector(self.kv, "a", dict.fromkeys(KINDS, AsRecorded(values)), clock=clock, rng=Random(1))
        self.shelf = TargetShelf(self.kv, clock=clock, types=frozenset(KINDS), url=url)
        self._tasks = Tasks("agent")

    async def __aenter__(self) -> Agent:
        self._tasks.start("watching", Watching(self.kv, self.collector, self.shelf).run())
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._tasks.close()

    async def make(self, asked: Asked) -> str:
        """Ask for a target as the stack did; its id."""
        context = Context(asked.stack, asked.name, "", "", NullDevices(), self.shelf)
        return (await MonitoringTarget().create(context, asked.props)).physical_id

    def values(self, id_: str) -> list[Mapping[str, Any]]:
        watched = self.collector.watchlist.find(keys.target_key(id_))
        return shown(watched.kept.target, watched.seen) if watched is not None else []


def answers(url: str, requests: Sequence[Asked], values: Mapping[tuple[str, str], Mapping[str, Any]]) -> list[Body]:
    """For each request: where it was sent, what was answered, and the values before and after the first look."""

    async def work() -> list[Body]:
        async with Agent(url, values) as agent:
            ids = [await agent.make(request) for request in requests]
            made = [answer((await agent.shelf.get(id_)).target, url) for id_ in ids]
            before = [agent.values(id_) for id_ in ids]
            await LoopClock().sleep(QUIET_SECONDS)
            after = [agent.values(id_) for id_ in ids]
            gets = [list(pair) for pair in zip(before, after, strict=True)]
        return [{"url": f"{url}/targets", "response": one, "gets": get} for one, get in zip(made, gets, strict=True)]

    return run(work())
