"""One process of a ring: builds the parts it was asked for, runs them until it is told to stop, ends them in order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

from esi.api import ApiRoom
from esi.bootstrap.inventory import LAB_FILE, read_inventory, write_inventory
from esi.bootstrap.lab import run_lab
from esi.bootstrap.ring import Ground, build_jobs, build_lifecycle, build_sync, build_work, ensure_templates
from esi.bootstrap.services import Services, load_services
from esi.clock import SystemClock
from esi.drivers.junos import JunosDriver
from esi.errors import SettingsError
from esi.identity.none import NoIdentity
from esi.identity.tokens import TokenFile
from esi.kv import KV
from esi.kv.child import EtcdChild
from esi.kv.connection import Login, Tls
from esi.kv.etcd import EtcdKV
from esi.runtime import Room, Supervisor
from esi.settings import Etcd, Settings
from esi.store.sqlite import SqliteStore
from esi.tasks import Tasks
from esi.telemetry import NullRecorder

log = logging.getLogger(__name__)

PARTS = ("etcd", "lab", "api", "sync", "jobs", "heat", "devices", "monitoring")
"""Everything a process can be asked to run."""

HANDLERS = {"heat": "heat_worker", "monitoring": "monitoring_worker"}

Facts = dict[str, str]


async def run(parts: Sequence[str], settings: Settings, *, on_ready: Callable[[Mapping[str, str]], None]) -> None:
    """Run `parts` until SIGTERM, SIGINT or cancellation; `on_ready` is called once with where they are reached.

    Raises ConfigError before anything is started when the parts or settings cannot work together.
    """
    _check(parts, settings)
    process = Process(frozenset(parts), settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack, Tasks("ring") as tasks:
        rooms, facts, ready = await process.build(stack, tasks)
        supervisor = Supervisor(rooms, clock=process.clock, rng=process.rng)
        running = tasks.start("rooms", supervisor.run())
        stopping = tasks.start("stop", stop.wait())
        for event in ready:
            await event.wait()
        on_ready(facts())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        running.cancel()
        await asyncio.wait({running})


def _check(parts: Sequence[str], settings: Settings) -> None:
    faults = [f"unknown part {part!r}; known: {', '.join(PARTS)}" for part in parts if part not in PARTS]
    needs_etcd = set(parts) & {"sync", "jobs", "heat", "monitoring"}
    if needs_etcd and "etcd" not in parts and not settings.etcd.endpoints:
        faults.append("no etcd: run one beside it (`esi etcd`) and name it with etcd.endpoints")
    if "heat" in parts and "devices" not in parts:
        faults.append("heat and devices must run in one process: intents do not cross processes yet")
    if faults:
        raise SettingsError(faults)


class Process:
    """Builds the rooms of one process from settings."""

    def __init__(self, parts: frozenset[str], settings: Settings) -> None:
        self._parts = parts
        self._settings = settings
        self._folder = Path(settings.ring.folder).resolve()
        self.clock = SystemClock()
        self.rng = Random()
        self._facts: Facts = {}

    async def build(
        self, stack: AsyncExitStack, tasks: Tasks
    ) -> tuple[list[Room], Callable[[], Facts], list[asyncio.Event]]:
        """The rooms, what to tell when they are ready, and the events that say so."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if "etcd" in self._parts:
            await self._start_etcd(stack)
        if "lab" in self._parts:
            await self._start_lab(stack, tasks)
        rooms: list[Room] = []
        if self._parts & {"api", "sync", "jobs", "heat", "monitoring"}:
            rooms = await self._rooms(stack, tasks)
        apis = [room for room in rooms if isinstance(room, ApiRoom)]

        def facts() -> Facts:
            where = {"api": apis[0].url} if apis else {}
            return self._facts | {"folder": str(self._folder)} | where

        return rooms, facts, [room.ready for room in apis]

    async def _rooms(self, stack: AsyncExitStack, tasks: Tasks) -> list[Room]:
        ring = self._settings.ring
        services = load_services(ring.flow, recorded_quirks=ring.recorded_quirks)
        rooms: list[Room] = []
        base = await self._base(services, stack) if self._parts & {"sync", "jobs", "heat", "monitoring"} else None
        if self._parts & {"api", "sync"}:
            rooms += await self._control_rooms(services, base, stack)
        if base is not None and "jobs" in self._parts:
            rooms.append(build_jobs(base))
        handlers = [handler for part, handler in HANDLERS.items() if part in self._parts]
        if base is not None and handlers:
            lease, work = build_work(base, self._driver(), tasks, handlers)
            stack.push_async_callback(lease.close)
            rooms += work
        return rooms

    async def _base(self, services: Services, stack: AsyncExitStack) -> Ground:
        ring, worker = self._settings.ring, self._settings.worker
        return Ground(
            process=f"{socket.gethostname()}:{os.getpid()}",
            kv=await self._kv(stack),
            services=services,
            clock=self.clock,
            rng=self.rng,
            recorder=NullRecorder(),
            recorded_quirks=ring.recorded_quirks,
            lease_seconds=worker.lease_seconds,
            idle_seconds=worker.idle_seconds,
            slots=worker.slots,
        )

    async def _control_rooms(self, services: Services, base: Ground | None, stack: AsyncExitStack) -> list[Room]:
        ring, api = self._settings.ring, self._settings.api
        store = SqliteStore(self._folder / "esi.db", services.catalogue, clock=self.clock)
        stack.push_async_callback(store.close)
        lifecycle = build_lifecycle(
            services, store, self.clock, recorded_quirks=ring.recorded_quirks, monitoring=ring.monitoring != "none"
        )
        await ensure_templates(lifecycle, services)
        rooms: list[Room] = []
        if "api" in self._parts:
            known = TokenFile(Path(api.token_file)) if api.token_file else NoIdentity()
            rooms.append(ApiRoom(lifecycle, known, host=api.host, port=api.port, recorder=NullRecorder()))
        if base is not None and "sync" in self._parts:
            rooms.append(build_sync(base, store, lifecycle))
        return rooms

    async def _start_etcd(self, stack: AsyncExitStack) -> None:
        child = EtcdChild(self._folder / "etcd", clock=self.clock, port=self._settings.etcd.port)
        await child.start()
        stack.push_async_callback(child.close)
        self._facts["etcd"] = child.endpoint
        if child.note:
            self._facts["note"] = child.note

    async def _start_lab(self, stack: AsyncExitStack, tasks: Tasks) -> None:
        served, inventory = await stack.enter_async_context(
            run_lab(self._settings.lab, self._folder / "lab", clock=self.clock, tasks=tasks)
        )
        for name, device in served.items():
            self._facts[f"lab.{name}"] = f"{device.host}:{device.port}"
        write_inventory(self._folder / LAB_FILE, inventory)
        self._facts["inventory"] = str(self._folder / LAB_FILE)

    async def _kv(self, stack: AsyncExitStack) -> KV:
        etcd = self._settings.etcd
        endpoints = [part.strip() for part in (etcd.endpoints or self._facts["etcd"]).split(",") if part.strip()]
        login = Login(etcd.user, etcd.password) if etcd.user else None
        kv = EtcdKV(endpoints, clock=self.clock, tls=_tls(etcd), login=login)
        stack.push_async_callback(kv.close)
        return kv

    def _driver(self) -> JunosDriver:
        named = self._settings.ring.inventory
        file = Path(named) if named else self._folder / LAB_FILE
        if not named and not file.exists():
            raise SettingsError(f"no inventory of devices: name one with ring.inventory, or start `esi lab` ({file})")
        return JunosDriver(read_inventory(file), clock=self.clock, recorder=NullRecorder())


def _tls(etcd: Etcd) -> Tls | None:
    if not etcd.ca_file:
        return None
    certificate = Path(etcd.cert_file) if etcd.cert_file else None
    return Tls.load(Path(etcd.ca_file), certificate, Path(etcd.key_file) if etcd.key_file else None)
