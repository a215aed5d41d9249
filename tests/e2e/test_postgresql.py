"""The ring over a real PostgreSQL: an interface ACTIVE, an API killed and started again, and all of it still there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from e2e.processes import PATIENCE_SECONDS, esi, make_chain
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.testing import chain
from esi.testing.postgresql import PASSWORD, Server

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
