"""Our client on a cluster of three real etcds, of which one dies: writes go on, watches lose nothing, leases live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from esi.clock import SystemClock
from esi.errors import Outrun, Unreachable
from esi.kv import Guard, Put
from esi.kv.etcd import EtcdKV
from esi.testing.cluster import Cluster, running_cluster

pytestmark = pytest.mark.real

WRITES = 600


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with running_cluster(tmp_path) as cluster:
        yield cluster


async def write(kv: EtcdKV, number: int) -> None:
    """Write key number exactly once, whatever happens: the guard tells a lost reply from a lost write."""
    while True:
        try:
            await kv.commit([Put(f"/n/{number:04}", b"")], guards=[Guard.absent(f"/n/{number:04}")])
        except Unreachable:
            continue
        except Outrun:
            return
        else:
            return


async def seen(kv: EtcdKV, since: int) -> list[str]:
    keys: list[str] = []
    async with aclosing(kv.watch("/n/", since=since)) as batches:
        async for batch in batches:
            keys += [event.key for event in batch]
            if len(keys) == WRITES:
                break
    return keys


async def test_death_of_the_member_that_leads_and_that_we_speak_to_loses_nothing(cluster: Cluster) -> None:
    dies = await cluster.leader()
    endpoints = cluster.endpoints[dies:] + cluster.endpoints[:dies]
    kv, other = (EtcdKV(endpoints, clock=SystemClock(), deadline=30.0) for _ in range(2))
    lease = await kv.lease(5.0)
    since = await kv.commit([Put("/held", b"", lease)])
    watches = [asyncio.create_task(seen(client, since)) for client in (kv, other)]
    async with asyncio.timeout(60):
        for number in range(WRITES):
            if number == WRITES // 3:
                await cluster.kill(dies)
            await write(kv, number)
        expected = [f"/n/{number:04}" for number in range(WRITES)]
        assert await watches[0] == expected
        assert await watches[1] == expected
        assert await other.get("/held") is not None
        assert not lease.lost.is_set()
        await kv.close()
        await other.close()
