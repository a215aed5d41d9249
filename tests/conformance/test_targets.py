"""The port Targets, as stacks use it: without a collector, on the shelf itself, and over HTTP to a real agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import Any

import aiohttp
import pytest

from esi.agent.collector import Collector, Habits
from esi.agent.room import AgentRoom, Listen
from esi.agent.shelf import TargetShelf
from esi.client.targets import HttpTargets
from esi.clock import SystemClock
from esi.errors import Invalid, Unauthenticated, Unreachable
from esi.kv import KV
from esi.kv.memory import MemoryKV
from esi.model import keys
from esi.model.target import Observation
from esi.stacks import Targets
from esi.stacks.resources.monitoring import NullTargets
from esi.tasks import Tasks
from esi.telemetry import Secret
from recorded.cases import case, need_cases
from unit.agent.doubles import BOTH, PATH, ProbeDouble, request

TYPES = ("bgp_pool", "snmp_ports_metric")
NONE = Secret("")


@asynccontextmanager
async def running(kv: KV, name: str = "a", probe: Any = None, token: Secret = NONE) -> AsyncIterator[AgentRoom]:
    """A whole agent on a free port."""
    clock = SystemClock()
    probe = probe or ProbeDouble(clock=clock)  # type: ignore[arg-type]
    collector = Collector(
        kv, name, dict.fromkeys(TYPES, probe), clock=clock, rng=Random(1), habits=Habits(interval=0.2)
    )
    room = AgentRoom(kv, collector, listen=Listen(port=0, token=token))
    async with Tasks(name) as tasks:
        tasks.start("room", room.run())
        async with asyncio.timeout(10):
            await room.ready.wait()
        yield room


@asynccontextmanager
async def null() -> AsyncIterator[Targets]:
    yield NullTargets()


@asynccontextmanager
async def shelf() -> AsyncIterator[Targets]:
    yield TargetShelf(MemoryKV(), clock=SystemClock(), types=frozenset(TYPES), url="http://agent")


@asynccontextmanager
async def over_http() -> AsyncIterator[Targets]:
    async with running(MemoryKV()) as room:
        targets = HttpTargets(room.url, NONE, SystemClock())
        yield targets
        await targets.close()


Member = Callable[[], AbstractAsyncContextManager[Targets]]
members = pytest.mark.parametrize("member", [null, shelf, over_http])


@members
async def test_the_same_key_is_the_same_target(member: Member) -> None:
    async with member() as targets:
        made = [await targets.create(request(), key=key) for key in ("one", "one", "two")]
        ids = [one["id"] for one in made]
        assert ids[0] == ids[1] != ids[2]
        assert made[0]["link"] == made[1]["link"]
        assert str(ids[0]) in str(made[0]["link"])


@members
async def test_absent_is_deleted_well_and_a_key_can_be_used_again(member: Member) -> None:
    async with member() as targets:
        made = await targets.create(request(), key="one")
        for _ in range(2):
            await targets.delete(str(made["id"]))
        assert (await targets.create(request(), key="one"))["id"] == made["id"]


async def seen(url: str, id_: str, wanted: Callable[[list[Any]], bool], token: str = "") -> Mapping[str, Any]:
    """The target's answer once its values are as wanted: it is asked again as long as a look takes."""
    targets = HttpTargets(url, Secret(token), SystemClock())
    try:
        async with asyncio.timeout(10):
            while not wanted((found := await targets.get(id_))["values"]):
                await asyncio.sleep(0.02)
            return found
    finally:
        await targets.close()


async def test_the_agent_answers_as_recorded() -> None:
    need_cases()
    recorded = case("vpn/collector_targets")[0]
    async with running(MemoryKV()) as room, aiohttp.ClientSession(room.url) as http:
        async with http.post("/targets", json=recorded["request"]) as reply:
            assert reply.status == 201
            made = await reply.json()
        told = {**recorded["response"], "id": made["id"], "created_at": made["created_at"]}
        assert made == {**told, "monitorer": room.url, "link": f"{room.url}/targets/{made['id']}"}
        found = await seen(room.url, made["id"], bool)
        (value,) = found["values"]
        (was,) = recorded["gets"][-1]
        assert value == {**was, "last_reported": value["last_reported"], "last_changed": value["last_changed"]}
        assert {**found, "values": []} == {**made, "values": []}
        async with http.delete(f"/targets/{made['id']}") as reply:
            assert (reply.status, await reply.read()) == (204, b"")
        async with http.get(f"/targets/{made['id']}") as reply:
            assert (reply.status, (await reply.json())["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not JSON"),
        (b"[]", "a target is a JSON object"),
        (b"{}", "tenant_id"),
        (b'{"key": 1}', "key"),
        ({"type": "crystal_ball"}, "nobody can look at it; known are bgp_pool, snmp_ports_metric"),
        ({"resource_id": "../../config/v2.0/x"}, "resource_id"),
        ({"resource_type": "a b"}, "resource_type"),
        ({"version": True}, "version"),
        ({"properties": []}, "properties"),
        ({"syncer_properties": {"etcd": {"status": "x"}}}, "syncer_properties.etcd.status"),
        ({"syncer_properties": {"etcd": {"hold_options": {}}}}, "hold_options"),
        ({"syncer_properties": {"tsdb": {"traffic.in": {}}}}, "syncer_properties.tsdb.traffic.in"),
        ({"properties": {"x": "y" * 100_000}}, "larger than"),
    ],
)
async def test_bad_targets_are_refused_by_place(body: Any, said: str) -> None:
    kv = MemoryKV()
    async with running(kv) as room, aiohttp.ClientSession(room.url) as http:
        sent = {"data": body} if isinstance(body, bytes) else {"json": {**request(), **body}}
        async with http.post("/targets", **sent) as reply:
            told = await reply.json()
        assert reply.status == 400, told
        assert said in told["error"]
        assert (await kv.list(keys.TARGETS)).entries == []


async def test_too_much_wrong_ways_and_wrong_places() -> None:
    async with running(MemoryKV()) as room, aiohttp.ClientSession(room.url) as http:
        for method, path, status in (("GET", "/nothing", 404), ("PUT", "/targets", 405), ("DELETE", "/targets/x", 404)):
            async with http.request(method, path) as reply:
                assert (reply.status, set(await reply.json())) == (status, {"error", "code", "details"})
        async with http.post("/targets", data=b"x" * 300_000) as reply:
            assert (reply.status, (await reply.json())["code"]) == (413, "too_large")


async def test_a_token_is_asked_for() -> None:
    async with running(MemoryKV(), token=Secret("worker-token")) as room:
        right, wrong = (HttpTargets(room.url, Secret(one), SystemClock()) for one in ("worker-token", "nothing"))
        made = await right.create(request(), key="k")
        with pytest.raises(Unauthenticated):
            await wrong.delete(str(made["id"]))
        async with aiohttp.ClientSession(room.url) as http, http.get("/healthz") as reply:
            assert reply.status in (200, 503)
        await right.close()
        await wrong.close()


async def test_bad_targets_and_absent_agents_are_errors_of_ours() -> None:
    async with running(MemoryKV()) as room:
        targets = HttpTargets(room.url, NONE, SystemClock())
        with pytest.raises(Invalid, match="version"):
            await targets.create(request(version="one"), key="k")  # type: ignore[arg-type]
        await targets.close()

    class Hasty(SystemClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(0)

    targets = HttpTargets(room.url, NONE, Hasty())
    with pytest.raises(Unreachable):
        await targets.create(request(), key="k")
    await targets.close()


async def test_no_secret_leaves_but_to_the_store() -> None:
    kv = MemoryKV()
    async with running(kv) as room, aiohttp.ClientSession(room.url) as http:
        async with http.post("/targets", json=request()) as reply:
            text = await reply.text()
            id_ = (await reply.json())["id"]
        await seen(room.url, id_, bool)
        for path in ("/targets", f"/targets/{id_}", f"/targets/{id_}/metrics", "/metrics"):
            async with http.get(path) as reply:
                assert reply.status == 200
                text += await reply.text()
        assert "geheim" not in text
        assert b"geheim" in (await kv.list(keys.TARGETS)).entries[0].value


async def test_metrics_over_rest_and_for_prometheus() -> None:
    need_cases()
    wanted = case("vpn/collector_targets")[1]["request"]
    said = Observation({"status": "UP", "traffic.in": 1523837468, "traffic.out": 7})
    probe = ProbeDouble({"primary_router": said}, clock=SystemClock())  # type: ignore[arg-type]
    async with running(MemoryKV(), probe=probe) as room, aiohttp.ClientSession(room.url) as http:
        async with http.post("/targets", json={**wanted, "key": "k"}) as reply:
            id_ = (await reply.json())["id"]
        await seen(room.url, id_, lambda values: len(values) == 3)
        async with http.get(f"/targets/{id_}/metrics") as reply:
            metrics = {one["key"]: one for one in (await reply.json())["metrics"]}
        tags = wanted["syncer_properties"]["tsdb"]["traffic.in"]["tags"]
        assert metrics["traffic.in"]["series"] == [{"metric": "traffic.bytes", "tags": tags}]
        assert metrics["traffic.in"]["samples"][0][1] == 1523837468
        async with http.get("/metrics") as reply:
            lines = (await reply.text()).splitlines()
        labels = f'device_index="primary",direction="in",resource_id="{wanted["resource_id"]}"'
        assert f'esi_traffic_bytes{{{labels},resource_type="vpn_interfaces"}} 1523837468' in lines
        assert "esi_agent_targets 1" in lines


async def test_the_other_agent_shows_where_to_look() -> None:
    kv = MemoryKV()
    async with running(kv, "a") as one, running(kv, "b") as two:
        made = await one.shelf.create(request(), key="k")
        for room in (one, two):
            found = await seen(room.url, str(made["id"]), bool)
            assert found["values"][0]["value"] == BOTH
        assert await kv.get(keys.monitoring_key(PATH)) is not None
