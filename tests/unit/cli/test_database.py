"""`esi db` on a ring's SQLite: exit codes, the table, JSON, and that a dry run changes nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from esi.bootstrap.database import DATABASE
from esi.bootstrap.services import load_services
from esi.cli.program import DONE, REFUSED, UNREACHABLE, USAGE
from esi.clock import SystemClock
from esi.store.sqlite import SqliteStore
from unit.cli.calling import Program


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    """A folder with a database as this release wants it."""
    folder = tmp_path / "ring"
    folder.mkdir()

    async def make() -> None:
        store = SqliteStore(folder / DATABASE, load_services("2017").catalogue, clock=SystemClock())
        await store.close()

    asyncio.run(make())
    return folder


def spoil(folder: Path, *texts: str) -> None:
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        for text in texts:
            connection.execute(text)
        connection.commit()


def test_a_database_as_it_should_be_is_0(ring: Path, program: Program) -> None:
    called = program("db", "diff", "--folder", str(ring))
    assert (called.code, called.err) == (DONE, "")
    assert called.out == f"{ring / DATABASE} is as the schemas want it\n"
    assert program("db", "migrate", "--folder", str(ring)).out == f"{ring / DATABASE} has everything\n"


def test_what_is_missing_is_told_shown_and_added(ring: Path, program: Program) -> None:
    spoil(ring, "DROP TABLE vpn_gateway", "DROP INDEX ix_esi_log_request")
    differs = program("db", "diff", "--folder", str(ring), "--json")
    assert differs.code == REFUSED
    found = {(one["table"], one["what"], one["state"]) for one in differs.json["differences"]}
    assert found == {("vpn_gateway", "table", "missing"), ("esi_log", "index ix_esi_log_request", "missing")}
    assert "is made" in program("db", "diff", "--folder", str(ring)).out
    dry = program("db", "migrate", "--folder", str(ring), "--dry-run")
    assert dry.code == DONE
    assert "CREATE TABLE vpn_gateway" in dry.out
    assert "CREATE INDEX ix_esi_log_request ON esi_log (request_id);" in dry.out
    assert program("db", "diff", "--folder", str(ring)).code == REFUSED
    done = program("db", "migrate", "--folder", str(ring))
    assert (done.code, "2 added: vpn_gateway table, esi_log index" in done.out) == (DONE, True)
    assert "CREATE INDEX ix_esi_log_request" in done.err
    assert program("db", "diff", "--folder", str(ring)).code == DONE


def test_what_is_not_safe_is_refused_with_what_to_do(ring: Path, program: Program) -> None:
    spoil(ring, "DROP TABLE vpn_gateway", "CREATE TABLE vpn_gateway (id TEXT PRIMARY KEY NOT NULL, name BLOB)")
    refused = program("db", "migrate", "--folder", str(ring))
    assert refused.code == USAGE
    assert "vpn_gateway: column name: is blob and should be text" in refused.err
    assert "By hand" in program("db", "diff", "--folder", str(ring)).out or "by hand" in refused.err


def test_a_folder_without_a_database_is_named(tmp_path: Path, program: Program) -> None:
    called = program("db", "diff", "--folder", str(tmp_path / "nowhere"))
    assert called.code == UNREACHABLE
    assert "there is no database" in called.err


def test_a_password_in_the_url_is_refused(program: Program) -> None:
    called = program("db", "diff", "--set", "database.url=postgresql://esi:secret@127.0.0.1/esi")
    assert (called.code, "put it into database.password" in called.err, "secret" in called.err) == (USAGE, True, False)


def test_resync_names_what_it_needs(ring: Path, program: Program) -> None:
    without = program("resync", "--folder", str(ring))
    assert (without.code, "no etcd: name it with etcd.endpoints" in without.err) == (USAGE, True)
    strange = program("resync", "--folder", str(ring), "--etcd", "127.0.0.1:1", "--schema", "nothing")
    assert (strange.code, "no schema that is told to workers: nothing; known: " in strange.err) == (USAGE, True)
