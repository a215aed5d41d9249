"""The ring over a real PostgreSQL: an interface ACTIVE, an API killed and started again, and all of it still there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest

from e2e.processes import PATIENCE_SECONDS, esi, make_chain
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.errors import Unreachable
from esi.tasks import Tasks
from esi.testing import chain
from esi.testing.postgresql import PASSWORD, Server, running_postgresql

pytestmark = pytest.mark.real


@pytest.mark.parametrize("flow", ["2017", "2018"])
async def test_an_interface_lives_over_postgresql(
    require: Callable[[str], Path], postgresql: Server, tmp_path: Path, flow: str
) -> None:
    require("etcd")
    url = ("--set", f"database.url={postgresql.new_database()}", "--set", f"database.password={PASSWORD.reveal()}")
    interface = chain.interface()
    folder = ("--folder", str(tmp_path))
    async with AsyncExitStack() as stack:
        start = stack.enter_async_context
        _, etcd = await start(esi("etcd", *folder))
        await start(esi("lab", *folder))
        where = ("--etcd", etcd["etcd"], "--flow", flow, "--monitoring", "none")
        serving = ("api", *folder, *where, "--port", "0", *url)
        await start(esi("worker", *folder, *where))
        async with esi(*serving) as (api, facts), Client(facts["api"], clock=SystemClock()) as client:
            await make_chain(client, [*chain.prerequisites(), chain.gateway(), interface])
            before = await client.show(interface.schema, interface.id)
            assert before["status"] == "ACTIVE"
            api.kill()
            await api.wait()
        async with esi(*serving) as (_, facts), Client(facts["api"], clock=SystemClock()) as client:
            assert await client.show(interface.schema, interface.id) == before
            for wish in (interface, chain.gateway()):
                await client.delete(wish.schema, wish.id)
                await client.wait_gone(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
    assert not (tmp_path / "esi.db").exists()


async def test_a_server_that_is_started_again_costs_answers_and_no_half_rows(
    require: Callable[[str], Path], tmp_path: Path
) -> None:
    """Ten people POST on and on while PostgreSQL goes and comes. Who got 201 finds his row; who got 503 was told what
    to do; nobody else's row has no line in the log or no message to the workers.
    """
    with running_postgresql(require("postgresql")) as server:
        url, folder = server.new_database(), ("--folder", str(tmp_path), "--monitoring", "none", "--port", "0")
        words = ("--set", f"database.url={url}", "--set", f"database.password={PASSWORD.reveal()}")
        async with esi("room", "api", *folder, *words) as (_, facts), Tasks("people") as tasks:
            made: list[str] = []
            refused: list[Unreachable] = []
            going = True

            async def post(person: int) -> None:
                async with Client(facts["api"], clock=SystemClock()) as client:
                    number = 0
                    while going:
                        number += 1
                        body = {"name": f"{person} {number}"}
                        try:
                            made.append((await client.create("location", body))["id"])
                        except Unreachable as error:
                            refused.append(error)

            people = [tasks.start(str(person), post(person)) for person in range(10)]
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(made) < 50:
                    await asyncio.sleep(0)
                await asyncio.to_thread(server.stop)
                while not refused:
                    await asyncio.sleep(0)
                await asyncio.to_thread(server.start)
                before = len(made)
                while len(made) < before + 50:  # the pool is whole again, by itself
                    await asyncio.sleep(0)
                going = False
                await asyncio.gather(*people)
            assert {error.details["status"] for error in refused} == {503}
            assert all("the database cannot be written or read now" in error.message for error in refused)
            connection = await asyncpg.connect(url, password=PASSWORD.reveal())
            try:
                rows, log, told = [
                    sorted(row[0].rpartition("/")[2] for row in await connection.fetch(text))
                    for text in (
                        "SELECT id FROM location",
                        "SELECT resource FROM esi_log WHERE schema = 'location'",
                        "SELECT path FROM esi_outbox WHERE path LIKE '%locations/%'",
                    )
                ]
            finally:
                await connection.close()
        assert set(made) <= set(rows)
        assert len(set(rows) - set(made)) <= 10  # answers that were lost on their way
        assert log == rows == told
