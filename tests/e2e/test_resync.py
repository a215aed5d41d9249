"""`esi resync` beside a running ring: keys that somebody deleted, and an etcd that was lost, over both databases."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from e2e.processes import ENVIRONMENT, PATIENCE_SECONDS, esi, make_chain
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.kv import KV, Delete, Put
from esi.kv.etcd import EtcdKV
from esi.model import keys
from esi.model.codec import decode_config, encode_config
from esi.testing import chain
from esi.testing.postgresql import PASSWORD

pytestmark = pytest.mark.real


async def called(*arguments: str) -> tuple[int, Any]:
    """`esi … --json` to its end: exit code and answer."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "esi", *arguments, "--json"),
        env=ENVIRONMENT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        out, err = await process.communicate()
    assert process.returncode is not None
    assert out, err.decode()
    return process.returncode, json.loads(out)


async def equal(*arguments: str) -> None:
    """Until SQL and etcd hold the same: what was told again has been written."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await called("resync", *arguments))[0] != 0:
            await asyncio.sleep(0)


async def versions(kv: KV) -> dict[str, int]:
    found = await kv.list(keys.CONFIG + "/")
    return {entry.key: decode_config(entry.value, entry.key).version for entry in found.entries}


async def established(folder: Path) -> list[str]:
    """BGP sessions of the lab's routers, once there are four and all of them stand: two routers, each with its peer."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            _, answer = await called("lab", "list", "--folder", str(folder))
            found = [(one["name"], bgp) for one in answer["devices"] for bgp in one["bgp"]]
            up = sorted(f"{name} {bgp['peer']}" for name, bgp in found if bgp["state"] == "Established")
            if len(up) == len(found) == 4:
                return up


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_what_etcd_lost_comes_back_and_stays_active(
    require: Callable[[str], Path], request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    require("etcd")
    words: tuple[str, ...] = ("--folder", str(tmp_path))
    if database == "postgresql":
        url = request.getfixturevalue("postgresql").new_database()
        words += ("--set", f"database.url={url}", "--set", f"database.password={PASSWORD.reveal()}")
    interface, gateway = chain.interface(), chain.gateway()
    async with AsyncExitStack() as lab:
        await lab.enter_async_context(esi("lab", "--folder", str(tmp_path)))
        async with AsyncExitStack() as stack:
            start = stack.enter_async_context
            _, etcd = await start(esi("etcd", *words))
            where = (*words, "--etcd", etcd["etcd"])
            await start(esi("worker", *where, "--monitoring", "none"))
            _, api = await start(esi("api", *where, "--monitoring", "none", "--port", "0"))
            kv = EtcdKV([etcd["etcd"]], clock=SystemClock())
            stack.push_async_callback(kv.close)
            client = await start(Client(api["api"], clock=SystemClock()))
            await make_chain(client, [*chain.prerequisites(), gateway, interface])
            before = await versions(kv)
            sessions = await established(tmp_path)
            code, told = await called("resync", *where)
            assert (code, told["findings"]) == (0, [])

            path = f"/v2.0/vpn_interfaces/{interface.id}"
            lost, old, strange = (
                keys.config_key(f"/v2.0/{place}")
                for place in (f"vpn_interfaces/{interface.id}", f"vpn_gateways/{gateway.id}", "locations/nobody")
            )
            await kv.commit([Delete(lost), Put(old, encode_config(b"{}", 1)), Put(strange, encode_config(b"{}", 4))])
            code, told = await called("resync", *where)
            kinds = {(one["kind"], one["schema"]) for one in told["findings"]}
            kinds.discard(("unread", "vpn_interface"))  # the workers have taken it down, and may have said so
            assert kinds == {("missing", "vpn_interface"), ("older", "vpn_gateway"), ("orphan", "location")}
            assert code == 1
            code, told = await called("resync", *where, "--repair")
            assert (code, told["mended"], told["leader"]) == (0, 3, True)
            await equal(*where)
            assert await versions(kv) == before
            shown = await client.wait(interface.schema, interface.id, at_most=PATIENCE_SECONDS)
            assert shown["status"] == "ACTIVE"
            assert await established(tmp_path) == sessions
            assert await kv.get(keys.worker_config_key(path)) is not None

        async with AsyncExitStack() as anew:  # an etcd that knows nothing
            begin = anew.enter_async_context
            _, etcd = await begin(esi("etcd", "--folder", str(tmp_path / "new")))
            where = (*words, "--etcd", etcd["etcd"])
            kv = EtcdKV([etcd["etcd"]], clock=SystemClock())
            anew.push_async_callback(kv.close)
            code, told = await called("resync", *where, "--repair")
            assert (code, told["mended"], told["leader"]) == (0, len(before), False)
            await begin(esi("worker", *where, "--monitoring", "none"))
            _, api = await begin(esi("api", *where, "--monitoring", "none", "--port", "0"))
            await equal(*where)
            assert await versions(kv) == before
            assert await established(tmp_path) == sessions
            client = await begin(Client(api["api"], clock=SystemClock()))
            assert [(await client.show(one.schema, one.id))["status"] for one in (interface, gateway)] == ["ACTIVE"] * 2
            for wish in (interface, gateway):  # the workers know it again: it can be taken down
                await client.delete(wish.schema, wish.id)
                await client.wait_gone(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
