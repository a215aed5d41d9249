"""Rows of a tenant are counted as they come, move and go, and counted once where nobody has kept count."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import pytest

from esi.clock import SystemClock
from esi.errors import Conflict
from esi.model.resource import Ref, Resource
from esi.schema import load_documents
from esi.store import Query, Tx
from esi.store.sqlite import SqliteStore

CATALOGUE = load_documents("""
schemas:
- {id: big-box, singular: box, plural: boxes, title: Box, description: d, schema: {type: object, properties: {
    id: {type: string}, tenant_id: {type: string}, text: {type: string}}}}
- {id: plain, singular: plain, plural: plains, title: P, description: d, schema: {type: object, properties: {
    id: {type: string}}}}
""")
TENANTS: list[str | None] = ["a", "b'c", "", None]


def box(number: int, tenant: str | None, text: str = "") -> Resource:
    id_ = str(number)
    return Resource(Ref("big-box", id_), {"id": id_, "tenant_id": tenant, "text": text})


def change(row: Resource, *, there: bool, gone: bool, fails: bool) -> Callable[[Tx], Awaitable[None]]:
    async def work(tx: Tx) -> None:
        if gone:
            await tx.delete(row.ref)
        else:
            await (tx.update(row) if there else tx.insert(row))
        if fails:
            raise Conflict("no")

    return work


async def check(store: SqliteStore) -> None:
    """What is counted is what is there."""
    for tenant in TENANTS[:3]:
        for query in (Query(filters={"tenant_id": [tenant]}), Query(owner=tenant)):
            rows = await store.read(lambda tx, query=query: tx.list("big-box", query))  # type: ignore[misc]
            assert await store.read(lambda tx, query=query: tx.count("big-box", query)) == len(rows)  # type: ignore[misc]


async def test_counts_follow_every_change_and_no_failed_one() -> None:
    store, rng, there = SqliteStore(":memory:", CATALOGUE, clock=SystemClock(), inline=True), Random(7), set[int]()
    for _ in range(400):
        number, tenant, fails = rng.randrange(30), rng.choice(TENANTS), rng.random() < 0.2
        gone = number in there and rng.random() < 0.4
        work = change(box(number, tenant), there=number in there, gone=gone, fails=fails)
        if fails:
            with pytest.raises(Conflict):
                await store.transaction(work)
        else:
            await store.transaction(work)
            there = there - {number} if gone else there | {number}
        await check(store)
    assert len(there) > 5
    await store.close()


async def test_other_questions_are_answered_by_looking() -> None:
    store = SqliteStore(":memory:", CATALOGUE, clock=SystemClock(), inline=True)

    async def fill(tx: Tx) -> None:
        for number in range(10):
            await tx.insert(box(number, "a" if number % 2 else "b'c", "odd" if number % 3 else "even"))

    await store.transaction(fill)
    asked = [
        (Query(filters={"tenant_id": ["a", "b'c"]}), 10),
        (Query(filters={"tenant_id": ["a"], "text": ["odd"]}), 3),
        (Query(filters={"tenant_id": ["a"]}, owner="b'c"), 0),
        (Query(filters={"tenant_id": ["c"]}, search=frozenset({"tenant_id"})), 5),
        (Query(any_of=True, owner="a"), 0),
        (Query(), 10),
    ]
    for query, wanted in asked:
        assert await store.read(lambda tx, query=query: tx.count("big-box", query)) == wanted, query  # type: ignore[misc]
    assert await store.read(lambda tx: tx.count("plain", Query(filters={}))) == 0
    await store.close()


async def test_a_database_of_an_older_release_is_counted_once(tmp_path: Path) -> None:
    file = tmp_path / "esi.db"
    store = SqliteStore(file, CATALOGUE, clock=SystemClock())
    await store.transaction(lambda tx: tx.insert(box(1, "a")))
    await store.close()
    older = sqlite3.connect(file)
    for (name,) in older.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        older.execute(f'DROP TRIGGER "{name}"')
    older.execute("DROP TABLE esi_counts")
    older.execute("INSERT INTO \"big-box\" (id, tenant_id) VALUES ('2', 'a'), ('3', 'b''c'), ('4', NULL)")
    older.commit()
    older.close()
    for number in (5, 6):
        store = SqliteStore(file, CATALOGUE, clock=SystemClock())
        await store.transaction(lambda tx, number=number: tx.insert(box(number, "a")))  # type: ignore[misc]
        await check(store)
        await store.close()
