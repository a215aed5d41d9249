"""What is kept of how far all is taken in counts only while etcd and SQL both know it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from esi.bootstrap.services import load_services
from esi.clock import LoopClock
from esi.errors import Outrun, Unreachable
from esi.kv import Guard, Put
from esi.kv.memory import MemoryKV
from esi.model import keys
from esi.schema import Catalogue
from esi.store import T, Work
from esi.store.sqlite import MEMORY, SqliteStore
from esi.sync.taken import OWNER, POOL, Taken
from esi.testing.loop import run

CATALOGUE = load_services("2018").catalogue
TREES = ("/state/", "/monitoring/")
NOBODY_KNOWS = dict.fromkeys(TREES, 0)
KEPT = {"/state/": 1, "/monitoring/": 1}
LED = Guard(keys.SYNC_LEADER, 0)


class Failing(SqliteStore):
    """One that dies before it writes anything."""

    async def transaction(self, work: Work[T]) -> T:
        raise Unreachable("killed")


def store_of(kind: type[SqliteStore] = SqliteStore) -> SqliteStore:
    return kind(MEMORY, CATALOGUE, clock=LoopClock(), inline=True)


def taken(kv: MemoryKV, store: SqliteStore, catalogue: Catalogue = CATALOGUE) -> Taken:
    return Taken(kv, store, catalogue, LED, rng=Random(1))


@asynccontextmanager
async def both() -> AsyncIterator[tuple[MemoryKV, SqliteStore]]:
    kv, store = MemoryKV(), store_of()
    await kv.commit([Put("/state/1", b"x")])
    yield kv, store
    await store.close()


def test_the_next_leader_begins_where_this_one_was() -> None:
    async def work() -> None:
        async with both() as (kv, store):
            assert await taken(kv, store).read(TREES) == NOBODY_KNOWS
            await taken(kv, store).keep(KEPT)
            assert await taken(kv, store).read(TREES) == KEPT
            await taken(kv, store).keep({**KEPT, "/state/": 2})
            assert await taken(kv, store).read((*TREES, "/new/")) == {**KEPT, "/state/": 2, "/new/": 0}

    run(work())


def test_sql_that_was_set_back_has_taken_in_nothing() -> None:
    async def work() -> None:
        async with both() as (kv, store):
            await taken(kv, store).keep(KEPT)
            older = store_of()
            assert await taken(kv, older).read(TREES) == NOBODY_KNOWS
            await older.close()

    run(work())


def test_etcd_that_was_set_back_or_copied_is_another_one() -> None:
    async def work() -> None:
        async with both() as (kv, store):
            await taken(kv, store).keep(KEPT)
            before = kv.snapshot()
            await taken(kv, store).keep({"/state/": 3, "/monitoring/": 3})
            kv.restore(before)
            assert await taken(kv, store).read(TREES) == NOBODY_KNOWS

            await taken(kv, store).keep(KEPT)
            kept, copy = await kv.get(keys.TAKEN), MemoryKV()
            assert kept is not None
            for _ in range(10):
                await copy.commit([Put(keys.TAKEN, kept.value)])
            assert await taken(copy, store).read(TREES) == NOBODY_KNOWS

    run(work())


def test_a_death_between_etcd_and_sql_costs_a_listing_and_nothing_more() -> None:
    async def work() -> None:
        async with both() as (kv, store):
            await taken(kv, store).keep(KEPT)
            failing = store_of(Failing)
            with pytest.raises(Unreachable):
                await taken(kv, failing).keep({"/state/": 3, "/monitoring/": 3})
            await failing.close()
            assert await taken(kv, store).read(TREES) == NOBODY_KNOWS
            await taken(kv, store).keep(KEPT)
            assert await taken(kv, store).read(TREES) == KEPT

    run(work())


def test_with_other_schemas_nothing_counts() -> None:
    async def work() -> None:
        async with both() as (kv, store):
            fewer = [schema for schema in CATALOGUE if schema.id != "vpn_interface"]
            await taken(kv, store, Catalogue(fewer, CATALOGUE.policies)).keep(KEPT)
            assert await taken(kv, store).read(TREES) == NOBODY_KNOWS

    run(work())


def test_who_does_not_lead_keeps_nothing_and_sql_holds_one_word() -> None:
    async def work() -> None:
        async with both() as (kv, store):
            for _ in range(3):
                await taken(kv, store).keep(KEPT)
            kept = await kv.get(keys.TAKEN)
            await kv.commit([Put(keys.SYNC_LEADER, b"another")])
            with pytest.raises(Outrun):
                await taken(kv, store).keep({"/state/": 9, "/monitoring/": 9})
            assert await kv.get(keys.TAKEN) == kept
            words = await store.read(lambda rows: rows._sql.rows("SELECT pool, owner_id FROM esi_allocations", ()))  # type: ignore[attr-defined]
            assert [tuple(row) for row in words] == [(POOL, OWNER.id)]

    run(work())
