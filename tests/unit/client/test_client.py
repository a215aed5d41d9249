from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from esi.client.http import refusal
from esi.client.resources import Client, looks_like_id
from esi.client.schemas import Action, SchemaCache, SchemaSource, parse_schemas
from esi.clock import SystemClock
from esi.errors import (
    Broken,
    Conflict,
    Invalid,
    NotFound,
    QuotaExceeded,
    RequestError,
    TerminalError,
    TimedOut,
    Unauthenticated,
    Unreachable,
)
from unit.client.server import SCHEMAS, Api, serving

CLOCK = SystemClock()


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as api:
        yield api


@pytest.fixture
async def client(api: Api) -> AsyncIterator[Client]:
    async with Client(api.url, "t0ken", clock=CLOCK, tenant="t-1") as client:
        yield client


async def test_create_show_list_change_and_delete(client: Client, api: Api) -> None:
    made = await client.create("device", {"name": "alpha", "ports": 4})
    assert made["id"]
    assert made["ports"] == 4
    changed = await client.set("device", made["id"], {"ports": 8})
    assert changed["ports"] == 8
    listing = await client.list("device", {"name": "alpha"})
    assert [row["id"] for row in listing.rows] == [made["id"]]
    assert listing.total == 1
    assert await client.delete("device", made["id"]) == made["id"]
    with pytest.raises(NotFound):
        await client.show("device", made["id"])


async def test_token_and_tenant_go_along_with_every_request(client: Client, api: Api) -> None:
    await client.list("rack")
    assert all(headers["X-Auth-Token"] == "t0ken" for _, _, headers in api.requests)
    assert all(headers["X-Tenant"] == "t-1" for _, _, headers in api.requests)


async def test_put_creates_with_the_given_id(client: Client) -> None:
    id = "0bea303d-b6eb-4edc-83ef-e32f915d3047"
    assert (await client.put("rack", id, {"name": "r1"}))["id"] == id
    assert (await client.put("rack", id, {"name": "r2"}))["name"] == "r2"
    assert (await client.list("rack")).total == 1


async def test_a_name_stands_for_an_id_where_it_fits_one(client: Client) -> None:
    made = await client.create("device", {"name": "alpha"})
    assert (await client.show("device", "alpha"))["id"] == made["id"]
    assert await client.resolve("device", "alpha") == made["id"]
    await client.create("device", {"name": "alpha"})
    with pytest.raises(Conflict, match=made["id"]):
        await client.show("device", "alpha")
    with pytest.raises(NotFound, match="'beta'"):
        await client.delete("device", "beta")


async def test_an_id_that_is_not_there_is_not_looked_for_as_a_name(client: Client, api: Api) -> None:
    with pytest.raises(NotFound):
        await client.show("device", "0bea303d-b6eb-4edc-83ef-e32f915d3047")
    assert not any("name=" in path for path in api.paths("GET"))


async def test_wait_ends_when_active_and_shows_each_look(client: Client, api: Api) -> None:
    api.looks_until_active = 3
    made = await client.create("device", {"name": "alpha"})
    seen: list[str] = []
    body = await client.wait("device", made["id"], seen=lambda row: seen.append(row["status"]))
    assert body["status"] == "ACTIVE"
    assert seen == ["PENDING_CREATE", "PENDING_CREATE", "ACTIVE"]


async def test_wait_says_why_it_failed(client: Client) -> None:
    made = await client.create("device", {"name": "fails"})
    with pytest.raises(TerminalError, match=r"10\.0\.0\.1: filter F1 is not defined"):
        await client.wait("device", made["id"])


async def test_wait_gives_up_and_names_the_last_status(client: Client) -> None:
    made = await client.create("device", {"name": "stays"})
    with pytest.raises(TimedOut, match="is PENDING_CREATE, not ACTIVE, after"):
        await client.wait("device", made["id"], at_most=0.1)


async def test_wait_for_a_resource_without_status_is_one_look(client: Client, api: Api) -> None:
    made = await client.create("rack", {"name": "r1"})
    await client.wait("rack", made["id"])
    assert len(api.paths("GET")) == 2  # the schemas, and one show


async def test_wait_gone(client: Client, api: Api) -> None:
    made = await client.create("device", {"name": "lingers"})
    await client.delete("device", made["id"])
    await client.wait_gone("device", made["id"])
    assert not api.rows["devices"]
    stays = await client.create("device", {"name": "stays"})
    with pytest.raises(TimedOut, match="still there"):
        await client.wait_gone("device", stays["id"], at_most=0.05)


async def test_refusals_come_back_as_our_errors(client: Client) -> None:
    with pytest.raises(Invalid, match="name: is required") as invalid:
        await client.create("device", {"ports": 1})
    assert invalid.value.details["errors"] == [{"path": "name", "message": "is required"}]
    with pytest.raises(QuotaExceeded, match="no room for it") as full:
        await client.create("device", {"name": "full"})
    assert full.value.details == {"limit": 3, "status": 409}


async def test_unknown_schema_names_similar_ones_after_asking_again(client: Client, api: Api) -> None:
    with pytest.raises(NotFound, match="it has device"):
        await client.list("devise")
    assert api.paths("GET") == ["/gohan/v0.1/schemas"]


@pytest.mark.parametrize(
    ("status", "raw", "kind"),
    [
        (401, b"", Unauthenticated),
        (418, b"<html>teapot</html>", RequestError),
        (500, b"", Broken),
        (503, b"upstream", Unreachable),
        (504, b"", TimedOut),
    ],
)
async def test_an_answer_without_our_shape_is_classed_by_its_status(status: int, raw: bytes, kind: type) -> None:
    error = refusal(status, None, raw)
    assert type(error) is kind
    assert error.details == {"status": status}


async def test_an_action_that_says_nothing_is_done(client: Client, api: Api) -> None:
    await client.schemas()
    api.raw_answer = (200, b"null")
    assert await client.act("rack", Action("tidy", "POST", "/tidy"), "", {}) is None


async def test_something_that_is_not_json_is_said_so(client: Client, api: Api) -> None:
    api.raw_answer = (200, b"<html>hello</html>")
    with pytest.raises(Broken, match="not JSON"):
        await client.list("rack")


async def test_nobody_there_is_unreachable_and_names_the_address(api: Api) -> None:
    with serving() as gone:
        url = gone.url
    async with Client(url, clock=CLOCK) as client:
        with pytest.raises(Unreachable, match=url):
            await client.list("rack")


async def test_an_address_that_is_none_is_the_callers_fault() -> None:
    async with Client("ftp://nowhere", clock=CLOCK) as client:
        with pytest.raises(Invalid, match="looks like"):
            await client.list("rack")


class TurnedClock(SystemClock):
    """A clock whose wall time is set."""

    wall = 1_000_000.0

    def now(self) -> float:
        return self.wall


async def test_schemas_are_kept_until_they_are_too_old(api: Api, tmp_path: Path) -> None:
    clock = TurnedClock()
    cache = SchemaCache(tmp_path / "deep" / "schemas.json", seconds=300, clock=clock)

    async def ask() -> None:
        async with Client(api.url, clock=clock, source=SchemaSource(cache=cache)) as client:
            await client.list("rack")

    await ask()
    await ask()
    assert api.paths("GET").count("/gohan/v0.1/schemas") == 1
    clock.wall += 301
    await ask()
    assert api.paths("GET").count("/gohan/v0.1/schemas") == 2


async def test_a_kept_list_without_the_schema_is_asked_for_again(api: Api, tmp_path: Path) -> None:
    cache = SchemaCache(tmp_path / "schemas.json", clock=CLOCK)
    cache.keep(api.url + "/gohan/v0.1/schemas", "", SCHEMAS[1:])
    async with Client(api.url, clock=CLOCK, source=SchemaSource(cache=cache)) as client:
        assert (await client.list("rack")).rows == []


def test_the_kept_file_holds_no_token_and_survives_garbage(tmp_path: Path) -> None:
    file = tmp_path / "schemas.json"
    file.write_text("not json")
    cache = SchemaCache(file, clock=CLOCK)
    assert cache.load("http://h", "s3cret") is None
    cache.keep("http://h", "s3cret", SCHEMAS)
    assert cache.load("http://h", "s3cret") == SCHEMAS
    assert cache.load("http://h", "other") is None
    assert "s3cret" not in file.read_text()


def test_old_entries_leave_the_file(tmp_path: Path) -> None:
    clock = TurnedClock()
    file = tmp_path / "schemas.json"
    cache = SchemaCache(file, seconds=10, clock=clock)
    cache.keep("http://one", "", SCHEMAS)
    clock.wall += 11
    assert cache.load("http://one", "") is None
    assert cache.load("http://one", "", any_age=True) == SCHEMAS
    cache.keep("http://two", "", SCHEMAS)
    assert len(json.loads(file.read_text())) == 1


def test_abstract_schemas_have_no_collection_and_order_is_the_servers() -> None:
    views = parse_schemas(SCHEMAS)
    assert set(views) == {"rack", "device"}
    assert views["device"].url == "/v1.0/devices"
    assert [item.name for item in views["device"].properties][-2:] == ["settings", "status"]


def test_what_looks_like_an_id() -> None:
    assert looks_like_id("0b576f6f4cbf414f829cd12f008bf08f")
    assert looks_like_id("0bea303d-b6eb-4edc-83ef-e32f915d3047")
    assert not looks_like_id("sample-vpn-gateway")
