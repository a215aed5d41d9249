"""`esi db migrate` of a new release beside the API of the old one, which serves all the time; over both databases."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.processes import ENVIRONMENT, PATIENCE_SECONDS, esi
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.tasks import Tasks
from esi.testing.postgresql import PASSWORD

pytestmark = pytest.mark.real

OLD = """
schemas:
- id: shelf
  singular: shelf
  plural: shelves
  prefix: /v2.0
  title: Shelf
  description: Where things stand.
  schema:
    type: object
    properties:
      id: {title: Id, description: Its id., type: string}
      name: {title: Name, description: Its name., type: string, permission: [create]}
      height: {title: Height, description: Its height., type: integer, permission: [create]HEIGHT}MORE
"""
MORE = """
      colour: {title: Colour, description: Its colour., type: string, default: grey, permission: [create]}"""
POLICY = "policies:\n- {id: shelves, principal: .*, action: '*', resource: {path: /v2.0/shelves.*}}\n"


async def called(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "esi", *arguments),
        env=ENVIRONMENT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


def release(folder: Path, *, new: bool) -> str:
    schemas = folder / "shelves" / "schemas"
    schemas.mkdir(parents=True)
    text = OLD.replace("HEIGHT", ", indexed: true" if new else "").replace("MORE", MORE if new else "")
    (schemas / "shelf.yaml").write_text(text)
    (schemas.parent / "policies.yaml").write_text(POLICY)
    return str(folder)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_the_old_api_serves_while_the_new_release_migrates(
    require: Callable[[str], Path], request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    old, new = release(tmp_path / "old", new=False), release(tmp_path / "new", new=True)
    words: tuple[str, ...] = ("--folder", str(tmp_path / "ring"), "--set", "database.expand=false")
    if database == "postgresql":
        url = request.getfixturevalue("postgresql").new_database()
        words += ("--set", f"database.url={url}", "--set", f"database.password={PASSWORD.reveal()}")
    serve = ("room", "api", *words, "--port", "0", "--monitoring", "none", "--services")
    first = (*serve, old, "--set", "database.expand=true")
    made: list[str] = []
    going = True
    async with esi(*first) as (_, facts), Tasks("people") as tasks:

        async def post(person: int) -> None:
            async with Client(facts["api"], clock=SystemClock()) as client:
                while going:
                    shelf = await client.create("shelf", {"name": f"{person} {len(made)}", "height": person})
                    made.append(shelf["id"])

        people = [tasks.start(str(person), post(person)) for person in range(2)]
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(made) < 50:
                await asyncio.sleep(0)
        code, _, err = await called(*serve, new)
        assert code == 2
        assert "the database is behind the schemas (shelf: column colour, shelf: index ix_shelf_height missing)" in err
        assert "run `esi db migrate`" in err
        where = (*words, "--services", new)
        assert (await called("db", "diff", *where))[0] == 1
        code, out, _ = await called("db", "migrate", *where, "--dry-run")
        assert (code, out.count("ALTER TABLE shelf ADD COLUMN colour"), out.count("ix_shelf_height")) == (0, 1, 1)
        before = len(made)
        assert (await called("db", "migrate", *where))[0] == 0
        assert (await called("db", "diff", *where))[0] == 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(made) < before + 50:  # nobody was refused, and nobody is
                await asyncio.sleep(0)
        async with esi(*serve, new) as (_, newer), Client(newer["api"], clock=SystemClock()) as client:
            at = len(made)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(made) < at + 20:  # both releases serve
                    await asyncio.sleep(0)
            going = False
            await asyncio.gather(*people)
            shelves = (await client.list_all("shelf")).rows
            assert {one["id"] for one in shelves} == set(made)
            assert {one["colour"] for one in shelves} == {"grey"}
            assert (await client.create("shelf", {"name": "last", "height": 1, "colour": "red"}))["colour"] == "red"
