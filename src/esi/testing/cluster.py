"""A cluster of three real etcds on loopback, for tests: any member can be killed, and started again with its data."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from esi.clock import SystemClock
from esi.kv.child import find_etcd
from esi.kv.etcd import EtcdKV
from esi.testing.etcd import etcdctl, needs_etcd
from esi.testing.ports import free_ports

MEMBERS = 3
READY_SECONDS = 30.0


class Cluster:
    """`endpoints` are host:port of the members, in their order."""

    def __init__(self, folder: Path) -> None:
        ports = free_ports(2 * MEMBERS)
        self.endpoints = [f"127.0.0.1:{port}" for port in ports[:MEMBERS]]
        self._peers = [f"http://127.0.0.1:{port}" for port in ports[MEMBERS:]]
        self._folder = folder
        self._running: dict[int, asyncio.subprocess.Process] = {}

    async def start(self, index: int) -> None:
        """Start one member, for the first time or again."""
        program, _ = find_etcd()
        client, peer = f"http://{self.endpoints[index]}", self._peers[index]
        flags = {
            "name": f"m{index}",
            "data-dir": str(self._folder / f"m{index}"),
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": ",".join(f"m{number}={url}" for number, url in enumerate(self._peers)),
            "heartbeat-interval": "100",
            "election-timeout": "1000",
            "logger": "zap",
            "log-level": "error",
        }
        command = [f"--{name}={value}" for name, value in flags.items()]
        with (self._folder / f"log{index}").open("ab") as log:
            started = await asyncio.create_subprocess_exec(program, *command, stdout=log, stderr=log, env={})
        self._running[index] = started

    async def answers(self, index: int) -> None:
        """Wait until a member answers a read that goes through the leader."""
        kv = EtcdKV([self.endpoints[index]], clock=SystemClock(), deadline=READY_SECONDS)
        try:
            await kv.get("/ready")
        finally:
            await kv.close()

    async def leader(self) -> int:
        """Which member leads."""
        words = await asyncio.to_thread(
            etcdctl, ",".join(self.endpoints), "endpoint", "status", flags=["--write-out=json"]
        )
        for found in json.loads(words):
            if found["Status"]["leader"] == found["Status"]["header"]["member_id"]:
                return self.endpoints.index(found["Endpoint"])
        raise AssertionError(f"nobody leads: {words}")

    async def kill(self, index: int) -> None:
        member = self._running.pop(index)
        member.kill()
        await member.wait()

    async def close(self) -> None:
        for index in list(self._running):
            await self.kill(index)


@asynccontextmanager
async def running_cluster(folder: Path) -> AsyncIterator[Cluster]:
    """A fresh cluster in `folder`, all members up."""
    needs_etcd()
    cluster = Cluster(folder)
    try:
        for index in range(MEMBERS):
            await cluster.start(index)
        await asyncio.gather(*(cluster.answers(index) for index in range(MEMBERS)))
        yield cluster
    finally:
        await cluster.close()
