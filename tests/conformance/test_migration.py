"""A database is brought to a new release's shape while the old one writes; killed anywhere; or refused, untouched."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from conformance.shapes import ADDED, BASES, NEW, OLD, PLAIN, Base, Postgresql, Sqlite, catalogue
from esi.errors import ShapeError
from esi.model.resource import Ref, Resource
from esi.store import Query, Store, Tx
from esi.tasks import Tasks
from esi.testing.postgresql import PASSWORD
from esi.testing.postgresql import Server as Cluster

HERE = Path(__file__).resolve()
SOURCE = HERE.parents[2] / "src"
PATIENCE_SECONDS = 60.0


@pytest.fixture(params=BASES)
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Base]:
    """Makes a new database."""
    numbers = count()
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
        return lambda: Postgresql(server.new_database())
    return lambda: Sqlite(str(tmp_path / f"{next(numbers)}.db"))


@pytest.fixture
def base(fresh: Callable[[], Base]) -> Base:
    return fresh()


def box(number: int, **body: object) -> Resource:
    return Resource(Ref("box", f"{number:05}"), {"id": f"{number:05}", "name": f"n{number}", "size": number, **body})


async def fill(store: Store, *rows: Resource) -> None:
    async def work(tx: Tx) -> None:
        for row in rows:
            await tx.insert(row)

    await store.transaction(work)


async def old_database(base: Base, *rows: Resource) -> None:
    store = await base.open(catalogue(OLD))
    await fill(store, *rows)
    await store.close()


async def bodies(base: Base) -> list[dict[str, object]]:
    """As the new release reads them; it adds nothing itself."""
    store = await base.open(catalogue(), expand=False)
    rows = await store.read(lambda tx: tx.list("box"))
    await store.close()
    return [row.body for row in rows]


async def test_what_is_new_is_equal_to_what_was_added(base: Base) -> None:
    await old_database(base)
    assert {one.state for one in await base.look(catalogue())} == {"missing"}
    await base.expand(catalogue())
    assert await base.look(catalogue()) == []
    assert await base.look(catalogue(OLD)) != []  # and is seen as left over by the release before
    assert {one.state for one in await base.look(catalogue(OLD))} == {"left over"}


async def test_the_old_release_writes_meanwhile_and_no_row_is_without_its_defaults(base: Base) -> None:
    await old_database(base, *(box(number, tenant_id="t") for number in range(2_000)))
    store = await base.open(catalogue(OLD))
    for (name,) in await base.sql(TRIGGERS[base.name]):  # as one that was older still, and counted nothing
        await base.sql(f'DROP TRIGGER "{name}"' + (" ON box" if base.name == "postgresql" else ""))
    written, going = 2_000, True

    async def write() -> None:
        nonlocal written
        while going:
            await fill(store, box(written, tenant_id="t"))
            written += 1

    async with Tasks("writers") as tasks:
        writer = tasks.start("writer", write())
        await base.expand(catalogue())
        before = written
        async with asyncio.timeout(PATIENCE_SECONDS):
            while written < before + 20:  # the old release goes on after the migration, too
                await asyncio.sleep(0)
        going = False
        await writer
    await store.close()
    found = await bodies(base)
    assert len(found) == written
    assert [{name: body[name] for name in ADDED} for body in found if not ADDED.items() <= body.items()] == []
    new = await base.open(catalogue(), expand=False)
    assert await new.read(lambda tx: tx.count("box", Query(owner="t"))) == written
    await new.close()


@pytest.mark.parametrize("number", [1, 3, 6, 9, 11])
async def test_killed_before_a_statement_it_is_run_again(base: Base, number: int) -> None:
    await old_database(base, box(1), box(2))
    command = [sys.executable, str(HERE.parent / "shapes.py"), base.name, base.place, str(number)]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    child = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(PATIENCE_SECONDS):
        _, words = await child.communicate()
    assert child.returncode == -signal.SIGKILL, words.decode()
    assert {one.state for one in await base.look(catalogue())} == {"missing"}
    store = await base.open(catalogue(OLD), expand=False)  # whatever stands, the old release works over it
    await fill(store, box(3))
    await store.close()
    await base.expand(catalogue())
    assert await base.look(catalogue()) == []
    assert [{name: body[name] for name in ADDED} for body in await bodies(base)] == [ADDED] * 3


class Cut(Exception):
    """The end of somebody's work."""


async def test_every_statement_may_be_the_last(fresh: Callable[[], Base]) -> None:
    for last in range(1, 40):
        base, said = fresh(), list[str]()
        await old_database(base, box(1))

        def tell(text: str, said: list[str] = said, last: int = last) -> None:
            said.append(text)
            if len(said) == last:
                raise Cut

        try:
            await base.expand(catalogue(), tell)
        except Cut:
            await base.expand(catalogue())
            assert await base.look(catalogue()) == []
            assert [{name: body[name] for name in ADDED} for body in await bodies(base)] == [ADDED]
        else:
            break
    assert last > 10


async def test_of_several_at_once_one_works(base: Base) -> None:
    await old_database(base, *(box(number) for number in range(500)))
    said: list[str] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*(base.expand(catalogue(), said.append) for _ in range(4)))
    assert await base.look(catalogue()) == []
    done = [text for text in said if text.startswith(("ALTER", "CREATE"))]
    assert len(done) == len(set(done))


REFUSED: dict[str, tuple[str, str, str]] = {
    "another type": ("size: {type: integer", "size: {type: string", "column size: is .* and should be text"),
    "a unique rule over doubled rows": ("name: {type: string", "name: {type: string, unique: true", "1 values stand"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_could_lose_something_is_refused_and_nothing_is_done(base: Base, case: str) -> None:
    old, new, words = REFUSED[case]
    await old_database(base, box(1, name="same"), box(2, name="same"))
    changed = catalogue(NEW.replace(old, new, 1))
    before = await base.look(catalogue(OLD))
    with pytest.raises(ShapeError, match=words):
        await base.expand(changed)
    with pytest.raises(ShapeError, match=words):
        await base.open(changed)
    assert await base.look(catalogue(OLD)) == before == []


STRANGE: dict[str, tuple[str, str]] = {
    "a column that may not be empty": ("ALTER TABLE box ADD COLUMN strange TEXT NOT NULL{}", "no row can be written"),
    "another index of that name": ("CREATE INDEX ix_box_size ON box (name)", "another one than its schema wants"),
}


@pytest.mark.parametrize("case", STRANGE)
async def test_what_somebody_made_by_hand_is_named(base: Base, case: str) -> None:
    text, words = STRANGE[case]
    await old_database(base)
    if base.name == "sqlite" and "NOT NULL" in text:
        pytest.skip("SQLite adds no such column")
    await base.sql(text.format(""))
    with pytest.raises(ShapeError, match=words):
        await base.expand(catalogue())
    assert [one.words for one in await base.look(catalogue()) if one.state == "by hand"] != []


async def test_what_nobody_wants_is_told_and_left_alone(base: Base) -> None:
    await old_database(base, box(1))
    for text in (
        "CREATE TABLE stranger (a TEXT)",
        "ALTER TABLE box ADD COLUMN spare TEXT",
        "CREATE UNIQUE INDEX mine ON box (size)",
    ):
        await base.sql(text)
    await base.expand(catalogue())
    found = await base.look(catalogue())
    assert {(one.table, one.what, one.state) for one in found} == {
        ("stranger", "table", "left over"),
        ("box", "column spare", "left over"),
        ("box", "index mine", "left over"),
    }
    assert "refuses what stands twice" in next(one.words for one in found if one.what == "index mine")
    assert all("By hand: " in one.words for one in found)
    assert len(await bodies(base)) == 1


async def test_a_process_that_may_not_expand_names_the_command(base: Base) -> None:
    await old_database(base)
    with pytest.raises(ShapeError, match=r"behind the schemas .*: run `esi db migrate`"):
        await base.open(catalogue(), expand=False)
    assert "rack" not in {row[0] for row in await base.sql(TABLES[base.name])}


TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'box'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid = 'box'::regclass",
}
TABLES = {
    "sqlite": "SELECT name FROM sqlite_master",
    "postgresql": "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace",
}


async def test_a_start_that_adds_something_says_so_once(base: Base, caplog: pytest.LogCaptureFixture) -> None:
    await old_database(base)
    caplog.clear()
    caplog.set_level("INFO", "esi.store.expanding")
    for _ in range(2):
        await (await base.open(catalogue())).close()
    told = [record.message for record in caplog.records]
    assert told == [
        "the database gets what it lacks: rack: table",
        "the database gets what it lacks: box: column zone, box: column ports, box: column on and 4 more",
        "the database gets what it lacks: box: index ix_box_size",
        "the database gets what it lacks: box: index ux_box_only",
    ]


async def test_a_new_unique_property_with_a_default_is_refused_where_rows_are(base: Base) -> None:
    await old_database(base, box(1), box(2))
    text = NEW.replace("only: {type: string, unique: true", "only: {type: string, unique: true, default: one")
    with pytest.raises(ShapeError, match="index ux_box_only: rows that are there break it"):
        await base.expand(catalogue(text))


@pytest.fixture
def one(postgresql: Cluster) -> Postgresql:
    return Postgresql(postgresql.new_database())


async def test_an_index_that_was_interrupted_is_made_again(one: Postgresql) -> None:
    await old_database(one, box(1))
    await one.expand(catalogue())
    await one.sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_box_size'::regclass")
    assert [(d.what, d.state) for d in await one.look(catalogue())] == [("index ix_box_size", "missing")]
    await one.expand(catalogue())
    assert await one.look(catalogue()) == []


async def test_an_index_is_made_while_writers_hold_the_table(one: Postgresql) -> None:
    """Somebody's transaction has written a row and stays open: nobody else who writes waits for the index."""
    await old_database(one, *(box(number) for number in range(100)))
    store = await one.open(catalogue(OLD))
    holder = await asyncpg.connect(one.place, password=PASSWORD.reveal())
    held = holder.transaction()
    await held.start()
    await holder.execute("UPDATE box SET name = 'held' WHERE id = '00001'")
    making = asyncio.Event()
    steps = catalogue(OLD.replace("size: {type: integer}", "size: {type: integer, indexed: true}"))
    async with Tasks("migration") as tasks, asyncio.timeout(PATIENCE_SECONDS):
        task = tasks.start("index", one.expand(steps, lambda text: making.set() if "CONCURRENTLY" in text else None))
        await making.wait()
        while not await one.sql("SELECT 1 FROM pg_stat_progress_create_index"):
            await asyncio.sleep(0)
        await fill(store, box(1_000))
        assert not task.done()
        await held.rollback()
        await task
    assert await one.look(steps) == []
    await holder.close()
    await store.close()


async def test_killed_while_an_index_is_made_its_backend_ends_it_and_the_next_one_goes_on(one: Postgresql) -> None:
    await old_database(one, *(box(number) for number in range(100)))
    holder = await asyncpg.connect(one.place, password=PASSWORD.reveal())
    held = holder.transaction()
    await held.start()
    await holder.execute("UPDATE box SET name = 'held' WHERE id = '00001'")
    steps = OLD.replace("size: {type: integer}", "size: {type: integer, indexed: true}")
    command = [sys.executable, str(HERE.parent / "shapes.py"), one.name, one.place, "0", steps]
    child = await asyncio.create_subprocess_exec(*command, env={**os.environ, "PYTHONPATH": str(SOURCE)})
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await one.sql("SELECT 1 FROM pg_stat_progress_create_index"):
            await asyncio.sleep(0)
        child.kill()
        await child.wait()
        said: list[str] = []
        async with Tasks("next") as tasks:
            task = tasks.start("expand", one.expand(catalogue(steps), said.append))
            while not said:
                await asyncio.sleep(0)
            assert "another process migrates this database" in said[0]
            await held.rollback()
            await task
    assert await one.look(catalogue(steps)) == []
    await holder.close()


async def test_a_column_steps_back_from_a_table_that_is_held(one: Postgresql) -> None:
    await old_database(one, box(1))
    holder = await asyncpg.connect(one.place, password=PASSWORD.reveal())
    held = holder.transaction()
    await held.start()
    await holder.execute("UPDATE box SET name = 'held'")
    waits = asyncio.Event()

    def tell(text: str) -> None:
        if "others hold the table box" in text:
            waits.set()

    async with Tasks("migration") as tasks, asyncio.timeout(PATIENCE_SECONDS):
        task = tasks.start("columns", one.expand(catalogue(), tell))
        await waits.wait()
        await held.commit()
        await task
    await holder.close()
    assert [body["name"] for body in await bodies(one)] == ["held"]


def test_the_plain_part_is_in_both() -> None:
    assert PLAIN in OLD
    assert PLAIN.split(", size")[0] in NEW
