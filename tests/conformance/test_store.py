"""What every store does: on SQLite with its threads, inline in memory, and behind a recorder; on PostgreSQL."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esi.clock import SystemClock
from esi.errors import Broken, Conflict, Invalid, NotFound, SchemaError, Unreachable
from esi.model.resource import Ref, Resource
from esi.schema import Catalogue, load_documents
from esi.store import Cause, LogRow, Query, Store, Tx
from esi.store.postgresql import PostgresStore
from esi.store.postgresql_migration import Server as At
from esi.store.recording import RecordingStore
from esi.store.sqlite import SqliteStore
from esi.telemetry import NullRecorder
from esi.testing.postgresql import PASSWORD

SCHEMAS = """
schemas:
- {id: box, singular: box, plural: boxes, title: Box, description: d, schema: {type: object, properties: {
    id: {type: string}, tenant_id: {type: string}, text: {type: string}, whole: {type: integer}, number: {type: number},
    flag: {type: boolean}, thing: {type: object}, list: {type: array}, any: {type: [string, integer, "null"]},
    only: {type: string, unique: true}, box_id: {type: string, relation: box},
    boxes: {type: array, items: {type: string, relation: box}}, select: {type: string}, a-b: {type: string}}}}
"""
CATALOGUE = load_documents(SCHEMAS)
NAMES = list(CATALOGUE["box"].properties)


MEMBERS = ("sqlite", "sqlite inline", "sqlite recorded", "postgresql")
Open = Callable[..., Coroutine[Any, Any, Store]]
"""Opens the member's database, the same one each time; with another catalogue, if one is given."""


@pytest.fixture(params=MEMBERS)
def member(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def open_store(member: str, request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    clock = SystemClock()
    if member == "postgresql":
        url = request.getfixturevalue("postgresql").new_database()
        return lambda catalogue=CATALOGUE: PostgresStore.open(At(url, PASSWORD), catalogue, clock=clock)

    async def open_sqlite(catalogue: Catalogue = CATALOGUE) -> Store:
        made = SqliteStore(tmp_path / "esi.db", catalogue, clock=clock, inline=member == "sqlite inline")
        return RecordingStore(made, NullRecorder(), clock) if member == "sqlite recorded" else made

    return open_sqlite


@pytest.fixture
async def store(open_store: Open) -> AsyncIterator[Store]:
    made = await open_store()
    yield made
    await made.close()


Examples = Callable[[Callable[[Store], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def examples(open_store: Open) -> Iterator[Examples]:
    """Runs many examples of one test on one store, emptied before each."""

    async def clear(tx: Tx) -> None:
        for row in await tx.list("box"):
            await tx.delete(row.ref)
        await tx.release_all(Ref("box", "a"))

    with asyncio.Runner() as runner:
        store = runner.run(open_store())

        def run(work: Callable[[Store], Coroutine[Any, Any, None]]) -> None:
            runner.run(store.transaction(clear))
            runner.run(work(store))

        yield run
        runner.run(store.close())


def box(id_: str, **body: Any) -> Resource:
    return Resource(Ref("box", id_), {name: body.get(name) for name in NAMES} | {"id": id_})


async def insert(store: Store, *rows: Resource) -> None:
    async def work(tx: Tx) -> None:
        for row in rows:
            await tx.insert(row)

    await store.transaction(work)


async def listed(store: Store, **query: Any) -> list[str]:
    rows = await store.read(lambda tx: tx.list("box", Query(**query)))
    return [row.id for row in rows]


WHOLE = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))  # refused above the store
JSON = st.recursive(
    st.none() | st.booleans() | WHOLE | TEXT, lambda i: st.lists(i) | st.dictionaries(TEXT, i), max_leaves=8
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "text": TEXT,
        "whole": WHOLE,
        "number": WHOLE | st.floats(allow_nan=False, allow_infinity=False),
        "flag": st.booleans(),
        "thing": st.dictionaries(TEXT, JSON),
        "list": st.lists(JSON),
        "any": TEXT | WHOLE,
        "select": TEXT,
        "a-b": TEXT,
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    body=BODIES,
    versions=st.tuples(WHOLE, WHOLE, WHOLE),
    state=st.dictionaries(TEXT, JSON),
    error=TEXT,
    marked=st.booleans(),
)
def test_what_goes_in_comes_out(
    examples: Examples, body: Any, versions: tuple[int, int, int], state: dict[str, Any], error: str, marked: bool
) -> None:
    async def round_trip(store: Store) -> None:
        row = box("x", **body)
        row.config_version, row.state_version, row.monitoring_version = versions
        row.state, row.state_error, row.marked_for_deletion, row.state_monitoring = state, error, marked, state
        await insert(store, row)
        got = await store.read(lambda tx: tx.get(row.ref))
        assert got == row
        assert [type(value) for value in got.body.values()] == [type(value) for value in row.body.values()]

    examples(round_trip)


async def test_rows_are_inserted_changed_and_removed(store: Store) -> None:
    row = box("a", text="one", boxes=["b"])
    await insert(store, row)
    row.body["text"], row.config_version = "two", 2

    async def change(tx: Tx) -> None:
        await tx.update(row)
        assert await tx.get(row.ref) == row  # a transaction sees its own writes

    await store.transaction(change)
    assert await store.read(lambda tx: tx.get(row.ref)) == row
    assert await store.read(lambda tx: tx.has(row.ref))
    assert not await store.read(lambda tx: tx.has(Ref("box", "nobody")))
    with pytest.raises(NotFound):
        await store.transaction(lambda tx: tx.update(box("nobody")))
    for ask in (lambda tx: tx.get(Ref("ghost", "x")), lambda tx: tx.has(Ref("ghost", "x"))):
        with pytest.raises(NotFound):
            await store.read(ask)
    await store.transaction(lambda tx: tx.delete(row.ref))
    assert await store.read(lambda tx: tx.get(row.ref)) is None


async def test_ids_and_unique_properties_are_taken_once(store: Store) -> None:
    await insert(store, box("a", only="x"), box("b"), box("c"))
    with pytest.raises(Conflict) as refused:
        await insert(store, box("a"))
    assert refused.value.details["property"] == "id"
    with pytest.raises(Conflict) as refused:
        await insert(store, box("d", only="x"))
    assert refused.value.details["property"] == "only"
    found = await store.read(lambda tx: tx.find("box", "only", "x"))
    assert found is not None
    assert found.id == "a"
    assert await store.read(lambda tx: tx.find("box", "only", "y")) is None


async def test_lists_filter_sort_and_page(store: Store) -> None:
    await insert(
        store,
        box("a", text="x%y", whole=3, flag=True, tenant_id="t1"),
        box("b", text="xay", whole=1, flag=False, tenant_id="t2"),
        box("c", text="X_Y", whole=2, tenant_id="t1"),
    )
    assert await listed(store) == ["a", "b", "c"]
    assert await listed(store, sort="-whole") == ["a", "c", "b"]
    assert await listed(store, sort="whole", limit=1, offset=1) == ["c"]
    assert await listed(store, offset=2) == ["c"]
    assert await listed(store, limit=0) == []
    assert await listed(store, filters={"whole": [1, 3]}) == ["a", "b"]
    assert await listed(store, filters={"whole": [1, 3], "flag": [True]}) == ["a"]
    assert await listed(store, filters={"whole": [1], "flag": [True]}, any_of=True) == ["a", "b"]
    assert await listed(store, any_of=True) == []
    assert await listed(store, filters={"flag": [None, False]}) == ["b", "c"]
    assert await listed(store, filters={"whole": []}) == []
    assert await listed(store, filters={"text": ["%"]}, search=frozenset({"text"})) == ["a"]
    assert await listed(store, filters={"text": ["_"]}, search=frozenset({"text"})) == ["c"]
    assert await listed(store, filters={"whole": [1, 2]}, owner="t1") == ["c"]
    assert await listed(store, filters={"whole": [1], "text": ["x%y"]}, any_of=True, owner="t1") == ["a"]
    assert await store.read(lambda tx: tx.count("box", Query(filters={"whole": [1, 3]}, limit=1))) == 2
    for query in (Query(filters={"thing": ["x"]}), Query(filters={"nope": ["x"]}), Query(sort="nope")):
        with pytest.raises(Invalid):
            await listed(store, filters=query.filters, sort=query.sort)


async def test_all_rows_are_counted_with_those_of_nobody(store: Store) -> None:
    rows = [box("a", tenant_id="t1"), box("b", tenant_id="t2"), box("c"), box("d", tenant_id="t1")]
    await insert(store, *rows)

    async def counted(**query: Any) -> int:
        return await store.read(lambda tx: tx.count("box", Query(**query)))

    async def change(tx: Tx) -> None:
        await tx.delete(rows[1].ref)
        rows[3].body["tenant_id"] = None
        await tx.update(rows[3])

    assert (await counted(), await counted(owner="t1"), await counted(limit=1)) == (4, 2, 4)
    await store.transaction(change)
    assert (await counted(), await counted(owner="t1"), await counted(filters={"tenant_id": [None]})) == (3, 1, 2)
    assert await counted(any_of=True) == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from("abc'\"%_\\"), st.integers(0, 3)), max_size=12),
    texts=st.lists(st.sampled_from("abc'\"%_\\"), max_size=3),
    wholes=st.lists(st.integers(0, 3), max_size=3),
    any_of=st.booleans(),
)
def test_filters_mean_what_they_say(
    examples: Examples, rows: list[tuple[str, int]], texts: list[str], wholes: list[int], any_of: bool
) -> None:
    async def compare(store: Store) -> None:
        await insert(store, *(box(f"{n:03d}", text=text, whole=whole) for n, (text, whole) in enumerate(rows)))
        either = any if any_of else all
        wanted = [f"{n:03d}" for n, (t, w) in enumerate(rows) if either((t in texts, w in wholes))]
        query = {"filters": {"text": texts, "whole": wholes}, "any_of": any_of}
        assert await listed(store, **query) == wanted
        assert await listed(store, **query, search=frozenset({"text"})) == wanted

    examples(compare)


async def test_who_refers_is_found_in_columns_and_lists(store: Store) -> None:
    await insert(store, box("a"), box("b", box_id="a"), box("c", boxes=["a", "b", "a"]))

    async def holders(property: str, target: str) -> list[str]:
        return [row.id for row in await store.read(lambda tx: tx.referring("box", property, target))]

    assert (await holders("box_id", "a"), await holders("boxes", "a"), await holders("boxes", "c")) == (
        ["b"],
        ["c"],
        [],
    )
    await store.transaction(lambda tx: tx.update(box("c", boxes=["b"])))
    assert (await holders("boxes", "a"), await holders("boxes", "b")) == ([], ["c"])
    await store.transaction(lambda tx: tx.delete(Ref("box", "c")))
    assert await holders("boxes", "b") == []


async def test_a_transaction_that_fails_leaves_nothing_and_spares_its_neighbours(store: Store) -> None:
    async def bad(tx: Tx) -> None:
        await tx.insert(box("bad"))
        await tx.send("create", "/bad", b"{}")
        raise Conflict("no")

    good = [insert(store, box(f"good{n}")) for n in range(20)]
    results = await asyncio.gather(*good, store.transaction(bad), insert(store, box("good0")), return_exceptions=True)
    twice = [type(results[0]), type(results[21])]  # of two with one id, on PostgreSQL either may be first
    assert twice in ([type(None), Conflict], [Conflict, type(None)])
    assert results[1:20] == [None] * 19
    assert isinstance(results[20], Conflict)
    assert len(await listed(store)) == 20
    assert await store.outbox_batch(10) == []


async def test_only_the_transactions_own_methods_may_be_awaited(store: Store) -> None:
    async def sleepy(tx: Tx) -> None:
        await tx.insert(box("a"))
        await asyncio.sleep(0)

    with pytest.raises(Broken):
        await store.transaction(sleepy)
    kept: list[Tx] = []

    async def leak(tx: Tx) -> None:
        kept.append(tx)

    await store.transaction(leak)
    with pytest.raises(Broken):
        await kept[0].get(Ref("box", "a"))
    assert await listed(store) == []


async def test_the_outbox_keeps_order_and_wakes(store: Store) -> None:
    assert not await store.wake.wait(at_most=0.0)

    async def write(tx: Tx) -> None:
        await tx.send("create", "/a", b"1", version=1, request_id="r")
        await tx.send("update", "/a", b"2", version=2, marked=True)
        await tx.send("effect", "tell", b"3")

    await store.transaction(write)
    assert await store.wake.wait(at_most=5.0)
    rows = await store.outbox_batch(2)
    assert [(row.kind, row.path, row.body, row.version, row.marked_for_deletion) for row in rows] == [
        ("create", "/a", b"1", 1, False),
        ("update", "/a", b"2", 2, True),
    ]
    await store.outbox_park(rows[0].id, "too large")
    await store.outbox_done([rows[1].id])
    assert [row.body for row in await store.outbox_batch(10)] == [b"3"]
    assert [(row.body, error) for row, error in await store.outbox_parked()] == [(b"1", "too large")]
    await store.transaction(write)
    assert [row.body for row in await store.outbox_batch(10)] == [b"3", b"1", b"2", b"3"]


async def test_the_log_follows_causes(store: Store) -> None:
    cause = Cause("box", "a", 1)
    lines = [
        LogRow(Ref("box", "a"), 1, "create", "r1", "root", 1.5),
        LogRow(Ref("box", "b"), 2, "update", "r1", "root", 1.5, cause, "why"),
    ]

    async def write(tx: Tx) -> None:
        for line in lines:
            await tx.log(line)

    await store.transaction(write)
    assert await store.read(lambda tx: tx.history(Ref("box", "a"))) == lines[:1]
    assert await store.read(lambda tx: tx.caused_by(cause)) == lines[1:]
    assert await store.read(lambda tx: tx.caused_by(Cause("box", "a", 2))) == []


async def test_values_of_pools_are_taken_once(store: Store) -> None:
    a, b = Ref("box", "a"), Ref("box", "b")
    await store.transaction(lambda tx: tx.allocate("vlans", "7", a))
    with pytest.raises(Conflict):
        await store.transaction(lambda tx: tx.allocate("vlans", "7", b))
    await store.transaction(lambda tx: tx.allocate("other", "7", b))
    with pytest.raises(Conflict):
        await store.transaction(lambda tx: tx.allocate("vlans", 7, b))
    assert await store.read(lambda tx: tx.holder("vlans", "7")) == a
    await store.transaction(lambda tx: tx.release("vlans", "7"))
    await store.transaction(lambda tx: tx.release("vlans", "7"))
    assert await store.read(lambda tx: tx.holder("vlans", "7")) is None
    await store.transaction(lambda tx: tx.release_all(b))
    assert await store.read(lambda tx: tx.holder("other", "7")) is None


async def lowest(store: Store, pool: str = "n", first: int = 2, last: int = 9) -> int | None:
    return await store.read(lambda tx: tx.lowest_free(pool, first, last))


async def _take(number: int, tx: Tx) -> None:
    await tx.allocate("n", number, Ref("box", "a"))


async def _give_back(number: int, tx: Tx) -> None:
    await tx.release("n", number)


async def test_the_lowest_free_number_is_found(store: Store) -> None:
    a, b = Ref("box", "a"), Ref("box", "b")
    assert await lowest(store) == 2
    for number in (2, 3, 5):
        await store.transaction(partial(_take, number))
    assert await lowest(store) == 4
    assert await lowest(store, first=5) == 6
    assert await lowest(store, last=3) is None
    assert await lowest(store, pool="other") == 2
    await store.transaction(lambda tx: tx.allocate("n", 4, b))
    assert await lowest(store) == 6
    await store.transaction(lambda tx: tx.release("n", 3))
    assert await lowest(store) == 3
    await store.transaction(lambda tx: tx.release_all(a))
    assert await lowest(store) == 2
    assert await store.read(lambda tx: tx.holder("n", 4)) == b

    async def undone(tx: Tx) -> None:
        await tx.allocate("n", 2, a)
        raise Conflict("no")

    with pytest.raises(Conflict, match="no"):
        await store.transaction(undone)
    assert await lowest(store) == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
@given(steps=st.lists(st.tuples(st.booleans(), st.integers(0, 12)), max_size=40))
def test_numbers_are_taken_and_given_back_in_any_order(examples: Examples, steps: list[tuple[bool, int]]) -> None:
    async def compare(store: Store) -> None:
        held: set[int] = set()
        for take, number in steps:
            if take and number not in held:
                await store.transaction(partial(_take, number))
                held.add(number)
            elif not take:
                await store.transaction(partial(_give_back, number))
                held.discard(number)
            for first in (0, 5, 12):
                expected = next((n for n in range(first, 13) if n not in held), None)
                assert await lowest(store, first=first, last=12) == expected

    examples(compare)


async def test_the_next_number_costs_the_same_however_many_are_taken(store: Store) -> None:
    async def take(tx: Tx) -> None:
        number = await tx.lowest_free("n", 0, 100_000)
        assert number is not None
        await tx.allocate("n", number, Ref("box", str(number)))

    costs = []
    for _ in range(300):
        before = store.statements
        await store.transaction(take)
        costs.append(store.statements - before)
    assert set(costs[1:]) == {costs[1]}
    assert costs[1] <= 6


async def test_numbers_too_large_are_the_callers_fault(store: Store) -> None:
    with pytest.raises(Invalid):
        await insert(store, box("a", number=2**63))


async def test_statements_and_commits_are_counted(store: Store) -> None:
    statements, commits = store.statements, store.commits
    await insert(store, box("a"), box("b"))
    assert (store.statements - statements, store.commits - commits) == (2 + 0, 1)


async def test_commits_survive_and_new_properties_are_added(open_store: Open) -> None:
    first = await open_store()
    await insert(first, box("a", text="kept"))
    await first.close()
    wider = load_documents(
        SCHEMAS.replace("text: {type: string}", "text: {type: string}, more: {type: array, default: [1]}")
    )
    second = await open_store(wider)
    row = await second.read(lambda tx: tx.get(Ref("box", "a")))
    assert row is not None
    assert (row.body["text"], row.body["more"]) == ("kept", [1])
    await second.close()


@pytest.mark.parametrize("member", ["sqlite", "postgresql"])
async def test_who_is_closed_is_unreachable(open_store: Open) -> None:
    store = await open_store()
    await store.close()
    with pytest.raises(Unreachable):
        await store.transaction(lambda tx: tx.get(Ref("box", "a")))


async def test_a_group_shares_its_commit(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "esi.db", CATALOGUE, clock=SystemClock())
    await asyncio.gather(*(insert(store, box(f"{n}")) for n in range(200)))
    assert store.commits < 100
    assert len(await listed(store)) == 200
    await store.close()


@pytest.mark.parametrize("member", ["sqlite", "postgresql"])
async def test_two_processes_may_share_a_database(open_store: Open) -> None:
    stores = [await open_store() for _process in range(2)]
    await asyncio.gather(*(insert(store, box(f"{n}-{m}")) for n, store in enumerate(stores) for m in range(60)))
    assert [len(await listed(store)) for store in stores] == [120, 120]
    assert not await stores[0].wake.wait(at_most=0.0)
    await stores[1].transaction(lambda tx: tx.send("create", "/a", b"{}"))
    assert await stores[0].wake.wait(at_most=5.0)
    for store in stores:
        await store.close()


async def test_a_locked_database_is_unreachable(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "esi.db", CATALOGUE, clock=SystemClock(), busy_seconds=0.05)
    other = sqlite3.connect(tmp_path / "esi.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unreachable):
        await insert(store, box("a"))
    assert await listed(store) == []
    other.execute("ROLLBACK")
    other.close()
    await insert(store, box("a"))
    await store.close()


async def test_a_full_disk_is_unreachable_and_nothing_is_half_done(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "esi.db", CATALOGUE, clock=SystemClock())
    await insert(store, box("a"))
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, old[1]))
    try:
        with pytest.raises(Unreachable):
            await insert(store, *(box(f"big{n}", text="x" * 100_000) for n in range(40)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert await listed(store) == ["a"]
    await insert(store, box("b"))
    assert await listed(store) == ["a", "b"]
    await store.close()


async def test_snapshots_bring_a_store_back(tmp_path: Path) -> None:
    store = SqliteStore(":memory:", CATALOGUE, clock=SystemClock(), inline=True)
    await insert(store, box("a"))
    snapshot = store.snapshot()
    await insert(store, box("b"))
    store.restore(snapshot)
    assert await listed(store) == ["a"]
    await insert(store, box("b"))
    assert await listed(store) == ["a", "b"]
    await store.close()


async def test_rows_that_break_a_new_rule_stop_the_start(open_store: Open) -> None:
    store = await open_store()
    await insert(store, box("a", text="same"), box("b", text="same"))
    await store.close()
    stricter = load_documents(SCHEMAS.replace("text: {type: string}", "text: {type: string, unique: true}"))
    with pytest.raises(SchemaError, match="text"):
        await open_store(stricter)
    again = await open_store()
    assert await listed(again) == ["a", "b"]
    await again.close()


async def test_places_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        SqliteStore(tmp_path / "nowhere" / "esi.db", CATALOGUE, clock=SystemClock())
    with pytest.raises(Unreachable):
        await PostgresStore.open(At(f"postgresql://esi@/esi?host={tmp_path}"), CATALOGUE, clock=SystemClock())
