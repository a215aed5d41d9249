"""The compute host: what goes on after Nova has answered, as tasks that the lab owns.

A new server is ACTIVE when its port has been said to be plugged, or not at all: Nova gives up after
`vif_plugging_timeout`. What goes wrong behind an answer puts the server into ERROR, with its words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from esi.clock import Clock
from esi.lab.nova.neutron import Neutron, Plugging, Port, Refused
from esi.lab.nova.servers import ACTIVE, ERROR, STOPPED, Server
from esi.lab.web import CloudFaults
from esi.tasks import Tasks


@dataclass(frozen=True, slots=True)
class Machine:
    """What a server runs on, to whoever boots one: the name of its image, its first address, its number of ports."""

    image: str
    address: str
    ports: int


Machines = Callable[[str, Machine], Awaitable[None]]
"""Told what becomes of a server: boot, power_off or gone."""

Images = Callable[[str], str | None]
"""The name of an image by its id; None when Glance has no such image."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds. `vif_plugging_timeout` 0: nobody waits for ports to be plugged."""

    build: float = 0.2
    action: float = 0.1
    vif_plugging_timeout: float = 300.0
    vif_plugging_is_fatal: bool = True


class NovaFaults(CloudFaults):
    def __init__(self) -> None:
        super().__init__(
            {
                "vm-error": "a new server ends in ERROR ([words] is its fault)",
                "refuse-attach": "attaching a port fails with 500 ([words])",
                "slow-build": "building takes some seconds more ([seconds], 30 without)",
                "deaf": "events of ports are taken and not heard",
            }
        )


@dataclass(frozen=True, slots=True)
class World:
    """What a Nova stands in."""

    clock: Clock
    tasks: Tasks
    neutron: Neutron
    images: Images
    machines: Machines | None = None
    pace: Pace = field(default_factory=Pace)


class Host:
    """All servers of the lab, and the work on them."""

    def __init__(self, world: World) -> None:
        self.faults: CloudFaults = NovaFaults()
        self.servers: dict[str, Server] = {}
        self.world = world
        self.plugging = Plugging(world.neutron)

    def hear(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """What Neutron says of a port."""
        server = self.servers.get(str(event.get("server_uuid")))
        if server is None:
            return {**event, "status": "failed", "code": 404}
        if self.faults.take("deaf") is None:
            if event.get("name") == "network-vif-plugged":
                server.plugged.add(str(event.get("tag")))
            elif event.get("name") == "network-vif-unplugged":
                server.plugged.discard(str(event.get("tag")))
            server.news.set()
        return {**event, "status": event.get("status", "completed"), "code": 200}

    def later(self, server: Server, task: str, work: Coroutine[Any, Any, None]) -> None:
        """Begin `work`; `task` is told as task_state until it has ended."""
        server.task = task
        self.world.tasks.start(f"{task} {server.id}", self._until_done(server, work))

    async def _until_done(self, server: Server, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Refused as error:
            self.fail(server, str(error))
        server.task = ""
        server.updated = self.world.clock.now()

    def fail(self, server: Server, words: str) -> None:
        server.vm, server.fault, server.updated = ERROR, words, self.world.clock.now()

    async def build(self, server: Server, port: Port) -> None:
        pace = self.world.pace
        server.task = "networking"
        await self.plugging.bind(port, server.id)
        server.nics = await self.plugging.refresh(server.id, server.tenant, [port["id"]])
        server.task = "spawning"
        more = self.faults.take("slow-build")
        await self.world.clock.sleep(pace.build + (float(more or 30) if more is not None else 0))
        if (words := self.faults.take("vm-error")) is not None:
            raise Refused(500, words or "No valid host was found. There are not enough hosts available.")
        if not await self._plugged(server, str(port["id"])) and pace.vif_plugging_is_fatal:
            raise Refused(500, "Build of instance aborted: Failed to allocate the network(s), not rescheduling.")
        server.vm = ACTIVE
        await self.machine(server, "boot")

    async def _plugged(self, server: Server, port: str) -> bool:
        seconds = self.world.pace.vif_plugging_timeout
        try:
            async with asyncio.timeout(seconds or None):
                while seconds and port not in server.plugged:
                    server.news.clear()
                    await server.news.wait()
        except TimeoutError:
            return False
        return True

    async def attach(self, server: Server, port: str) -> Port:
        found = await self.plugging.look(port, server.tenant, absent=404)
        if (words := self.faults.take("refuse-attach")) is not None:
            raise Refused(500, words or f"Failed to attach network adapter device to {server.id}")
        await self.plugging.bind(found, server.id)
        order = [*(str(nic["id"]) for nic in server.nics), port]
        server.nics = await self.plugging.refresh(server.id, server.tenant, order)
        if all(nic["id"] != port for nic in server.nics):
            raise Refused(500, f"Failed to attach network adapter device to {server.id}")
        return server.nics[-1]

    async def detach(self, server: Server, port: str) -> None:
        """The port is deleted in Neutron, whoever made it."""
        await self.world.clock.sleep(self.world.pace.action)
        await self.plugging.release(port)
        order = [str(nic["id"]) for nic in server.nics if nic["id"] != port]
        server.nics = await self.plugging.refresh(server.id, server.tenant, order)

    async def power(self, server: Server, vm: str) -> None:
        """Stop or start, or with the state it has: reboot."""
        await self.world.clock.sleep(self.world.pace.action)
        if server.vm == vm or vm == STOPPED:
            await self.machine(server, "power_off")
        server.vm = vm
        if vm == ACTIVE:
            await self.machine(server, "boot")

    async def remove(self, server: Server) -> None:
        """Its end: every port that says it is plugged here is deleted."""
        await self.world.clock.sleep(self.world.pace.action)
        for port in await self.plugging.of(server.id):
            await self.plugging.release(str(port["id"]))
        await self.machine(server, "gone")
        del self.servers[server.id]

    async def machine(self, server: Server, what: str) -> None:
        if self.world.machines is not None and server.address:
            machine = Machine(self.world.images(server.image) or "", server.address, len(server.nics))
            await self.world.machines(what, machine)
