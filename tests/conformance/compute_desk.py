"""The lab's Nova, Glance and Keystone on their ports, the driver, and a Neutron whose ports are ours.

`Ports` plays what the ring does for a port: it answers Nova, keeps the port's wanted state under /config, says
`attached` a moment after Nova has claimed the port, and tells Nova so.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from conformance.keystone_desk import LOGIN, SERVICE
from esi.client.keystone import Credentials
from esi.drivers.compute.nova import NovaClouds
from esi.drivers.compute.session import Means, Session
from esi.identity.keystone import KeystoneIdentity
from esi.kv import Delete, Put
from esi.kv.memory import MemoryKV
from esi.lab.glance import Glance
from esi.lab.keystone import Directory, KeystoneRoom
from esi.lab.nova import Machine, Nova, Pace, World
from esi.lab.web import Core, serve_web
from esi.model.codec import encode_config
from esi.stacks import Context
from esi.stacks.resources.monitoring import NullTargets
from esi.stacks.waiting import Waiting
from esi.tasks import Tasks
from esi.telemetry import MemoryRecorder
from esi.testing.clocks import TurnedClock
from unit.stacks.bench import CountingDevices, Crash, Routers

TENANT = "fe3a" * 8
NETWORK = "11111111-1111-1111-1111-111111111111"


@dataclass
class Ports:
    """Implements what the lab's Nova asks of Neutron. `log` are its requests; `kept` are never really deleted."""

    kv: MemoryKV
    tasks: Tasks
    clock: TurnedClock
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    log: list[str] = field(default_factory=list)
    nova: Nova | None = None
    deaf: bool = False
    version: int = 0

    async def add(self, *ids: str) -> None:
        for number, id_ in enumerate(ids, start=len(self.rows)):
            self.rows[id_] = {
                "id": id_, "network_id": NETWORK, "tenant_id": TENANT, "device_id": "", "device_owner": "",
                "attached": False, "mac_address": f"fa:16:3e:00:00:{number:02x}", "security_groups": [],
                "fixed_ips": [{"subnet_id": "s", "ip_address": f"100.64.193.{number + 3}"}],
            }  # fmt: skip
            self.kept.add(id_)
            await self.keep(id_)

    async def keep(self, id_: str) -> None:
        self.version += 1
        value = encode_config(orjson.dumps(self.rows[id_]), self.version)
        await self.kv.commit([Put(f"/config/v2.0/ports/{id_}", value)])

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        parts = urlsplit(path)
        name = parts.path.removeprefix("/v2.0/").removesuffix(".json")
        self.log.append(f"{method} {name}{'?' + '&'.join(parse_qs(parts.query)) if parts.query else ''}")
        collection, _, id_ = name.partition("/")
        if collection == "ports" and id_:
            return await self._port(method, id_, body)
        if collection == "ports":
            return 200, {"ports": [dict(row) for row in self.rows.values() if self._fits(row, parse_qs(parts.query))]}
        if collection == "networks":
            row = {"id": NETWORK, "name": "management"}
            return 200, {"network": row} if id_ else {"networks": [row]}
        return (200, {collection: []}) if collection in ("extensions", "subnets") else (404, None)

    def _fits(self, row: dict[str, Any], query: dict[str, list[str]]) -> bool:
        return all(str(row.get(name)) in values for name, values in query.items() if name != "fields")

    async def _port(self, method: str, id_: str, body: Any) -> tuple[int, Any]:
        row = self.rows.get(id_)
        if row is None:
            return 404, {"NeutronError": {"type": "PortNotFound", "message": f"Port {id_} could not be found."}}
        if method == "PUT":
            row |= body["port"]
            self.tasks.start(f"attach {id_}", self._attach(id_))
        elif method == "DELETE":
            await self._leave(id_, row)
            return 204, None
        return 200, {"port": dict(row)}

    async def _leave(self, id_: str, row: dict[str, Any]) -> None:
        if id_ in self.kept:
            row |= {"device_id": "", "device_owner": "", "attached": False}
            await self.keep(id_)
        else:
            del self.rows[id_]
            await self.kv.commit([Delete(f"/config/v2.0/ports/{id_}")])

    async def _attach(self, id_: str) -> None:
        await self.keep(id_)
        await self.clock.sleep(0.01)
        row = self.rows[id_]
        if self.deaf or not row["device_id"]:
            return
        row["attached"] = True
        await self.keep(id_)
        if self.nova is not None:
            self.nova.host.hear({"name": "network-vif-plugged", "server_uuid": row["device_id"], "tag": id_})


@dataclass
class Desk:
    clouds: NovaClouds
    nova: Nova
    glance: Glance
    ports: Ports
    keystone: KeystoneRoom
    recorder: MemoryRecorder
    machines: list[tuple[str, Machine]]
    clock: TurnedClock
    heard: list[str] = field(default_factory=list)

    def context(self, operation: str = "op", name: str = "server") -> Context:
        until = Waiting(self.ports.kv, self.clock, lambda ref: f"/v2.0/{ref[0]}s/{ref[1]}", _no_rest, self.heard.append)
        return Context(
            "stack", name, operation, TENANT, CountingDevices(Routers(), Crash()), NullTargets(), held=None, until=until
        )

    def calls(self) -> list[str]:
        """What the driver has asked Nova, without ids and repeated looks."""
        told = [message.subject for message in self.recorder.messages if message.receiver == "nova"]
        short = [re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", subject) for subject in told]
        return [one for index, one in enumerate(short) if index == 0 or one != short[index - 1]]

    def slots(self) -> list[list[str]]:
        """The ports of each server, in slot order."""
        return [[nic["id"] for nic in server.nics] for server in self.nova.host.servers.values()]


@asynccontextmanager
async def _no_rest() -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def compute_desk(pace: Pace | None = None, *, ports: Sequence[str] = ()) -> AsyncIterator[Desk]:
    clock, glance, machines, recorder = TurnedClock(), Glance(), list[tuple[str, Machine]](), MemoryRecorder()
    urls: dict[str, str] = {}

    def catalogue() -> dict[str, str]:
        return {"compute": f"{urls['nova']}/v2.1/%(tenant_id)s", "image": urls["glance"]}

    directory = Directory([SERVICE], everywhere="esi")
    keystone = KeystoneRoom(directory, clock=clock, others=catalogue)
    identity = KeystoneIdentity(lambda: f"{keystone.url}/v3", LOGIN, clock=clock)

    async def boot(what: str, machine: Machine) -> None:
        machines.append((what, machine))

    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(Tasks("desk"))
        neutron = Ports(MemoryKV(), tasks, clock)
        rate = pace or Pace(build=0.02, action=0.01, vif_plugging_timeout=5.0)

        neutron.nova = nova = Nova(World(clock, tasks, neutron, glance.name_of, boot, rate))
        tasks.start("keystone", keystone.run())
        await keystone.ready.wait()
        faces: dict[str, Core] = {"nova": nova, "glance": glance}
        for name, face in faces.items():
            door = serve_web(face, name, ("127.0.0.1", 0), clock, tasks, identity.identify)
            urls[name] = await stack.enter_async_context(door)

        def credentials() -> Credentials:
            return Credentials(keystone.url, "esi", LOGIN.password, project_name="service")

        clouds = NovaClouds(Session(Means(credentials, clock, recorder)))
        stack.push_async_callback(clouds.close)
        await neutron.add(*ports)
        yield Desk(clouds, nova, glance, neutron, keystone, recorder, machines, clock)
