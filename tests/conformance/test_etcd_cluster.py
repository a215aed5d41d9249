"""Our client on a cluster of three real etcds, of which one dies: writes go on, watches lose nothing, leases live."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, aclosing, closing
from pathlib import Path

import pytest

from esi.clock import SystemClock
from esi.errors import Outrun, Unreachable
from esi.kv import Guard, Put
from esi.kv.child import find_etcd
from esi.kv.etcd import EtcdKV
from esi.testing.etcd import etcdctl, needs_etcd

pytestmark = pytest.mark.real

WRITES = 600


class Cluster:
    def __init__(self, members: list[asyncio.subprocess.Process], endpoints: list[str]) -> None:
        self.members = members
        self.endpoints = endpoints

    async def kill(self, index: int) -> None:
        self.members[index].kill()
        await self.members[index].wait()


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(closing(socket.socket())) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    needs_etcd()
    program, _ = find_etcd()
    ports = free_ports(6)
    clients = [f"127.0.0.1:{port}" for port in ports[:3]]
    peers = [f"http://127.0.0.1:{port}" for port in ports[3:]]
    initial = ",".join(f"m{number}={peer}" for number, peer in enumerate(peers))
    members: list[asyncio.subprocess.Process] = []
    try:
        for number in range(3):
            with (tmp_path / f"log{number}").open("wb") as log:
                flags = {
                    "name": f"m{number}",
                    "data-dir": str(tmp_path / f"m{number}"),
                    "listen-client-urls": f"http://{clients[number]}",
                    "advertise-client-urls": f"http://{clients[number]}",
                    "listen-peer-urls": peers[number],
                    "initial-advertise-peer-urls": peers[number],
                    "initial-cluster": initial,
                    "heartbeat-interval": "100",
                    "election-timeout": "1000",
                    "logger": "zap",
                    "log-level": "error",
                }
                command = [f"--{name}={value}" for name, value in flags.items()]
                members.append(await asyncio.create_subprocess_exec(program, *command, stdout=log, stderr=log, env={}))
        kv = EtcdKV(clients, clock=SystemClock(), deadline=30.0)
        await kv.get("/ready")
        await kv.close()
        yield Cluster(members, clients)
    finally:
        for member in members:
            if member.returncode is None:
                member.kill()
                await member.wait()


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


async def leader(cluster: Cluster) -> int:
    """Which member leads."""
    words = await asyncio.to_thread(
        etcdctl, ",".join(cluster.endpoints), "endpoint", "status", flags=["--write-out=json"]
    )
    for found in json.loads(words):
        if found["Status"]["leader"] == found["Status"]["header"]["member_id"]:
            return cluster.endpoints.index(found["Endpoint"])
    raise AssertionError(f"nobody leads: {words}")


async def test_death_of_the_member_that_leads_and_that_we_speak_to_loses_nothing(cluster: Cluster) -> None:
    dies = await leader(cluster)
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
