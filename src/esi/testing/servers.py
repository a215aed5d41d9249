"""Nova, Glance and appliances of the simulation: the lab's own, called without a network.

Nova asks the ring's own API for ports, over Neutron's face as it is served (inprocess.py), and boots the lab's
appliances. A token is the id of the project that it is for: whoever has one is an administrator.

    plug in       `async with servers.beside(lifecycle)`: what Nova does behind its answers ends with the block
    seen_by       the resource types and the teller of one process, which may die at each request
    faults        those of Nova, Glance and of each appliance
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from esi.bootstrap.compute import compute_types
from esi.bootstrap.racks import Racks
from esi.client.keystone import Credentials, Grant
from esi.clock import Clock
from esi.drivers.compute.events import KIND, ServerEvents
from esi.drivers.compute.nova import NovaClouds
from esi.drivers.compute.session import Means, Session
from esi.drivers.compute.wire import NAMES, Wire
from esi.drivers.nitro.driver import NitroDriver
from esi.errors import Unreachable
from esi.identity import Identity
from esi.identity.none import NoIdentity
from esi.lab.glance import Glance
from esi.lab.netscaler import Appliances, Image, Netscaler, Reached
from esi.lab.netscaler.mib import ApplianceObjects
from esi.lab.nova import Nova, World
from esi.lab.nova.neutron import Refused
from esi.lab.objects import Objects
from esi.lab.web import Core
from esi.lifecycle import Lifecycle
from esi.neutron.rest import RestDoor
from esi.stacks import StackResource
from esi.stacks.resources.netscaler import NetscalerConfig
from esi.stacks.resources.netscaler_syslog import NetscalerSyslogServer
from esi.tasks import Tasks
from esi.telemetry import Secret
from esi.testing.appliances import DirectLine, LineHandle
from esi.testing.clouds import answer_of
from esi.testing.inprocess import InProcess
from esi.testing.process import Process
from esi.work.effects import Teller

BOOT_SECONDS = 1.0
LOGIN = Credentials("", "esi", Secret(""), project_name="service")


class NearAppliances(Appliances):
    """Appliances that are reached by calls. `objects`: what each shows by SNMP while it can be reached. `otherwise`:
    how new ones differ from what their image says.
    """

    def __init__(self, clock: Clock, objects: dict[str, Objects]) -> None:
        super().__init__(clock)
        self._objects = objects
        self.otherwise: dict[str, Any] = {}

    async def boot(self, ip: str, image: Image | None = None, *, ports: tuple[str, ...] = ()) -> Reached:
        return await super().boot(ip, replace(image or Image(ip), **self.otherwise), ports=ports)

    async def reach(self, appliance: Netscaler, stack: AsyncExitStack) -> Reached:
        ip = appliance.image.ip
        self._objects[ip] = NearObjects(appliance)
        stack.callback(self._objects.pop, ip)
        return Reached(appliance, "", "", 0)

    def clear(self) -> None:
        for ip in self._there:
            del self._objects[ip]
        self._there.clear()
        self.otherwise.clear()


class NearObjects(ApplianceObjects):
    """What an appliance shows by SNMP, if it answers."""

    def layout(self) -> object:
        if not self._on.reachable():
            raise Unreachable(f"{self._on.image.ip} does not answer SNMP", who=self._on.image.ip)
        return super().layout()


class NearNeutron:
    """Implements the lab's Neutron, while a ring is beside it."""

    def __init__(self) -> None:
        self.face: InProcess | None = None

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        if self.face is None:
            raise Refused(500, "Unable to establish connection to Neutron")
        return await self.face.ask(method, path, body, {"X-Auth-Token": "nova"})


class NearWire:
    """Implements the Wire of the compute driver, straight to the cores of Nova and Glance. `asked` counts."""

    def __init__(self, cores: Mapping[str, Core]) -> None:
        self._cores = cores
        self.asked: Counter[str] = Counter()

    async def log_in(self, credentials: Credentials) -> Grant:
        project = credentials.project_id or credentials.project_name
        urls = {"compute": f"http://compute/v2.1/{project}", "image": "http://image"}
        catalog = [
            {"name": NAMES[name], "type": name, "endpoints": [{"interface": "public", "url": url}]}
            for name, url in urls.items()
        ]
        return Grant(Secret(project), tuple(catalog))

    async def send(self, service: str, method: str, url: str, body: Any, *, token: Secret) -> tuple[int, bytes]:
        self.asked[f"{method} {_verb(url, body)}"] += 1
        caller = Identity("esi", token.reveal(), ("admin",), is_admin=True)
        path = url.removeprefix("http://").partition("/")[2]
        return await answer_of(self._cores[service], NAMES[service], method, f"/{path}", body, caller)

    async def close(self) -> None:
        return None


class WireHandle:
    """The way to Nova and Glance as one process sees it: two points per exchange."""

    def __init__(self, process: Process, wire: Wire) -> None:
        self._process = process
        self._wire = wire

    async def log_in(self, credentials: Credentials) -> Grant:
        await self._process.point("keystone.POST before")
        return await self._wire.log_in(credentials)

    async def send(self, service: str, method: str, url: str, body: Any, *, token: Secret) -> tuple[int, bytes]:
        point = f"{NAMES[service]}.{method} {_verb(url, body)}"
        await self._process.point(f"{point} before")
        answer = await self._wire.send(service, method, url, body, token=token)
        await self._process.point(f"{point} after")
        return answer

    async def close(self) -> None:
        return None


def _verb(url: str, body: Any) -> str:
    """What is asked, without ids: servers, os-interface, an action by its name."""
    parts = [part for part in urlsplit(url).path.split("/") if part]
    if parts[-1] == "action":
        return str(next(iter(body)))
    return next(part for part in reversed(parts) if not _id(part))


def _id(part: str) -> bool:
    return len(part) >= 32 or part == "detail"


class NearServers:
    """The clouds of servers in this process. `objects` gains what its appliances show by SNMP."""

    def __init__(self, clock: Clock, objects: dict[str, Objects]) -> None:
        self._clock = clock
        self._tasks = Tasks("nova")
        self._neutron = NearNeutron()
        self.appliances = NearAppliances(clock, objects)
        self.glance = Glance()
        racks = Racks(self.appliances, BOOT_SECONDS)
        self.nova = Nova(World(clock, self._tasks, self._neutron, self.glance.name_of, racks))
        self.wire = NearWire({"compute": self.nova, "image": self.glance})
        self.clouds = self._clouds(self.wire)

    @asynccontextmanager
    async def beside(self, lifecycle: Lifecycle) -> AsyncIterator[None]:
        """Nova asks the API over this lifecycle for its ports."""
        async with InProcess(RestDoor(lifecycle, NoIdentity()).app()) as self._neutron.face, self._tasks:
            yield

    def clear(self) -> None:
        """No server, no appliance, nothing broken."""
        self.nova.host.servers.clear()
        self.appliances.clear()
        for faults in (self.nova.faults, self.glance.faults):
            faults.end()

    def seen_by(self, process: Process) -> tuple[tuple[StackResource, ...], Mapping[str, Teller]]:
        """Resource types, and tellers by kind."""
        clouds, clock = self._clouds(WireHandle(process, self.wire)), self._clock
        nitro = NitroDriver(lambda ip: self._line(process, ip), clock=clock)
        types = (
            *compute_types(clouds, clock),
            NetscalerConfig(nitro, clock, clouds),
            NetscalerSyslogServer(nitro, clouds),
        )
        return types, {KIND: ServerEvents(clouds)}

    def _clouds(self, wire: Wire) -> NovaClouds:
        return NovaClouds(Session(Means(lambda: LOGIN, self._clock), wire))

    def _line(self, process: Process, ip: str) -> LineHandle | None:
        there = self.appliances.running().get(ip)
        return None if there is None else LineHandle(process, DirectLine(there.appliance))
