"""Servers: the driver against the lab's Nova and Glance, over real HTTP with Keystone's tokens."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from conformance.compute_desk import TENANT, Desk, compute_desk
from esi.drivers.compute import ACTIVE, SHUTOFF, Compute, NewServer, Server
from esi.drivers.compute.events import ServerEvents
from esi.errors import Busy, NotFound, Rejected, TemporaryError
from esi.lab.glance import APPLIANCE_IMAGE
from esi.lab.nova import Pace
from esi.model.target import Target
from esi.probes.compute import ComputeServer


async def made(desk: Desk, port: str = "p1", mark: str = "stack/server") -> tuple[Compute, str]:
    cloud = desk.clouds.of(TENANT)
    flavor, image = await cloud.flavor("m1.xlarge"), await cloud.image(APPLIANCE_IMAGE)
    id_ = await cloud.create(NewServer("vnf", flavor, image, port, mark, zone="nova"))
    return cloud, id_


async def until(cloud: Compute, id_: str, *statuses: str) -> Server:
    async with asyncio.timeout(10):
        while True:
            server = await cloud.get(id_)
            if server.status in statuses and not server.task:
                return server
            await asyncio.sleep(0.01)


async def test_the_life_of_a_server() -> None:
    async with compute_desk(ports=["p1", "p2"]) as desk:
        cloud, id_ = await made(desk)
        assert await cloud.flavor("m1.xlarge") == "5"
        found = await cloud.find("stack/server")
        assert found is not None
        assert (found.id, found.name) == (id_, "vnf")
        assert await cloud.find("stack/other") is None
        await until(cloud, id_, ACTIVE)
        assert await cloud.ports(id_) == ("p1",)
        await cloud.rename(id_, "other")
        await cloud.stop(id_)
        await until(cloud, id_, SHUTOFF)
        await cloud.attach(id_, "p2")
        assert sorted(await cloud.ports(id_)) == ["p1", "p2"]
        await cloud.start(id_)
        assert (await until(cloud, id_, ACTIVE)).name == "other"
        await cloud.reboot(id_, "HARD")
        await until(cloud, id_, ACTIVE)
        await cloud.detach(id_, "p2")
        async with asyncio.timeout(10):
            while "p2" in await cloud.ports(id_):
                await asyncio.sleep(0.01)
        await cloud.detach(id_, "p2")
        await cloud.delete(id_)
        async with asyncio.timeout(10):
            while await cloud.find("stack/server") is not None:
                await asyncio.sleep(0.01)
        await cloud.delete(id_)
        with pytest.raises(NotFound):
            await cloud.get(id_)
        assert desk.ports.rows["p1"]["device_id"] == ""
        assert [what for what, _ in desk.machines] == ["boot", "power_off", "boot", "power_off", "boot", "gone"]
        assert desk.machines[0][1].image == APPLIANCE_IMAGE
        assert desk.machines[0][1].address == "100.64.193.3"


async def test_nova_asks_neutron_what_a_real_one_asks() -> None:
    """The order of calls for a boot with one port, logged once from a real Nova."""
    async with compute_desk(ports=["p1"]) as desk:
        cloud, id_ = await made(desk)
        await until(cloud, id_, ACTIVE)
        network = desk.ports.rows["p1"]["network_id"]
        boot = desk.ports.log[: desk.ports.log.index("PUT ports/p1") + 1]
        assert boot == [
            "GET extensions", "GET ports/p1", "GET ports/p1?fields", "GET networks?id",
            "GET extensions", "GET ports/p1", f"GET networks/{network}?fields", "PUT ports/p1",
        ]  # fmt: skip
        assert desk.ports.log[len(boot) :][:2] == ["GET ports?tenant_id&device_id", "GET networks?id"]
        row = desk.ports.rows["p1"]
        assert (row["device_owner"], row["device_id"]) == ("compute:nova", id_)


async def test_what_cannot_be_is_refused_with_novas_words() -> None:
    async with compute_desk(ports=["p1", "p2"]) as desk:
        cloud, id_ = await made(desk)
        await until(cloud, id_, ACTIVE)
        with pytest.raises(Busy, match=rf"Cannot 'start' instance {id_} while it is in vm_state active"):
            await cloud.start(id_)
        with pytest.raises(Busy, match=r"Port p1 is still in use"):
            await made(desk)
        with pytest.raises(Rejected, match=r"Port p9 could not be found"):
            await made(desk, "p9")
        with pytest.raises(NotFound, match=r"Port p9 could not be found"):
            await cloud.attach(id_, "p9")
        with pytest.raises(NotFound, match=r"no flavor of the name 'm9'"):
            await cloud.flavor("m9")
        with pytest.raises(NotFound, match=r"no active image of the name 'none'"):
            await cloud.image("none")
        with pytest.raises(Rejected, match=r"Invalid flavorRef provided"):
            await cloud.create(NewServer("vnf", "9", "i", "p2", "m"))
        with pytest.raises(Rejected, match=r"Can not find requested image"):
            await cloud.create(NewServer("vnf", "5", "i", "p2", "m"))
        with pytest.raises(Rejected, match=r"requested availability zone is not available"):
            await cloud.create(NewServer("vnf", "5", await cloud.image("cirros"), "p2", "m", zone="mars"))


async def test_a_server_is_seen_by_its_own_tenant_only() -> None:
    async with compute_desk(ports=["p1"]) as desk:
        _, id_ = await made(desk)
        assert await desk.clouds.of("0a" * 16).find("stack/server") is None
        grant = await desk.clouds.of("")._session._granted("", None)
        url = f"{grant.endpoint('compute').rsplit('/', 1)[0]}/{TENANT}/servers/{id_}"
        async with aiohttp.ClientSession(headers={"X-Auth-Token": grant.token.reveal()}) as session:
            async with session.get(url) as reply:
                assert reply.status == 400
                assert "doesn't match Context's project_id" in (await reply.json())["badRequest"]["message"]
            headers = {"X-OpenStack-Nova-API-Version": "2.99"}
            async with session.get(url, headers=headers) as reply:
                assert (reply.status, reply.headers["OpenStack-API-Version"]) == (406, "compute 2.1")
        async with aiohttp.ClientSession() as session, session.get(url) as reply:
            assert (reply.status, (await reply.json())["error"]["code"]) == (401, 401)


async def test_without_news_of_its_port_a_server_is_given_up() -> None:
    pace = Pace(build=0.01, action=0.01, vif_plugging_timeout=0.2)
    async with compute_desk(pace, ports=["p1"]) as desk:
        desk.ports.deaf = True
        cloud, id_ = await made(desk)
        server = await until(cloud, id_, "ERROR")
        assert server.fault == "Build of instance aborted: Failed to allocate the network(s), not rescheduling."
        await cloud.delete(id_)


async def test_an_event_lets_a_server_go_on() -> None:
    async with compute_desk(ports=["p1"]) as desk:
        desk.ports.deaf = True
        cloud, id_ = await made(desk)
        service = desk.clouds.of("")
        await service.tell("network-vif-plugged", id_, "p1")
        await until(cloud, id_, ACTIVE)
        with pytest.raises(NotFound):
            await service.tell("network-vif-plugged", "00000000-0000-0000-0000-000000000000", "p1")


async def test_a_token_that_has_ended_is_asked_for_anew() -> None:
    async with compute_desk(ports=["p1"]) as desk:
        cloud, id_ = await made(desk)
        before = await cloud.get(id_)
        desk.clock.ahead = 3700.0
        assert (await cloud.get(id_)).id == before.id


async def test_the_faults_of_a_nova() -> None:
    async with compute_desk(ports=["p1", "p2"]) as desk:
        faults = desk.nova.faults
        faults.begin("vm-error", "no host", times=1)
        cloud, id_ = await made(desk)
        assert (await until(cloud, id_, "ERROR")).fault == "no host"
        await cloud.delete(id_)
        async with asyncio.timeout(10):
            while desk.ports.rows["p1"]["device_id"]:
                await asyncio.sleep(0.01)
        cloud, id_ = await made(desk, mark="second")
        await until(cloud, id_, ACTIVE)
        faults.begin("refuse-attach", "no slot", times=1)
        with pytest.raises(TemporaryError, match=r"answers 500.*no slot"):
            await cloud.attach(id_, "p2")
        faults.begin("error-after", times=1)
        with pytest.raises(TemporaryError):
            await cloud.attach(id_, "p2")
        assert sorted(await cloud.ports(id_)) == ["p1", "p2"]


async def test_the_probe_says_what_nova_says() -> None:
    async with compute_desk(ports=["p1"]) as desk:
        cloud, id_ = await made(desk)
        probe = ComputeServer(desk.clouds)

        def target(properties: dict[str, Any]) -> Target:
            return Target("t", TENANT, 1, "v", "vnf_instances", "server", "compute", properties)

        await until(cloud, id_, ACTIVE)
        assert (await probe.ask(target({"server_id": id_}))).values == {"status": "UP"}
        await cloud.stop(id_)
        await until(cloud, id_, SHUTOFF)
        seen = await probe.ask(target({"server_id": id_}))
        assert (seen.values, seen.reason) == ({"status": "FAIL"}, f"server {id_} is SHUTOFF")
        seen = await probe.ask(target({"server_id": "gone"}))
        assert (seen.values, seen.reason) == ({"status": "FAIL"}, "Nova has no server gone")


async def test_an_effect_of_a_port_reaches_its_server() -> None:
    async with compute_desk(ports=["p1"]) as desk:
        desk.ports.deaf = True
        cloud, id_ = await made(desk)
        events, ref = ServerEvents(desk.clouds), ("port", "p1", 3)
        with pytest.raises(Rejected, match=r"no event 'network-vif-sold'"):
            await events({"name": "network-vif-sold", "server_uuid": id_, "tag": "p1"}, ref)
        await events({"name": "network-vif-plugged", "server_uuid": id_, "tag": "p1"}, ref)
        await until(cloud, id_, ACTIVE)
        (told,) = [one for one in desk.recorder.messages if "external-events" in one.subject]
        assert (told.sender, told.receiver, told.refs) == ("heat", "nova", (ref,))
