"""Heat's read API over records in a memory KV: who sees what, how lists are cut, what is hidden, how refusals look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from esi.clock import LoopClock
from esi.errors import Unauthenticated, Unreachable
from esi.identity import Identity
from esi.identity.accounts import HOME
from esi.kv import Delete, Put
from esi.kv.memory import MemoryKV
from esi.model.keys import STACKS as STACKS_PREFIX
from esi.model.keys import stack_key, stack_made_key
from esi.orchestration import OrchestrationRoom
from esi.orchestration.index import Index
from esi.runtime import Mirror
from esi.stacks.engine import registry_of
from esi.stacks.records import MadeFrom, ResourceRecord, StackRecord, encode, encode_made
from esi.stacks.resources.netconf import NetconfNamedConfigs
from esi.tasks import Tasks

BLUE, RED = "b1" * 16, "4e" * 16
START = 1_494_478_800.0


class Known:
    """A token is its user's name; `gone`: nobody can be asked."""

    gone = False

    async def identify(self, token: str | None) -> Identity:
        if self.gone:
            raise Unreachable("Keystone cannot be reached")
        if token == "root":
            return Identity("root", roles=("admin",), is_admin=True)
        if token in (BLUE, RED):
            return Identity("someone", token, ("Member",))
        raise Unauthenticated("the token is not known")


@dataclass
class Bench:
    kv: MemoryKV
    room: OrchestrationRoom
    session: aiohttp.ClientSession
    known: Known

    async def ask(self, path: str, token: str = "root", method: str = "GET", body: Any = None) -> tuple[int, Any, Any]:
        headers = {"X-Auth-Token": token} if token else {}
        url = path if path.startswith("http") else self.room.url + path
        async with self.session.request(method, url, headers=headers, json=body, allow_redirects=False) as reply:
            return reply.status, await reply.json() if await reply.read() else None, reply.headers

    async def names(self, path: str, token: str = "root") -> list[str]:
        status, body, _ = await self.ask(path, token)
        assert status == 200, body
        return [stack["stack_name"] for stack in body["stacks"]]


def record(name: str, tenant: str, number: int, status: str = "CREATE_COMPLETE") -> Put:
    secret = {"password": "hunter22", "hostname": "r1"}
    resources = {
        "one": ResourceRecord(NetconfNamedConfigs.type, status, "id-one", secret, attributes={"text": "key hunter22"}),
        "two": ResourceRecord(
            NetconfNamedConfigs.type, "CREATE_FAILED", "", depends=["one"], reason="hunter22 refused"
        ),
    }
    outputs = [{"output_key": "link", "output_value": "http://x/hunter22", "description": "where"}]
    one = StackRecord(name, tenant, status, "op", 3600.0, 0.0, "h", "r", None, outputs, START + number, 0.0, resources)
    return Put(stack_key(name), encode(one))


def made(name: str) -> Put:
    parameters = {"key": "******", "names": ["a", "b"], "on": True, "map": {"a": [1]}, "said": "it is hunter22"}
    text = "heat_template_version: 2018-08-31\nresources: {one: {type: x, properties: {password: hunter22}}}\n"
    return Put(stack_made_key(name), encode_made(MadeFrom(f"about {name}", parameters, text)))


@asynccontextmanager
async def bench(*ops: Put) -> AsyncIterator[Bench]:
    kv, known = MemoryKV(), Known()
    for op in ops:
        await kv.commit([op])
    room = OrchestrationRoom(kv, known, registry_of(NetconfNamedConfigs()), clock=LoopClock(), address=("127.0.0.1", 0))
    async with Tasks("heat") as tasks, aiohttp.ClientSession() as session:
        tasks.start("serve", room.run())
        await room.ready.wait()
        yield Bench(kv, room, session, known)


STACKS = (
    record("s1", BLUE, 1),
    made("s1"),
    record("s2", BLUE, 2, "UPDATE_FAILED"),
    record("s3", RED, 3),
    record("s4", "", 4),
    Put(stack_key("broken"), b"{}"),
)


async def test_lists_are_the_tenants_newest_first_and_administrators_may_ask_for_all() -> None:
    async with bench(*STACKS) as heat:
        assert await heat.names(f"/v1/{BLUE}/stacks", BLUE) == ["s2", "s1"]
        assert await heat.names(f"/v1/{HOME}/stacks") == ["s4"]
        assert await heat.names("/v1/any/stacks?global_tenant=True") == ["s4", "s3", "s2", "s1"]
        for path in (f"/v1/{RED}/stacks", f"/v1/{BLUE}/stacks?global_tenant=1"):
            status, body, _ = await heat.ask(path, BLUE)
            assert (status, body["error"]["type"], body["title"]) == (403, "Forbidden", "Forbidden")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=FAILED", ["s2"]),
        ("status=CREATE_COMPLETE&action=CREATE", ["s4", "s3", "s1"]),
        ("name=s1&name=s3", ["s3", "s1"]),
        ("tenant=" + RED, ["s3"]),
        ("tags=x", []),
        ("sort_keys=stack_name&sort_dir=asc&limit=2", ["s1", "s2"]),
        ("sort_keys=stack_status,stack_name&sort_dir=desc", ["s2", "s4", "s3", "s1"]),
        ("limit=0&show_nested=True", ["s4", "s3", "s2", "s1"]),
    ],
)
async def test_filters_order_and_pages(query: str, expected: list[str]) -> None:
    async with bench(*STACKS) as heat:
        assert await heat.names(f"/v1/any/stacks?global_tenant=True&{query}") == expected


async def test_pages_go_on_behind_a_marker_and_the_count_is_of_all() -> None:
    async with bench(*STACKS) as heat:
        _, body, _ = await heat.ask("/v1/any/stacks?global_tenant=True&limit=1&with_count=True")
        assert body["count"] == 4
        marker = body["stacks"][0]["id"]
        assert await heat.names(f"/v1/any/stacks?global_tenant=True&limit=2&marker={marker}") == ["s3", "s2"]
        for query in ("limit=-1", "limit=x", "marker=nothing", "sort_keys=reason", "sort_keys=name&sort_dir=up"):
            status, body, _ = await heat.ask(f"/v1/any/stacks?{query}")
            assert (status, body["title"]) == (400, "Bad Request"), query


async def test_a_name_leads_to_the_path_with_the_id() -> None:
    async with bench(*STACKS) as heat:
        status, _, headers = await heat.ask(f"/v1/{BLUE}/stacks/s1?resolve_outputs=False", BLUE)
        assert status == 302
        _, body, _ = await heat.ask(headers["Location"], BLUE)
        assert "outputs" not in body["stack"]
        id_ = body["stack"]["id"]
        for path in (f"/v1/{BLUE}/stacks/{id_}/resources", f"/v1/{BLUE}/stacks/s1/resources"):
            _, _, headers = await heat.ask(path, BLUE)
            assert headers["Location"].endswith(f"/v1/{BLUE}/stacks/s1/{id_}/resources")
        for path in ("s3", f"s2/{id_}", f"s1/{id_}x", "nothing", f"s1/{id_}/outputs/no", f"s1/{id_}/resources/no"):
            status, body, _ = await heat.ask(f"/v1/{BLUE}/stacks/{path}", BLUE)
            assert (status, body["error"]["type"]) == (404, "EntityNotFound"), path
        assert (await heat.ask(f"/v1/{HOME}/stacks/s3"))[0] == 302


async def test_secrets_are_out_of_everything_that_is_shown() -> None:
    async with bench(*STACKS) as heat:
        _, _, headers = await heat.ask("/v1/any/stacks/s1")
        for part in ("", "/template", "/environment", "/outputs/link", "/resources", "/resources/one", "/events"):
            status, body, _ = await heat.ask(headers["Location"] + part)
            assert (status, "hunter22" in str(body)) == (200, False), part
        _, body, _ = await heat.ask(headers["Location"])
        stack = body["stack"]
        assert {name: value for name, value in stack["parameters"].items() if "OS::" not in name} == {
            "key": "******", "names": "a,b", "on": "True", "map": '{"a": [1]}', "said": "it is •••",
        }  # fmt: skip
        assert (stack["description"], stack["creation_time"], stack["updated_time"]) == (
            "about s1", "2017-05-11T05:00:01Z", None,
        )  # fmt: skip
        _, body, _ = await heat.ask(headers["Location"] + "/resources?status=CREATE_FAILED")
        assert [one["resource_name"] for one in body["resources"]] == ["two"]
        _, body, _ = await heat.ask(headers["Location"] + "/events")
        (event,) = [one for one in body["events"] if one["resource_name"] == "two"]
        _, body, _ = await heat.ask(event["links"][0]["href"])
        assert body["event"] == event


async def test_the_index_follows_the_records() -> None:
    kv, news = MemoryKV(), asyncio.Event()
    for op in STACKS:
        await kv.commit([op])
    mirror = Mirror(kv, [STACKS_PREFIX], clock=LoopClock())
    index = Index(mirror)
    mirror.listen(lambda key, _event: news.set() if key == stack_key("last") else None)
    async with Tasks("mirror") as tasks:
        tasks.start("run", mirror.run())
        await mirror.synced.wait()
        assert [line.name for line in index.all()] == ["s4", "s3", "s2", "s1"]
        changes: list[Put | Delete] = [Delete(stack_key("s3"))]
        for change in (*changes, record("s2", BLUE, 9), record("s4", RED, 4), record("last", BLUE, 0)):
            await kv.commit([change])
        await news.wait()
    assert [line.name for line in index.all()] == ["s2", "s4", "s1", "last"]
    assert [line.name for line in index.all(RED)] == ["s4"]
    assert index.all(HOME) == []
    assert index.find("s3") is None


async def test_refusals_have_heats_shape() -> None:
    async with bench(*STACKS) as heat:
        for method, path in (("POST", "stacks"), ("DELETE", "stacks/s1/x"), ("PATCH", "stacks/s1"), ("PUT", "x")):
            status, body, _ = await heat.ask(f"/v1/{BLUE}/{path}", BLUE, method, {})
            assert (status, body["error"]["message"].startswith("Stacks are made by the ring")) == (403, True)
        status, body, headers = await heat.ask(f"/v1/{BLUE}/stacks", "")
        assert (status, body["error"]["title"], "WWW-Authenticate" in headers) == (401, "Unauthorized", True)
        assert (await heat.ask(f"/v1/{BLUE}/nothing"))[1]["code"] == 404
        status, body, _ = await heat.ask("/", "")
        assert (status, body["versions"][0]["id"]) == (300, "v1.0")
        heat.known.gone = True
        status, body, _ = await heat.ask(f"/v1/{BLUE}/stacks")
        assert (status, body["title"]) == (503, "Service Unavailable")


async def test_types_are_described() -> None:
    async with bench() as heat:
        _, body, _ = await heat.ask("/v1/any/resource_types")
        assert body == {"resource_types": [NetconfNamedConfigs.type]}
        _, body, _ = await heat.ask(f"/v1/any/resource_types/{NetconfNamedConfigs.type}")
        assert body["properties"]["device_ip"]["required"] is True
        assert (await heat.ask("/v1/any/resource_types/Nothing"))[0] == 404
        assert (await heat.ask("/v1/any/build_info"))[0] == 200
