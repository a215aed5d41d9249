"""What only PostgreSQL can do to us: writers side by side in several processes, and a server that goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from random import Random

import pytest

from conformance.test_store import CATALOGUE, box, insert, listed
from esi.clock import SystemClock
from esi.errors import Conflict, NotFound, SchemaError, Unreachable
from esi.model.resource import Ref, Resource
from esi.schema import load_documents
from esi.store import Query, Tx
from esi.store.notices import MISSED
from esi.store.postgresql import PostgresStore
from esi.store.postgresql_migration import Server as At
from esi.testing.postgresql import PASSWORD, Server, running_postgresql

A = Ref("box", "a")


async def connected(url: str, *, connections: int = 4) -> PostgresStore:
    return await PostgresStore.open(At(url, PASSWORD), CATALOGUE, clock=SystemClock(), connections=connections)


@pytest.fixture
async def stores(postgresql: Server) -> AsyncIterator[list[PostgresStore]]:
    """Two processes' stores of one database."""
    url = postgresql.new_database()
    made = [await connected(url) for _ in range(2)]
    yield made
    for store in made:
        await store.close()


async def test_nothing_written_is_lost_between_a_look_and_a_write(stores: list[PostgresStore]) -> None:
    await insert(stores[0], box("a", whole=0))

    async def one_more(tx: Tx) -> None:
        row = await tx.get(A)
        assert row is not None
        row.body["whole"] += 1
        await tx.update(row)

    await asyncio.gather(*(stores[n % 2].transaction(one_more) for n in range(24)))
    row = await stores[0].read(lambda tx: tx.get(A))
    assert row is not None
    assert row.body["whole"] == 24


async def test_a_long_one_ends_among_short_ones(stores: list[PostgresStore]) -> None:
    """They write the same row, one after the other without a pause; it writes it last, and is refused for that."""
    store, over = stores[0], asyncio.Event()
    await insert(store, box("a", whole=0))

    async def change(tx: Tx, looks: int) -> None:
        for _ in range(looks):
            row = await tx.get(A)
        assert row is not None
        await tx.update(row)

    async def short() -> None:
        while not over.is_set():
            await store.transaction(partial(change, looks=1))

    others = asyncio.gather(*(short() for _ in range(3)))
    try:
        for _ in range(5):
            await store.transaction(partial(change, looks=30))
    finally:
        over.set()
        await others


async def test_each_gets_a_number_of_his_own(stores: list[PostgresStore]) -> None:
    async def take(tx: Tx) -> int:
        number = await tx.lowest_free("n", 1, 100)
        assert number is not None
        await tx.allocate("n", number, A)
        return number

    taken = await asyncio.gather(*(stores[n % 2].transaction(take) for n in range(24)))
    assert sorted(taken) == list(range(1, 25))


async def test_who_is_referred_to_stays(stores: list[PostgresStore]) -> None:
    """Whoever looks for the other's row before his own write: both never stand."""

    async def refer(tx: Tx) -> None:
        if await tx.get(A) is None:
            raise NotFound("gone", schema="box", id="a")
        await tx.insert(box("b", box_id="a"))

    async def remove(tx: Tx) -> None:
        if await tx.referring("box", "box_id", "a"):
            raise Conflict("in use")
        await tx.delete(A)

    for _ in range(8):
        await insert(stores[0], box("a"))
        outcome = await asyncio.gather(
            stores[0].transaction(refer), stores[1].transaction(remove), return_exceptions=True
        )
        assert [type(one) for one in outcome] in ([type(None), Conflict], [NotFound, type(None)])
        for id_ in await listed(stores[0]):
            await stores[0].transaction(lambda tx, id_=id_: tx.delete(Ref("box", id_)))  # type: ignore[misc]


async def test_a_unique_value_of_another_row_is_refused_on_update(stores: list[PostgresStore]) -> None:
    await insert(stores[0], box("a", only="x"), box("b", only="y"))

    async def swallow(tx: Tx) -> None:
        with pytest.raises(Conflict, match="only 'x' is taken"):
            await tx.update(box("b", only="x"))

    with pytest.raises(Conflict):  # PostgreSQL goes on with none that has failed
        await stores[0].transaction(swallow)
    found = await stores[0].read(lambda tx: tx.list("box", Query(filters={"only": ["x", "y"]})))
    assert [(row.id, row.body["only"]) for row in found] == [("a", "x"), ("b", "y")]


async def test_hints_reach_the_other_process(stores: list[PostgresStore]) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    stores[0].changes.listen(heard.put_nowait)
    async with asyncio.timeout(10.0):
        assert await heard.get() == MISSED  # from now on it listens
        assert stores[1].changes.send(b"box a")
        assert await heard.get() == b"box a"
    stores[1].wake.wake()
    assert await stores[0].wake.wait(at_most=10.0)


async def test_who_sends_does_not_hear_himself(stores: list[PostgresStore]) -> None:
    heard: list[asyncio.Queue[bytes]] = [asyncio.Queue(), asyncio.Queue()]
    async with asyncio.timeout(10.0):
        for store, queue in zip(stores, heard, strict=True):
            store.changes.listen(queue.put_nowait)
            assert await queue.get() == MISSED
        assert stores[0].changes.send(b"of the first")
        assert await heard[1].get() == b"of the first"
        assert stores[1].changes.send(b"of the second")  # PostgreSQL tells in the order of commits
        assert await heard[0].get() == b"of the second"


async def test_a_server_that_goes_away_comes_back(postgresql: Server) -> None:
    with running_postgresql(postgresql.programs) as server:
        store = await connected(server.new_database())
        await insert(store, box("a"))
        server.stop()
        for ask in (insert(store, box("b")), listed(store)):
            with pytest.raises(Unreachable):
                await ask
        server.start()
        await insert(store, box("c"))
        assert await listed(store) == ["a", "c"]
        await store.close()


async def test_a_cut_connection_leaves_nothing_half_done(stores: list[PostgresStore]) -> None:
    async def cut(tx: Tx) -> None:
        await tx.insert(box("a"))
        await tx._sql.rows("SELECT pg_terminate_backend(pg_backend_pid())")  # type: ignore[attr-defined]
        await tx.insert(box("b"))

    with pytest.raises(Unreachable):
        await stores[0].transaction(cut)
    await insert(stores[0], box("c"))
    assert await listed(stores[0]) == ["c"]


async def test_names_that_are_too_long_stop_the_start(postgresql: Server) -> None:
    words = "id: {type: string}, " + "long" * 15 + ": {type: string, unique: true}"
    catalogue = load_documents(
        "schemas:\n- {id: box, singular: box, plural: boxes, title: Box, description: d, "
        f"schema: {{type: object, properties: {{{words}}}}}}}\n"
    )
    with pytest.raises(SchemaError, match="63 characters"):
        await PostgresStore.open(At(postgresql.new_database(), PASSWORD), catalogue, clock=SystemClock())


async def test_who_listens_listens_again_after_the_connection_was_cut(stores: list[PostgresStore]) -> None:
    """And looks for itself: what was said in between is lost."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    stores[0].changes.listen(heard.put_nowait)
    async with asyncio.timeout(20.0):
        assert await heard.get() == MISSED
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'esi hints'"
        cut += " AND datname = current_database()"
        await stores[1].read(lambda tx: tx._sql.rows(cut))  # type: ignore[attr-defined]
        assert await heard.get() == MISSED
        assert stores[1].changes.send(b"box a")
        assert await heard.get() == b"box a"


async def test_a_tenants_rows_are_counted_whoever_writes(stores: list[PostgresStore]) -> None:
    tenants = ["a", "b'c", None]

    async def live(person: int) -> None:
        """Rows of one person come, move from tenant to tenant, and go; every third of his transactions fails."""
        store, rng = stores[person % 2], Random(person)
        for number in range(30):
            row = box(f"{person}-{number % 7}", tenant_id=rng.choice(tenants))

            async def work(tx: Tx, row: Resource = row, number: int = number) -> None:
                if await tx.get(row.ref) is None:
                    await tx.insert(row)
                elif number % 2:
                    await tx.update(row)
                else:
                    await tx.delete(row.ref)
                if number % 3 == 0:
                    raise Conflict("no")

            with suppress(Conflict):
                await store.transaction(work)

    await asyncio.gather(*(live(person) for person in range(8)))
    for tenant in ("a", "b'c", "nobody"):
        query = Query(owner=tenant)
        rows = await stores[0].read(lambda tx, query=query: tx.list("box", query))  # type: ignore[misc]
        assert await stores[1].read(lambda tx, query=query: tx.count("box", query)) == len(rows)  # type: ignore[misc]
    assert await stores[0].read(lambda tx: tx.count("box")) == len(await listed(stores[0])) > 0


async def test_a_quota_holds_for_two_who_ask_at_once(stores: list[PostgresStore]) -> None:
    most = 10

    async def one_more(tx: Tx, number: int) -> None:
        if await tx.count("box", Query(owner="t")) >= most:
            raise Conflict("enough")
        await tx.insert(box(f"{number}", tenant_id="t"))

    asked = [stores[n % 2].transaction(partial(one_more, number=n)) for n in range(40)]
    outcome = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in outcome if one is not None] == [Conflict] * 30
    assert len(await listed(stores[0])) == most


async def test_who_loses_the_answer_to_a_commit_is_told_to_look(stores: list[PostgresStore]) -> None:
    """The server cuts the connection in the middle of COMMIT: by a trigger that waits until then."""
    ending = "BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); RETURN NULL; END"
    trigger = "CREATE CONSTRAINT TRIGGER ending AFTER INSERT ON box DEFERRABLE INITIALLY DEFERRED"
    for text in (
        f"CREATE FUNCTION ending() RETURNS trigger LANGUAGE plpgsql AS $$ {ending} $$",
        f"{trigger} FOR EACH ROW EXECUTE FUNCTION ending()",
    ):
        await stores[1].transaction(lambda tx, text=text: tx._sql.rows(text))  # type: ignore[misc]
    with pytest.raises(Unreachable, match="It was committing: look whether what was asked for stands"):
        await insert(stores[0], box("a"))
    await stores[1].transaction(lambda tx: tx._sql.rows("DROP TRIGGER ending ON box"))  # type: ignore[attr-defined]
    await insert(stores[0], box("b"))
    assert await listed(stores[0]) == ["b"]
