"""POST per second over PostgreSQL, beside the same statements on its bare driver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.post import NETWORKS, keep, load, networks, ours
from benchmarks.processes import Children
from benchmarks.ring import with_own_service
from benchmarks.rows import Plan, Row
from esi.bootstrap.services import load_services
from esi.clock import SystemClock
from esi.store.postgresql import PostgresStore
from esi.store.postgresql_migration import DIALECT
from esi.store.postgresql_migration import Server as At
from esi.store.rows import Statements
from esi.testing.postgresql import PASSWORD, Server, find_postgresql, running_postgresql

TITLE = "POST per second on PostgreSQL"
ABOUT = """The requests of *POST per second*, drain off, over a PostgreSQL on the same machine, through its Unix socket,
with `fsync` and `synchronous_commit` on. Ten connections each. The bare loop parses HTTP by hand and executes the same
statements in serializable transactions on asyncpg; it tries none again, judges nothing and tells nobody."""

DURABLE = ("shared_buffers=128MB", "log_min_messages=log", "log_checkpoints=off")


async def measure(plan: Plan) -> list[Row]:
    programs = find_postgresql()
    if programs is None:
        raise RuntimeError("there is no PostgreSQL: install Debian's package postgresql")
    seconds = 1.0 if plan.quick else 3.0
    row = Row("network, drain off", "per second", [], target="ratio >= 0.6")
    with running_postgresql(programs, flags=DURABLE) as server:
        for number in range(plan.runs()):
            place = plan.folder / str(number)
            found = await _ours(place / "ours", server, seconds)
            row.ours.append(found["count"] / found["seconds"])
            bare = await _baseline(place / "theirs", server, seconds)
            row.baseline.append(bare["count"] / bare["seconds"])
    row.note = f"p99 of one request {found['p99']:.0f} ms"
    return [row]


async def _ours(place: Path, server: Server, seconds: float) -> dict[str, Any]:
    words = ("--set", f"database.url={server.new_database()}", "--set", f"database.password={PASSWORD.reveal()}")
    return await ours(place, False, networks(int(4000 * seconds)), NETWORKS, seconds, words)


async def _baseline(place: Path, server: Server, seconds: float) -> dict[str, Any]:
    async with Children(place) as children:
        url = server.new_database()
        await prepare(place, url)
        api = await children.python("baselines.post_postgresql", place, url, PASSWORD.reveal())
        return await load(children, api["api"], NETWORKS, networks(int(8000 * seconds)), seconds)


async def prepare(place: Path, url: str) -> None:
    """The database as ours begins with, and the statements that ours executes."""
    with_own_service()
    catalogue = load_services("2017").catalogue
    store = await PostgresStore.open(At(url, PASSWORD), catalogue, clock=SystemClock())
    await store.close()
    keep(place, catalogue, Statements(catalogue, DIALECT))
