"""The lab of a ring with its Nova: where it is and who may ask comes from the ring's folder, over real ports."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from conformance.compute_desk import TENANT, Ports
from esi.bootstrap.clouds import write_clouds
from esi.bootstrap.compute import LOGIN_FILE, open_compute, read_login, write_login
from esi.bootstrap.lab import RunningLab, run_lab
from esi.bootstrap.openstack import build_keystone
from esi.bootstrap.racks import LabIdentity
from esi.client.keystone import Credentials
from esi.drivers.compute import ACTIVE, SHUTOFF, Compute, NewServer
from esi.errors import Unreachable, Unsupported
from esi.kv.memory import MemoryKV
from esi.lab.glance import APPLIANCE_IMAGE
from esi.lab.web import Answer, Asked, CloudFaults, as_json, serve_web
from esi.settings import Api, Lab, Ring, Settings
from esi.tasks import Tasks
from esi.telemetry import NullRecorder
from esi.testing.clocks import TurnedClock


class NeutronFace:
    """Ports over HTTP, for an administrator's token only, as the ring's own API."""

    def __init__(self, ports: Ports) -> None:
        self.faults = CloudFaults()
        self._ports = ports

    async def handle(self, asked: Asked) -> Answer:
        if asked.caller is None or not asked.caller.is_admin:
            return as_json({"error": "who is this?"}, 401)
        query = "&".join(f"{name}={value}" for name, value in asked.query.items())
        body = orjson.loads(asked.body) if asked.body else None
        status, told = await self._ports.ask(asked.method, f"{asked.path}?{query}" if query else asked.path, body)
        return Answer(status) if told is None else as_json(told, status)


@asynccontextmanager
async def ring(folder: Path) -> AsyncIterator[tuple[Settings, RunningLab, Ports]]:
    """The parts `lab` and `keystone` of a ring, with a Neutron in its catalogue."""
    clock = TurnedClock()
    file = folder / "tokens.yaml"
    settings = Settings(ring=Ring(folder=str(folder)), api=Api(token_file=str(file)), lab=Lab(build_seconds=0.01))
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(Tasks("ring"))
        lab = await stack.enter_async_context(run_lab(settings.lab, folder / "lab", clock=clock, tasks=tasks))
        write_clouds(folder, lab.clouds)
        ports = Ports(MemoryKV(), tasks, clock)
        face, address = NeutronFace(ports), ("127.0.0.1", 0)
        neutron = serve_web(face, "neutron", address, clock, tasks, LabIdentity(folder, clock))
        catalogue = {"network": await stack.enter_async_context(neutron)}
        file.write_bytes(orjson.dumps({"tokens": [{"token": "root-token", "user": "root"}], "catalogue": catalogue}))
        keystone, login = build_keystone(settings, clock, dict)
        tasks.start("keystone", keystone.run())
        await keystone.ready.wait()
        who = Credentials(keystone.url, login.user, login.password, project_name=login.project)
        write_login(folder, who)
        await ports.add("p1", "p2")
        yield settings, lab, ports


async def until(cloud: Compute, id_: str, status: str) -> None:
    async with asyncio.timeout(10):
        while (server := await cloud.get(id_)).status != status or server.task:
            await asyncio.sleep(0.01)


async def test_a_server_of_an_appliances_image_boots_an_appliance(tmp_path: Path) -> None:
    async with ring(tmp_path) as (settings, lab, ports):
        clouds = open_compute(settings, TurnedClock(), NullRecorder())
        cloud = clouds.of(TENANT)
        image = await cloud.image(APPLIANCE_IMAGE)
        id_ = await cloud.create(NewServer("vnf", await cloud.flavor("m1.small"), image, "p1", "mark"))
        async with asyncio.timeout(10):
            while not ports.rows["p1"]["attached"]:
                await asyncio.sleep(0.01)
        assert (await cloud.get(id_)).status == "BUILD"
        await clouds.of("").tell("network-vif-plugged", id_, "p1")
        await until(cloud, id_, ACTIVE)
        assert list(lab.appliances.running()) == ["100.64.193.3"]
        await cloud.stop(id_)
        await until(cloud, id_, SHUTOFF)
        await cloud.attach(id_, "p2")
        assert not lab.appliances.running()["100.64.193.3"].appliance.powered
        await cloud.start(id_)
        await until(cloud, id_, ACTIVE)
        appliance = lab.appliances.running()["100.64.193.3"].appliance
        assert appliance.powered
        assert {row["id"] for row in appliance.rows.of("Interface")} >= {"0/1", "1/1"}
        await cloud.delete(id_)
        async with asyncio.timeout(10):
            while lab.appliances.running():
                await asyncio.sleep(0.01)
        assert {row["device_id"] for row in ports.rows.values()} == {""}
        await clouds.close()


async def test_the_login_is_for_its_owner_only_and_may_come_late(tmp_path: Path) -> None:
    settings = Settings(ring=Ring(folder=str(tmp_path)))
    clouds = open_compute(settings, TurnedClock(), NullRecorder())
    with pytest.raises(Unsupported, match=r"compute\.auth_url is not set"):
        await clouds.of(TENANT).flavor("m1.small")
    async with ring(tmp_path):
        assert stat.S_IMODE((tmp_path / LOGIN_FILE).stat().st_mode) == 0o600
        assert await clouds.of(TENANT).flavor("m1.small") == "2"
    with pytest.raises(Unreachable):
        await clouds.of(TENANT).flavor("m1.small")
    async with ring(tmp_path):  # on other ports, with another password
        assert await clouds.of(TENANT).flavor("m1.small") == "2"
    await clouds.close()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"auth_url": 1}'])
def test_a_file_that_is_no_login_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / LOGIN_FILE).write_text(text)
    found: Any = read_login(tmp_path)
    assert found is None
