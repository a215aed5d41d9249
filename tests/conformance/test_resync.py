"""SQL and etcd are compared, and put right by the outbox: on a real etcd, over both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from esi.clock import SystemClock
from esi.kv import KV, Delete, Guard, Put
from esi.model import keys
from esi.model.codec import decode_config, dumps, encode_config, encode_state
from esi.model.resource import Ref, Resource
from esi.runtime import Leader
from esi.schema import load_documents
from esi.store import Tx
from esi.store.postgresql import PostgresStore
from esi.store.postgresql_migration import Server as At
from esi.store.sqlite import SqliteStore
from esi.sync.resync import Finding, Resync
from esi.sync.writer import Writer
from esi.testing.etcd import running_etcd
from esi.testing.postgresql import PASSWORD

SCHEMA = """
- {{id: {0}, singular: {0}, plural: {0}s, title: T, description: d, prefix: /v1, metadata: {{state_versioning: true}},
   schema: {{type: object, properties: {{id: {{type: string}}, name: {{type: string}}}}}}}}"""
CATALOGUE = load_documents(
    f"schemas:{SCHEMA.format('box')}{SCHEMA.format('rack')}"
    + SCHEMA.format("quiet").replace("{state", "{nosync: true, state")
)
PATIENCE_SECONDS = 30.0


class World:
    """A store, an etcd, and a sync writer that runs when it is asked to."""

    def __init__(self, kv: KV, store: SqliteStore | PostgresStore) -> None:
        self.kv = kv
        self.store = store
        self.work = Resync(kv, store, CATALOGUE)

    async def put(self, schema: str, *ids: str, version: int = 1, told: bool = True) -> None:
        async def work(tx: Tx) -> None:
            for id_ in ids:
                row = Resource(Ref(schema, id_), {"id": id_, "name": f"{id_} {version}"}, config_version=version)
                await (tx.insert(row) if version == 1 else tx.update(row))
                if told:
                    await tx.send("update", path(schema, id_), dumps(row.body), version=version)

        await self.store.transaction(work)

    async def write(self) -> None:
        """What the elected writer does, until nothing is left."""
        leader = Leader(self.kv, keys.SYNC_LEADER, b"test", clock=SystemClock())
        async with leader.term() as term:
            while await Writer(self.kv, self.store, term.guard).drain():
                pass

    async def found(self, *only: str) -> list[Finding]:
        work = Resync(self.kv, self.store, CATALOGUE, only) if only else self.work
        return [finding async for finding in work.findings()]

    async def kinds(self, *only: str) -> list[tuple[str, str]]:
        return [(one.kind, one.id) for one in await self.found(*only)]

    async def versions(self) -> dict[str, int]:
        listing = await self.kv.list(keys.CONFIG + "/")
        return {entry.key.rpartition("/")[2]: decode_config(entry.value).version for entry in listing.entries}

    async def mend(self) -> int:
        return await self.work.mend(await self.found())


def path(schema: str, id_: str) -> str:
    return CATALOGUE[schema].path_of(id_)


@pytest.fixture(params=["sqlite", "postgresql"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        _child, kv = await stack.enter_async_context(running_etcd(tmp_path / "etcd"))
        store: SqliteStore | PostgresStore
        if request.param == "postgresql":
            server = At(request.getfixturevalue("postgresql").new_database(), PASSWORD)
            store = await PostgresStore.open(server, CATALOGUE, clock=SystemClock())
        else:
            store = SqliteStore(tmp_path / "esi.db", CATALOGUE, clock=SystemClock())
        stack.push_async_callback(store.close)
        yield World(kv, store)


async def test_what_is_equal_has_no_findings(world: World) -> None:
    await world.put("box", "a", "b")
    await world.put("quiet", "q", told=False)
    await world.write()
    assert await world.found() == []
    assert await world.work.size() == 2


async def test_each_kind_of_difference_is_told_and_mended(world: World) -> None:
    await world.put("box", "gone", "old", "fine", "ahead")
    await world.put("rack", "r")
    await world.write()
    await world.put("box", "old", version=2, told=False)
    box = {id_: keys.config_key(path("box", id_)) for id_ in ("gone", "ahead", "orphan")}
    await world.kv.commit([
        Delete(box["gone"]),
        Put(box["ahead"], encode_config(b"{}", 7)),
        Put(box["orphan"], encode_config(b"{}", 3)),
        Put(keys.state_key(path("rack", "lost")), encode_state({}, 1)),
        Put(keys.state_key(path("box", "fine")), encode_state({}, 1)),
        Put("/config/v9/strangers/s", encode_config(b"{}", 1)),
    ])  # fmt: skip
    wanted = [
        ("unread", "fine"), ("newer", "ahead"), ("missing", "gone"), ("older", "old"), ("orphan", "orphan"),
        ("orphan", "lost"), ("unknown", ""),
    ]  # fmt: skip
    assert await world.kinds() == wanted
    assert await world.kinds("rack") == [("orphan", "lost")]
    older = next(one for one in await world.found("box") if one.kind == "older")
    assert (older.wanted, older.found, older.key) == (2, 1, keys.config_key(path("box", "old")))
    assert await world.mend() == 4
    await world.write()
    assert await world.kinds() == [("unread", "fine"), ("newer", "ahead"), ("unknown", "")]
    assert await world.versions() == {"gone": 1, "old": 2, "fine": 1, "ahead": 7, "r": 1, "s": 1}
    assert (await world.kv.get(keys.state_key(path("rack", "lost")))) is None


async def test_what_is_under_way_is_no_difference(world: World) -> None:
    await world.put("box", "a", "b")
    assert await world.found() == []
    await world.write()
    await world.put("box", "a", version=2)
    await world.store.transaction(lambda tx: tx.delete(Ref("box", "b")))
    await world.store.transaction(lambda tx: tx.send("delete", path("box", "b"), b"{}", version=2))
    assert await world.found() == []
    await world.write()
    assert await world.versions() == {"a": 2}


async def test_what_was_set_aside_is_told_with_its_reason(world: World) -> None:
    await world.put("box", "a")
    (row,) = await world.store.outbox_batch(10)
    await world.store.outbox_park(row.id, "too large")
    assert [(one.kind, one.words) for one in await world.found()] == [("set aside", "too large")]
    assert await world.mend() == 0


async def test_a_wiped_etcd_is_filled_again_in_pages(world: World) -> None:
    ids = [f"{number:04}" for number in range(2_300)]
    await world.put("box", *ids)
    await world.write()
    for start in range(0, len(ids), 100):
        await world.kv.commit([Delete(keys.config_key(path("box", id_))) for id_ in ids[start : start + 100]])
    assert await world.versions() == {}
    looked: list[int] = []
    found = [finding async for finding in world.work.findings(looked.append)]
    assert {one.kind for one in found} == {"missing"}
    assert (len(found), sum(looked)) == (2_300, 2_300)
    assert await world.work.mend(found) == 2_300
    await world.write()
    assert await world.versions() == dict.fromkeys(ids, 1)
    assert await world.found() == []


async def test_a_marked_row_is_told_again_as_marked(world: World) -> None:
    await world.put("box", "a")
    row = Resource(Ref("box", "a"), {"id": "a", "name": "a"}, config_version=2, marked_for_deletion=True)
    await world.store.transaction(lambda tx: tx.update(row))
    await world.write()
    await world.mend()
    await world.write()
    entry = await world.kv.get(keys.config_key(path("box", "a")))
    assert entry is not None
    assert decode_config(entry.value).marked_for_deletion


async def test_an_older_version_never_follows_a_newer_one(world: World) -> None:
    """While one person changes a row again and again, and a writer writes, another tells it again and again."""
    await world.put("box", "a")
    await world.write()
    stale = Finding("older", keys.config_key(path("box", "a")), "box", "a", 1, 0)
    last = 40
    seen: list[int] = []

    async def change() -> None:
        for version in range(2, last + 1):
            await world.put("box", "a", version=version)

    async def tell() -> None:
        for _ in range(last):
            await world.work.mend([stale])

    leader = Leader(world.kv, keys.SYNC_LEADER, b"test", clock=SystemClock())
    since = (await world.kv.list(keys.CONFIG + "/")).revision
    async with leader.term() as term, asyncio.timeout(PATIENCE_SECONDS):
        writer = Writer(world.kv, world.store, term.guard)
        changing = asyncio.gather(change(), tell(), tell())
        while not changing.done():
            await writer.drain()
        await changing
        while await writer.drain():
            pass
        watch = world.kv.watch(keys.CONFIG + "/", since=since)
        async for batch in watch:
            seen += [decode_config(event.value).version for event in batch]
            if len(seen) >= last - 1 + 2 * last:
                break
        await watch.aclose()
    assert seen == sorted(seen)
    assert seen[-1] == last


async def test_an_orphan_that_is_created_meanwhile_stays(world: World) -> None:
    orphan = Finding("orphan", keys.config_key(path("box", "a")), "box", "a", None, 1)
    for number in range(12):
        key = keys.config_key(path("box", f"{number}"))
        await world.kv.commit([Put(key, encode_config(b"{}", 1))], guards=[Guard.absent(key)])
        finding = Finding("orphan", key, "box", f"{number}", None, 1)
        await asyncio.gather(world.work.mend([finding]), world.put("box", f"{number}"))
    await world.write()
    assert len(await world.versions()) == 12
    assert await world.work.mend([orphan]) == 1  # there is none: nothing comes of it
    await world.write()
    assert await world.found() == []
