"""What one process of a ring is built of: from parts and settings to rooms, each made by the module that knows it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from esi.bootstrap.doors import Door, hand_over, look_whether_free
from esi.bootstrap.ground import Ground
from esi.bootstrap.health import build_health, watch_etcd, watch_lease, watch_store
from esi.bootstrap.services import Services, load_services
from esi.clock import SystemClock
from esi.kv import KV
from esi.runtime import Room
from esi.runtime.service.vitals import Vitals
from esi.settings import Settings
from esi.store import Messages
from esi.tasks import Tasks
from esi.telemetry import NullRecorder, Recorder

if TYPE_CHECKING:  # what a part needs is imported when that part is asked for
    from esi.bootstrap.workers import Beside
    from esi.identity.keystone import Login
    from esi.lab.netscaler import Reached
    from esi.lifecycle import Lifecycle
    from esi.monitoring import Eyes
    from esi.stacks import Targets

HANDLERS = {"heat": "heat_worker", "monitoring": "monitoring_worker"}

ON_ETCD = frozenset({"sync", "agent", "jobs", "heat", "devices", "monitoring", "orchestration"})

Facts = dict[str, str]


class Process:
    """Builds the rooms of one process from settings. What a part needs is imported when that part is asked for: a
    process of one room starts in half the time, and takes half the memory, of one that knows them all.
    """

    def __init__(self, parts: frozenset[str], settings: Settings) -> None:
        self._parts = parts
        self._settings = settings
        self._folder = Path(settings.ring.folder).resolve()
        self.clock = SystemClock()
        self.rng = Random()
        self.vitals = Vitals(self.clock)
        self._facts: Facts = {}
        self._recorder: Recorder = NullRecorder()
        self._messages: Messages | None = None
        self._login: Login | None = None
        self._lifecycle: Lifecycle | None = None

    async def build(
        self, stack: AsyncExitStack, tasks: Tasks, sockets: Mapping[str, socket.socket]
    ) -> tuple[list[Room], Callable[[], Facts], list[asyncio.Event]]:
        """The rooms, what to tell when they are ready, and the events that say so. `sockets` are open already."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if "etcd" in self._parts:
            await self._start_etcd(stack)
        if "lab" in self._parts:
            await self._start_lab(stack, tasks)
        rooms: list[Room] = []
        if self._parts - {"etcd", "lab"}:
            rooms = await self._rooms(stack, tasks)
            rooms.insert(0, build_health(self._settings.health, self.vitals, self.clock))
        doors = [room for room in rooms if isinstance(room, Door)]
        self.vitals.starting |= {door.name: door.ready for door in doors}
        hand_over(sockets, doors)
        look_whether_free(doors)

        def facts() -> Facts:
            return self._facts | {"folder": str(self._folder)} | {door.name: door.url for door in doors}

        return rooms, facts, [door.ready for door in doors]

    def tell_where(self, facts: Facts) -> None:
        """Tell the other processes of this folder where the API is: they bring it what they record."""
        if "api" in facts and self._settings.trace.on:
            from esi.bootstrap.recording import write_url

            write_url(self._settings, facts["api"])
        if "api" in facts:
            from esi.bootstrap.neutron import write_neutron

            write_neutron(self._folder, facts.get("neutron", ""))
        if "keystone" in facts and self._login is not None:
            from esi.bootstrap.compute import service_login, write_login

            write_login(self._folder, service_login(self._settings.keystone, facts["keystone"], self._login))

    async def _rooms(self, stack: AsyncExitStack, tasks: Tasks) -> list[Room]:
        ring = self._settings.ring
        services = load_services(ring.flow, recorded_quirks=ring.recorded_quirks, own=ring.services)
        rooms: list[Room] = self._recording_rooms(services, stack)
        ground = await self._ground(services, stack) if self._parts & ON_ETCD else None
        if self._parts & {"api", "sync"}:
            rooms += await self._control_rooms(services, ground, stack)
        if ground is not None and self._parts & {"agent", "devices", *HANDLERS}:
            rooms += self._rooms_with_hands(ground, stack, tasks)
        if ground is not None and "jobs" in self._parts:
            from esi.bootstrap.workers import build_jobs

            rooms.append(build_jobs(ground))
        return rooms + self._openstack_rooms(rooms, ground)

    def _openstack_rooms(self, others: Sequence[Room], ground: Ground | None) -> list[Room]:
        """The doors for OpenStack's clients. The lab's Keystone tells where the `others` are."""
        beside_api = self._lifecycle is not None and ("neutron" in self._parts or self._settings.neutron.port != 0)
        if not beside_api and not self._parts & {"keystone", "orchestration"}:
            return []
        from esi.bootstrap.identity import open_identity
        from esi.bootstrap.openstack import build_keystone, build_orchestration

        rooms: list[Room] = []
        lab = None
        if "keystone" in self._parts:

            def doors() -> Facts:
                return {room.name: room.url for room in (*others, *rooms) if isinstance(room, Door)}

            lab = build_keystone(self._settings, self.clock, doors)
            self._login = lab[1]
            rooms.append(lab[0])
        known = open_identity(self._settings, self.clock, lab=lab)
        if beside_api and self._lifecycle is not None:
            from esi.bootstrap.neutron import build_neutron

            rooms.append(build_neutron(self._settings, self._lifecycle, known, self._recorder))
        if ground is not None and "orchestration" in self._parts:
            from esi.bootstrap.workers import resource_types

            rooms.append(build_orchestration(self._settings, ground, known, resource_types(ground.types)))
        return rooms

    def _recording_rooms(self, services: Services, stack: AsyncExitStack) -> list[Room]:
        """The recorder, first of all: who reports to it ends before it does."""
        if not self._settings.trace.on:
            return []
        from esi.bootstrap.recording import open_recording

        recording = open_recording(self._settings, self._parts, services.catalogue, self.clock, stack)
        self._recorder, self._messages = recording.segments, recording.messages
        return [recording.shipping]

    async def _ground(self, services: Services, stack: AsyncExitStack) -> Ground:
        worker = self._settings.worker
        kv = await self._kv(stack)
        ground = Ground(
            process=f"{socket.gethostname()}:{os.getpid()}",
            kv=kv,
            services=services,
            clock=self.clock,
            rng=self.rng,
            recorded_quirks=self._settings.ring.recorded_quirks,
            lease_seconds=worker.lease_seconds,
            idle_seconds=worker.idle_seconds,
            slots=worker.slots,
        )
        watch_etcd(self.vitals, kv, ground)
        if not isinstance(self._recorder, NullRecorder):
            from esi.bootstrap.recording import recorded

            ground = recorded(ground, self._recorder)
        return self._with_clouds(ground, stack)

    def _with_clouds(self, ground: Ground, stack: AsyncExitStack) -> Ground:
        """With the resource types of clouds and appliances, for those who look at stacks; and who tells clouds what."""
        if not self._parts & {"orchestration", *HANDLERS}:
            return ground
        from esi.bootstrap.appliances import appliance_types
        from esi.bootstrap.clouds import contrail_types, open_contrail
        from esi.bootstrap.compute import compute_types, open_compute
        from esi.drivers.compute.events import KIND, ServerEvents

        contrail = open_contrail(self._settings, self.clock, ground.recorder)
        stack.push_async_callback(contrail.close)
        compute = open_compute(self._settings, self.clock, ground.recorder)
        stack.push_async_callback(compute.close)
        appliances = appliance_types(self._settings.ring, self.clock, ground.recorder, compute)
        networks = (*appliances, *contrail_types(contrail))
        types = (*networks, *compute_types(compute, self.clock))
        return replace(ground, types=types, tellers={KIND: ServerEvents(compute)})

    async def _control_rooms(self, services: Services, ground: Ground | None, stack: AsyncExitStack) -> list[Room]:
        from esi.bootstrap.control import build_api, build_sync, open_lifecycle

        settings, recorder = self._settings, self._recorder
        lifecycle = await open_lifecycle(settings, services, self.clock, stack, recorder)
        watch_store(self.vitals, lifecycle.store, self.clock, outbox=ground is not None and "sync" in self._parts)
        rooms: list[Room] = []
        if "api" in self._parts:
            self._lifecycle = lifecycle
            rooms.append(build_api(settings, lifecycle, recorder, self._messages))
        if ground is not None and "sync" in self._parts:
            rooms.append(build_sync(ground, lifecycle.store, lifecycle))
        return rooms

    def _rooms_with_hands(self, ground: Ground, stack: AsyncExitStack, tasks: Tasks) -> list[Room]:
        """Those that talk to devices, or ask others to: the agent, the workers, the owners of devices."""
        from esi.bootstrap.workers import Beside, build_devices, build_lease, build_work, open_driver

        driver = open_driver(self._settings.ring, self.clock)
        rooms: list[Room] = []
        eyes: Eyes | None = None
        targets: Targets | None = None
        if self._settings.ring.monitoring == "agent":
            from esi.bootstrap.clouds import open_analytics
            from esi.bootstrap.compute import open_compute
            from esi.bootstrap.topics import open_bus
            from esi.bootstrap.watching import build_agent, open_eyes, open_probes, open_targets

            analytics = open_analytics(self._settings, self.clock, ground.recorder)
            stack.push_async_callback(analytics.close)
            compute = open_compute(self._settings, self.clock, ground.recorder)
            stack.push_async_callback(compute.close)
            probes = open_probes(self._settings.ring, ground, driver, analytics, compute)
            bus = open_bus(self._settings, ground)
            stack.push_async_callback(bus.close)
            eyes, targets = open_eyes(ground, probes, bus), open_targets(self._settings.agent, ground)
            if "agent" in self._parts:
                agent = build_agent(self._settings, ground, probes, bus)
                rooms, targets = [agent], agent.shelf
        handlers = [handler for part, handler in HANDLERS.items() if part in self._parts]
        hands = driver if "devices" in self._parts else None
        if handlers:
            beside = self._with_heat(Beside(eyes, targets), ground, stack)
            lease, work = build_work(ground, hands, tasks, handlers, beside)
            watch_lease(self.vitals, lease)
            stack.push_async_callback(lease.close)
            rooms += work
        elif hands is not None:
            lease = build_lease(ground)
            watch_lease(self.vitals, lease)
            stack.push_async_callback(lease.close)
            rooms.append(build_devices(ground, hands, lease, tasks))
        return rooms

    def _with_heat(self, beside: Beside, ground: Ground, stack: AsyncExitStack) -> Beside:
        """With an OpenStack Heat that makes the stacks, where the settings name one."""
        if not self._settings.heat.auth_url:
            return beside
        from esi.bootstrap.heat import build_backend, build_door, open_heat
        from esi.bootstrap.workers import resource_types

        heat = open_heat(self._settings, self.clock, ground.recorder)
        stack.push_async_callback(heat.close)
        door = partial(build_door, self._settings.devices)
        return replace(beside, stacks=build_backend(heat, ground, resource_types(ground.types)), door=door)

    async def _start_etcd(self, stack: AsyncExitStack) -> None:
        from esi.kv.child import EtcdChild

        child = EtcdChild(self._folder / "etcd", clock=self.clock, port=self._settings.etcd.port)
        await child.start()
        stack.push_async_callback(child.close)
        self._facts["etcd"] = child.endpoint
        if child.note:
            self._facts["note"] = child.note

    async def _start_lab(self, stack: AsyncExitStack, tasks: Tasks) -> None:
        from esi.bootstrap.clouds import write_clouds
        from esi.bootstrap.inventory import LAB_FILE, write_inventory
        from esi.bootstrap.lab import run_lab

        lab = await stack.enter_async_context(
            run_lab(self._settings.lab, self._folder / "lab", clock=self.clock, tasks=tasks)
        )
        for name, device in lab.served.items():
            self._facts[f"lab.{name}"] = f"{device.host}:{device.port}"
            self._facts[f"snmp.{name}"] = f"{device.host}:{device.snmp_port}"
        self._facts |= {f"cloud.{name}": url for name, url in lab.clouds.items()}
        write_clouds(self._folder, lab.clouds)
        self._facts["control"] = str(lab.control)

        def tell(there: Mapping[str, Reached]) -> None:
            agents = {ip: (one.host, one.snmp_port) for ip, one in there.items()}
            urls = {ip: one.url for ip, one in there.items()}
            write_inventory(self._folder / LAB_FILE, lab.inventory, snmp={**lab.snmp, **agents}, appliances=urls)

        lab.appliances.watchers.append(tell)
        tell(lab.appliances.running())
        self._facts["inventory"] = str(self._folder / LAB_FILE)

    async def _kv(self, stack: AsyncExitStack) -> KV:
        from esi.bootstrap.etcd import open_kv

        etcd = self._settings.etcd
        kv = open_kv(etcd, etcd.endpoints or self._facts["etcd"], self.clock)
        stack.push_async_callback(kv.close)
        return kv
