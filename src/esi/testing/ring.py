"""The whole ring in one process, on the memory KV, under a hand-turned clock: every room is the real one.

A World is what survives processes: the database, the KV, the routers. A process is a set of rooms behind handles; it is
started, killed at a point, started again. `snapshot` keeps a world (after its prerequisites, say) so that thousands of
runs begin there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from esi.agent.collector import Collector
from esi.agent.room import Watching
from esi.agent.shelf import TargetShelf
from esi.bootstrap.clouds import contrail_types
from esi.bootstrap.control import build_lifecycle, build_sync, ensure_rows
from esi.bootstrap.ground import Ground
from esi.bootstrap.lab import SWITCHES
from esi.bootstrap.services import Services
from esi.bootstrap.workers import Beside, build_jobs, build_work
from esi.clock import LoopClock
from esi.errors import NotFound
from esi.identity import Identity
from esi.kv.memory import MemoryKV
from esi.lab import Router, Topology, day0, segments
from esi.lab.switch import Switch
from esi.lifecycle import Lifecycle
from esi.model.resource import Body, Ref
from esi.monitoring import Eyes
from esi.runtime import Supervisor
from esi.stacks import StackResource
from esi.store.sqlite import MEMORY, SqliteStore
from esi.tasks import Tasks
from esi.testing.chain import PRIMARY_IP, SECONDARY_IP, Wish
from esi.testing.clouds import NearContrail
from esi.testing.eyes import AgentDoor
from esi.testing.hands import DriverHandle
from esi.testing.process import KVHandle, Plan, Process, StoreHandle
from esi.testing.routers import NearDriver
from esi.testing.servers import NearServers
from esi.work.effects import Teller

ADMIN = Identity(user="admin", roles=("admin",), is_admin=True)

LOOK_SECONDS = 0.5
"""A user looks this often."""

START_SECONDS = 0.3
"""A killed process is back after this long."""


def nothing(point: str) -> bool:
    """The plan of a process that nobody kills."""
    return False


@dataclass(frozen=True)
class Snapshot:
    rows: bytes
    kv: Any
    routers: dict[str, Any]
    contrail: bytes
    time: float
    furnished: bool


@dataclass
class World:
    """What outlives processes. `plans` maps a process name to its crash plan. `eyes`: with what a worker looks at what
    it has made; without them monitoring jobs finish at once, and everything counts as up. `agent`: the address of the
    collector agent that looks with the same eyes from then on, in a process of its own; without one nobody does.
    """

    services: Services
    seed: int = 0
    recorded_quirks: bool = False
    start: float = 1_494_478_800.0
    plans: dict[str, Plan] = field(default_factory=dict)
    losses: dict[str, Plan] = field(default_factory=dict)
    delay: Callable[[], float] | None = None
    eyes: Callable[[DriverHandle, Ground], Eyes] | None = None
    agent: str = ""
    deaths: int = 0

    def __post_init__(self) -> None:
        self.clock = LoopClock(self.start)
        self.kv = MemoryKV()
        self.store = SqliteStore(MEMORY, self.services.catalogue, clock=self.clock, inline=True)
        primary, secondary, customer = names = ("vMX-router-02", "vMX-router-01", "ce1")
        beside = Topology(self.clock, segments(secondary, primary, customer))
        starts = zip(names, ("mx2", "mx1", "ce1"), strict=True)
        made = [Router(name, day0(start), self.clock, topology=beside) for name, start in starts]
        self.routers = dict(zip((PRIMARY_IP, SECONDARY_IP), made, strict=False))
        self.customer = made[-1]
        self.driver = NearDriver(self.routers)
        self.contrail = NearContrail(self.clock, Random(self.seed))
        self.contrail.lab.furnish()
        config = self.contrail.lab.config
        self.driver.objects |= {ip: Switch(name, config, self.clock) for ip, name in SWITCHES.items()}
        self.driver.analytics = self.contrail.analytics
        self.servers = NearServers(self.clock, self.driver.objects)
        self.driver.compute = self.servers.clouds
        self.rng = Random(self.seed)
        self.processes: dict[str, Process] = {}
        self.lifecycle = self._lifecycle(self.store)
        self._lives = 0
        self._furnished = False
        self._keeper = Tasks("world")

    def _lifecycle(self, store: Any) -> Lifecycle:
        watched = self.eyes is not None
        quirks = self.recorded_quirks
        return build_lifecycle(self.services, store, self.clock, recorded_quirks=quirks, monitoring=watched)

    def snapshot(self) -> Snapshot:
        """Servers are not kept: there must be none."""
        assert not self.servers.nova.host.servers, "a snapshot cannot keep servers"
        routers = {name: router.snapshot() for name, router in self._everywhere()}
        contrail = self.contrail.lab.config.snapshot()
        return Snapshot(self.store.snapshot(), self.kv.snapshot(), routers, contrail, self.clock.now(), self._furnished)

    def restore(self, snapshot: Snapshot) -> None:
        self.store.restore(snapshot.rows)
        self.kv.restore(snapshot.kv)
        self.contrail.restore(snapshot.contrail)
        self.servers.clear()
        self._furnished = snapshot.furnished
        for name, router in self._everywhere():
            router.restore(snapshot.routers[name])

    def _everywhere(self) -> list[tuple[str, Router]]:
        return [*self.routers.items(), (self.customer.name, self.customer)]

    # Processes

    def begin(self, name: str, build: Callable[[Process, Ground], Sequence[Any]]) -> None:
        """Start a process, and start it again whenever it dies."""
        process = self.processes[name] = Process(
            name, self.plans.get(name, nothing), self.losses.get(name, nothing), delay=self.delay
        )
        self._lives += 1
        types, tellers = self.seen_by(process)
        ground = Ground(
            process=f"{name}:{self._lives}",
            kv=KVHandle(process, self.kv),
            services=self.services,
            clock=self.clock,
            rng=Random(self.rng.random()),
            recorded_quirks=self.recorded_quirks,
            types=(*contrail_types(self.contrail.seen_by(process)), *types),
            tellers=tellers,
        )
        rooms = build(process, ground)
        process.tasks.start("rooms", Supervisor(rooms, clock=self.clock, rng=ground.rng).run())
        self._keeper.start(f"watch {name}", self._start_again(process, name, build))

    def seen_by(self, process: Process) -> tuple[Sequence[StackResource], Mapping[str, Teller]]:
        """What a process has for servers and appliances: resource types, and tellers of effects by kind."""
        return self.servers.seen_by(process)

    async def _start_again(
        self, process: Process, name: str, build: Callable[[Process, Ground], Sequence[Any]]
    ) -> None:
        await process.gone.wait()
        self.deaths += 1
        await process.kill()
        await self.clock.sleep(START_SECONDS)
        self.begin(name, build)

    def control(self, process: Process, ground: Ground) -> Sequence[Any]:
        store: Any = StoreHandle(process, self.store)
        return [build_sync(ground, store, self._lifecycle(store))]

    def worker(self, process: Process, ground: Ground) -> Sequence[Any]:
        return [build_jobs(ground), *self.work(process, ground)]

    def work(self, process: Process, ground: Ground) -> Sequence[Any]:
        """A worker without a job master."""
        hands = DriverHandle(process, self.driver)
        eyes = self.eyes(hands, ground) if self.eyes is not None else None
        targets = None
        if eyes is not None and self.agent:
            targets = AgentDoor(self._shelf(ground, eyes), lambda: self.processes.get("agent"))
        _, rooms = build_work(ground, hands, process.tasks, beside=Beside(eyes, targets))
        return rooms

    def collector_agent(self, process: Process, ground: Ground) -> Sequence[Any]:
        """The agent without its REST door: stacks and topics reach it through the KV."""
        assert self.eyes is not None, "an agent needs eyes"
        eyes = self.eyes(DriverHandle(process, self.driver), ground)
        collector = Collector(ground.kv, ground.process, eyes.probes, clock=ground.clock, rng=ground.rng)
        return [Watching(ground.kv, collector, self._shelf(ground, eyes), eyes.bus)]

    def _shelf(self, ground: Ground, eyes: Eyes) -> TargetShelf:
        return TargetShelf(ground.kv, clock=ground.clock, types=frozenset(eyes.probes), url=self.agent)

    async def run(self, scenario: Coroutine[Any, Any, None]) -> None:
        """Start the processes, play `scenario`, end everything."""
        async with self.servers.beside(self.lifecycle), Tasks("world") as self._keeper:
            if not self._furnished:
                await ensure_rows(self.lifecycle, self.services)
                self._furnished = True
            self.begin("control", self.control)
            self.begin("worker", self.worker)
            if self.agent:
                self.begin("agent", self.collector_agent)
            try:
                await scenario
            finally:
                await self._keeper.close()
                for process in self.processes.values():
                    await process.kill()

    # What a user does and sees

    async def ask(self, wish: Wish) -> None:
        await self.lifecycle.put(ADMIN, Ref(wish.schema, wish.id), wish.body)

    async def delete(self, wish: Wish) -> None:
        await self.lifecycle.delete(ADMIN, Ref(wish.schema, wish.id))

    async def show(self, wish: Wish) -> Body:
        return await self.lifecycle.show(ADMIN, Ref(wish.schema, wish.id))

    async def until(self, held: Callable[[], Any], *, within: float = 600.0) -> None:
        """Wait until `held` (plain or async) is true."""
        async with asyncio.timeout(within):
            while True:
                value = held()
                if asyncio.iscoroutine(value):
                    value = await value
                if value:
                    return
                await self.clock.sleep(LOOK_SECONDS)

    async def until_gone(self, wish: Wish, *, within: float = 600.0) -> None:
        async def gone() -> bool:
            try:
                await self.show(wish)
            except NotFound:
                return True
            return False

        await self.until(gone, within=within)

    async def until_status(self, wish: Wish, *statuses: str, within: float = 600.0) -> Body:
        async def reached() -> bool:
            return (await self.show(wish)).get("status") in statuses

        await self.until(reached, within=within)
        return await self.show(wish)
