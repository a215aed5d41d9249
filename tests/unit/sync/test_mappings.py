"""From /esi-worker/mappings to rows: put in once, closed once, never changed otherwise; the key goes at the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from esi.bootstrap.control import build_lifecycle
from esi.bootstrap.services import load_services
from esi.clock import LoopClock
from esi.errors import Outrun
from esi.identity import Identity
from esi.kv import Delete, Entry, Guard, Put
from esi.kv.memory import MemoryKV
from esi.model import keys
from esi.model.codec import dumps
from esi.model.resource import Body
from esi.store.sqlite import MEMORY, SqliteStore
from esi.sync.mappings import Mappings
from esi.sync.news import News
from esi.tasks import Tasks
from esi.testing.loop import run

ADMIN = Identity(user="admin", roles=("admin",), is_admin=True)
PATH = "/v2.0/vpn_gateways/4fab887d-8f73-40e6-b2d8-2426255231bf"
ID = "7806e79c-7403-462f-abd4-57d4f4f20f54"
KEY = keys.mapping_key(PATH, ID)
ROW: Body = {
    "id": ID,
    "resource_type": "vpn_gateway",
    "resource_id": "4fab887d-8f73-40e6-b2d8-2426255231bf",
    "relation": "instance",
    "mapped_id": "10.79.5.185-a3a62a37-5657-4822-98e0-991ab63f0e96",
    "tenant_id": "0b576f6f4cbf414f829cd12f008bf08f",
    "created": 1494478827.0,
    "deleted": None,
}
CLOSED = {**ROW, "deleted": 1494478858.0}


async def none_is_old(entries: Sequence[Entry]) -> set[str]:
    return set()


class Bench:
    """The part of sync under test, over a database in memory; `tell` writes a row's key and has it taken in."""

    def __init__(self) -> None:
        services, clock = load_services("2017"), LoopClock()
        self.kv = MemoryKV()
        self.store = SqliteStore(MEMORY, services.catalogue, clock=clock, inline=True)
        self.lifecycle = build_lifecycle(services, self.store, clock)
        self.news = News(self.kv, {keys.MAPPINGS + "/": 0}, none_is_old, clock=clock)
        self.guard = Guard(keys.SYNC_LEADER, 0)
        self.clock = clock

    def mappings(self) -> Mappings:
        return Mappings(self.kv, self.news, self.lifecycle, self.guard)

    async def put(self, row: Body) -> None:
        await self.kv.commit([Put(KEY, dumps(row))])
        await self.clock.sleep(0.01)

    async def tell(self, row: Body) -> None:
        await self.put(row)
        await self.mappings().apply(KEY)

    async def rows(self) -> list[Body]:
        return (await self.lifecycle.list(ADMIN, "resource_mapping")).rows


def play(scene: Callable[[Bench], Awaitable[None]]) -> None:
    async def work() -> None:
        bench = Bench()
        async with Tasks("test") as tasks:
            tasks.start("news", bench.news.run())
            await bench.clock.sleep(0.01)
            await scene(bench)
        await bench.store.close()
        await bench.kv.close()

    run(work())


def test_a_row_is_put_in_closed_and_its_key_goes() -> None:
    async def scene(bench: Bench) -> None:
        await bench.tell(ROW)
        assert await bench.rows() == [ROW]
        assert await bench.kv.get(KEY) is not None, "an open row stays in etcd: its worker must close it"
        await bench.tell(CLOSED)
        assert await bench.rows() == [CLOSED]
        assert await bench.kv.get(KEY) is None

    play(scene)


def test_told_again_nothing_changes() -> None:
    async def scene(bench: Bench) -> None:
        for row in (ROW, ROW, CLOSED, CLOSED):
            commits = bench.store.commits
            await bench.tell(row)
            assert len(await bench.rows()) == 1
        assert await bench.rows() == [CLOSED]
        assert bench.store.commits - commits <= 1

    play(scene)


def test_a_row_whose_opening_nobody_saw_is_put_in_closed() -> None:
    async def scene(bench: Bench) -> None:
        await bench.tell(CLOSED)
        assert await bench.rows() == [CLOSED]

    play(scene)


@pytest.mark.parametrize("late", [ROW, {**CLOSED, "deleted": 1494479999.0}])
def test_what_is_closed_stays_closed_as_it_is(late: Body) -> None:
    """Another leader was paused with an older view, or a worker closes it once more."""

    async def scene(bench: Bench) -> None:
        await bench.tell(CLOSED)
        await bench.tell(late)
        assert await bench.rows() == [CLOSED]

    play(scene)


def test_a_key_that_has_changed_meanwhile_does_not_go() -> None:
    async def scene(bench: Bench) -> None:
        await bench.put(CLOSED)
        before = bench.lifecycle.ensure

        async def meanwhile(*args: Any, **more: Any) -> Any:
            await bench.kv.commit([Put(KEY, dumps({**CLOSED, "relation": "other"}))])
            return await before(*args, **more)

        bench.lifecycle.ensure = meanwhile  # type: ignore[method-assign]
        with pytest.raises(Outrun):
            await bench.mappings().apply(KEY)
        assert await bench.kv.get(KEY) is not None

    play(scene)


def test_who_does_not_lead_any_more_takes_no_key_away() -> None:
    async def scene(bench: Bench) -> None:
        await bench.put(CLOSED)
        await bench.kv.commit([Put(keys.SYNC_LEADER, b"another")])
        with pytest.raises(Outrun):
            await bench.mappings().apply(KEY)
        await bench.kv.commit([Delete(keys.SYNC_LEADER)])
        await bench.mappings().apply(KEY)
        assert await bench.kv.get(KEY) is None
        assert await bench.rows() == [CLOSED]

    play(scene)


def test_a_resource_without_tenant_is_mapped_too() -> None:
    async def scene(bench: Bench) -> None:
        row = {name: value for name, value in ROW.items() if name != "tenant_id"}
        await bench.tell(row)
        (shown,) = await bench.rows()
        assert shown["mapped_id"] == ROW["mapped_id"]

    play(scene)
