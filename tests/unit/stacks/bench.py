"""A workbench for the engine: a KV and devices that count, refuse, hold, and stop a process at any await."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from esi.clock import LoopClock
from esi.drivers import Edit, Intent, IntentResult
from esi.errors import EsiError, Rejected
from esi.kv import Batches, Delete, Entry, Guard, Lease, Listing, Progress, Put
from esi.kv.memory import MemoryKV
from esi.stacks import Stack, StackSpec, Targets
from esi.stacks.engine import EmbeddedEngine, registry_of
from esi.stacks.resources.monitoring import MonitoringTarget, NullTargets
from esi.stacks.resources.netconf import NetconfNamedConfigs
from esi.stacks.resources.nothing import Nothing
from esi.stacks.wanted import Means
from esi.tasks import Tasks
from esi.telemetry import MemoryRecorder
from esi.testing.double import Config, fold


@dataclass
class Crash:
    """Stops whoever comes to the n-th point, for ever; `hit` says that it happened."""

    at: int = 0
    count: int = 0
    hit: asyncio.Event = field(default_factory=asyncio.Event)

    async def point(self) -> None:
        await asyncio.sleep(0)
        self.count += 1
        if self.count == self.at:
            self.hit.set()
        if self.hit.is_set():
            await asyncio.Event().wait()


class CrashingKV:
    """A process's own handle on a KV, with a point before and after every call."""

    def __init__(self, kv: MemoryKV, crash: Crash) -> None:
        self._kv = kv
        self._crash = crash

    async def get(self, key: str) -> Entry | None:
        await self._crash.point()
        entry = await self._kv.get(key)
        await self._crash.point()
        return entry

    async def list(self, prefix: str, *, page: int = 1000) -> Listing:
        return await self._kv.list(prefix, page=page)

    def pages(self, prefix: str, *, page: int = 1000) -> AsyncGenerator[Listing, None]:
        return self._kv.pages(prefix, page=page)

    async def commit(self, ops: Sequence[Put | Delete], *, guards: Sequence[Guard] = ()) -> int:
        await self._crash.point()
        revision = await self._kv.commit(ops, guards=guards)
        await self._crash.point()
        return revision

    def watch(self, prefix: str, *, since: int, progress: Progress | None = None) -> Batches:
        return self._kv.watch(prefix, since=since, progress=progress)

    async def lease(self, ttl: float) -> Lease:
        return await self._kv.lease(ttl)

    async def close(self) -> None:
        return None


@dataclass
class Routers:
    """Devices as they are outside of any process: configuration, what was asked of them, what they refuse."""

    running: dict[str, Config] = field(default_factory=dict)
    intents: list[Intent] = field(default_factory=list)
    changes: Counter[str] = field(default_factory=Counter)
    refusals: dict[str, str] = field(default_factory=dict)
    troubles: dict[str, list[EsiError]] = field(default_factory=dict)
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, intent: Intent) -> None:
        self.intents.append(intent)
        ip = intent.address.ip
        if self.troubles.get(ip):
            raise self.troubles[ip].pop(0)
        if ip in self.refusals:
            raise Rejected(ip, self.refusals[ip])
        before = self.running.get(ip, {})
        after = fold(before, intent.edits)
        self.changes[ip] += before != after
        self.running[ip] = after
        if ip in self.lost:
            raise Rejected(ip, "the answer was lost after the commit")

    def times(self) -> Counter[str]:
        return Counter(intent.id for intent in self.intents)

    def edits(self) -> list[list[tuple[str, str]]]:
        return [[(edit.operation, _last(edit)) for edit in intent.edits] for intent in self.intents]


def _last(edit: Edit) -> str:
    return edit.path[-1].name or edit.path[-1].tag


class CountingDevices:
    """A process's way to the routers."""

    def __init__(self, routers: Routers, crash: Crash) -> None:
        self._routers = routers
        self._crash = crash

    async def submit(self, intent: Intent) -> IntentResult:
        await self._crash.point()
        self._routers.asked.set()
        if intent.address.ip in self._routers.held:
            await self._routers.held[intent.address.ip].wait()
        self._routers.take(intent)
        await self._crash.point()
        return IntentResult(intent.id, "batch")


@dataclass
class CountingTargets:
    """A collector that keeps what it was given; the same key is the same target."""

    targets: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    null: Targets = field(default_factory=NullTargets)

    async def create(self, target: Mapping[str, Any], *, key: str) -> Mapping[str, Any]:
        made = await self.null.create(target, key=key)
        self.targets[made["id"]] = made
        return made

    async def delete(self, id: str) -> None:
        self.targets.pop(id, None)


@dataclass
class World:
    """What outlives a process."""

    kv: MemoryKV = field(default_factory=MemoryKV)
    routers: Routers = field(default_factory=Routers)
    targets: CountingTargets = field(default_factory=CountingTargets)
    recorder: MemoryRecorder = field(default_factory=MemoryRecorder)
    done: set[str] = field(default_factory=set)

    @asynccontextmanager
    async def engine(self, crash: Crash | None = None) -> AsyncIterator[EmbeddedEngine]:
        """One process's engine; with the block, the process is gone."""
        crash = crash or Crash()
        types = registry_of(NetconfNamedConfigs(), MonitoringTarget(), Nothing())
        devices = CountingDevices(self.routers, crash)
        means = Means(CrashingKV(self.kv, crash), types, devices, self.targets, LoopClock(), self.recorder)
        async with Tasks("engine") as tasks:
            yield EmbeddedEngine(means, tasks)

    async def apply(self, engine: EmbeddedEngine, spec: StackSpec, operation: str) -> Stack:
        await engine.apply(spec, operation=operation)
        return await engine.wait(spec.name, operation=operation)


def spec(template: str, **parameters: Any) -> StackSpec:
    """A stack `s`; `timeout` and `fence` are the stack's, all others its parameters."""
    timeout, fence = parameters.pop("timeout", 600.0), parameters.pop("fence", None)
    return StackSpec("s", "t1", template, parameters, timeout, fence, ("thing", "1", 1))


PAIR = """
heat_template_version: 2013-05-23
parameters:
  vlan: {type: string, default: "5"}
  text: {type: string, default: hello}
  key: {type: string, default: "", hidden: true}
  ip1: {type: string, default: r1}
resources:
  one:
    type: OS::Contrail::NetconfNamedConfigs
    properties:
      device_ip: {get_param: ip1}
      password: {get_param: key}
      configs: &configs
        - path:
            - {config_type: tag, xml_type: tag, tag: interfaces}
            - {config_type: named_tag, xml_type: named_tag, tag: unit, name: {get_param: vlan}}
          config: {str_replace: {template: "description $t;", params: {$t: {get_param: text}}}}
  two:
    type: OS::Contrail::NetconfNamedConfigs
    %s
    properties: {device_ip: r2, configs: *configs}
  watch:
    type: ESI::Monitoring::MonitoringTarget
    depends_on: [one, two]
    properties:
      type: ping
      resource_type: things
      resource_id: "1"
      tenant_id: t1
      version: 1
      field_name: status
      properties: {vlan: {get_param: vlan}}
outputs:
  link: {value: {get_attr: [watch, link]}, description: where}
  id: {value: {get_resource: watch}}
"""
PARALLEL = PAIR % ""
SERIAL = PAIR % "depends_on: one"
