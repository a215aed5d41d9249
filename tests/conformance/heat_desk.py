"""A real Heat with our resource types, and the doors by which they reach the world, on the same ports all the time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from esi.client.keystone import Credentials
from esi.clock import SystemClock
from esi.devices.door import devices_door
from esi.drivers import Devices
from esi.drivers.compute.session import Means, Session
from esi.kv import Guard
from esi.stacks import Targets
from esi.stacks.engine import registry_of
from esi.stacks.heat.backend import HeatBackend
from esi.stacks.heat.rest import Heat
from esi.stacks.resources.monitoring import MonitoringTarget
from esi.stacks.resources.netconf import NetconfNamedConfigs
from esi.tasks import Tasks
from esi.telemetry import Secret
from esi.testing.openstack import ADMIN, Keystone, Peer, running_heat
from esi.testing.ports import free_ports

TOKEN = Secret("a token of the tests")
TYPES = registry_of(NetconfNamedConfigs(), MonitoringTarget())


@dataclass
class Desk:
    """A running Heat, and where it finds devices and the agent."""

    keystone: Keystone
    devices_port: int = field(default_factory=lambda: free_ports()[0])
    agent_port: int = field(default_factory=lambda: free_ports()[0])
    heat: Peer | None = None

    def backend(self) -> HeatBackend:
        who = Credentials(self.keystone.url, "esi", Secret(ADMIN), project_name="service")
        return HeatBackend(Heat(Session(Means(lambda: who, SystemClock()))), TYPES, SystemClock(), _always)

    @asynccontextmanager
    async def doors(self, devices: Devices, targets: Targets) -> AsyncIterator[None]:
        async with Tasks("doors") as tasks:
            door = devices_door(devices, host="127.0.0.1", port=self.devices_port, token=TOKEN)
            tasks.start("devices", door.run())
            runner = web.AppRunner(_agent(targets))
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", self.agent_port, reuse_address=True).start()
            await door.ready.wait()
            try:
                yield
            finally:
                await runner.cleanup()


async def _always(guard: Guard) -> bool:
    return True


def _agent(targets: Targets) -> web.Application:
    async def create(request: web.Request) -> web.Response:
        body = await request.json()
        return web.json_response(dict(await targets.create(body, key=body.pop("key"))), status=201)

    async def delete(request: web.Request) -> web.Response:
        await targets.delete(request.match_info["id"])
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/targets", create)
    app.router.add_delete("/targets/{id}", delete)
    return app


@contextmanager
def running_desk(python: Path, keystone: Keystone) -> Iterator[Desk]:
    desk = Desk(keystone)
    settings = {
        "ESI_DEVICES__PORT": str(desk.devices_port),
        "ESI_DEVICES__TOKEN": TOKEN.reveal(),
        "ESI_AGENT__PORT": str(desk.agent_port),
        "ESI_HEAT__API_URL": "http://127.0.0.1:9",
    }
    with running_heat(python, keystone, settings) as desk.heat:
        yield desk
