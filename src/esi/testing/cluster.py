"""A cluster of three real etcds on loopback, for tests: any member can be killed, and started again with its data.

`secured` ones speak TLS, to each other too, ask for a client certificate, and let in one user beside root: `esi`, whose
role may use the ranges that it was given and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from esi.clock import SystemClock
from esi.errors import Rejected
from esi.kv.child import find_etcd
from esi.kv.connection import Login, Tls
from esi.kv.etcd import EtcdKV
from esi.telemetry import Secret
from esi.testing.etcd import etcdctl, needs_etcd
from esi.testing.pki import certificates
from esi.testing.ports import free_ports
from esi.tether import tethered

MEMBERS = 3
READY_SECONDS = 30.0
ROOT, USER = Login("root", Secret("of the tests")), Login("esi", Secret("a word of the tests"))
ANYTHING = ("",)


class Cluster:
    """`endpoints` are host:port of the members, in their order. `files` are those of its TLS, if it speaks it."""

    def __init__(self, folder: Path, *, secured: bool = False) -> None:
        ports = free_ports(2 * MEMBERS)
        self.endpoints = [f"127.0.0.1:{port}" for port in ports[:MEMBERS]]
        self.files = certificates(folder / "pki") if secured else {}
        self.tls = self._client_tls() if secured else None
        self.login: Login | None = None
        self.quota_bytes = 0
        self._scheme = "https" if secured else "http"
        self._peers = [f"{self._scheme}://127.0.0.1:{port}" for port in ports[MEMBERS:]]
        self._folder = folder
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def _client_tls(self) -> Tls:
        return Tls.load(self.files["ca.pem"], self.files["client.pem"], self.files["client.key"])

    def client(self, *, endpoints: Sequence[str] = (), deadline: float = READY_SECONDS) -> EtcdKV:
        """A client of all members, or of some, as the user of the ring."""
        login = self.login and USER
        return EtcdKV(
            list(endpoints or self.endpoints), clock=SystemClock(), tls=self.tls, login=login, deadline=deadline
        )

    @property
    def started(self) -> bool:
        """Whether any member runs."""
        return bool(self._running)

    async def start(self, index: int) -> None:
        """Start one member, for the first time or again."""
        program, _ = find_etcd()
        client, peer = f"{self._scheme}://{self.endpoints[index]}", self._peers[index]
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
        if self.quota_bytes:
            flags["quota-backend-bytes"] = str(self.quota_bytes)
        if self.files:
            for side in ("", "peer-"):
                flags |= {
                    f"{side}cert-file": str(self.files["server.pem"]),
                    f"{side}key-file": str(self.files["server.key"]),
                }
                flags |= {f"{side}trusted-ca-file": str(self.files["ca.pem"]), f"{side}client-cert-auth": "true"}
        command = tethered([program, *(f"--{name}={value}" for name, value in flags.items())])
        with (self._folder / f"log{index}").open("ab") as log:
            self._running[index] = _started(command, log)

    async def answers(self, index: int) -> None:
        """Wait until a member answers a read that goes through the leader; a refusal of our user is an answer."""
        kv = self.client(endpoints=[self.endpoints[index]])
        try:
            await kv.get("/ready")
        except Rejected:
            return
        finally:
            await kv.close()

    async def ctl(self, *arguments: str) -> str:
        """What etcdctl says, as root where users are asked for."""
        flags = ["--write-out=json"] if arguments[0] == "endpoint" else []
        if self.files:
            flags += [f"--cacert={self.files['ca.pem']}", f"--cert={self.files['client.pem']}"]
            flags += [f"--key={self.files['client.key']}"]
        if self.login:
            flags.append(f"--user={ROOT.user}:{ROOT.password.reveal()}")
        return await asyncio.to_thread(etcdctl, ",".join(self.endpoints), *arguments, flags=flags)

    async def ask_for_users(self, ranges: Sequence[str]) -> None:
        """From now on only root and `esi` are let in; `esi` may use these prefixes."""
        for login in (ROOT, USER):
            await self.ctl("user", "add", f"{login.user}:{login.password.reveal()}")
        await self.ctl("role", "add", "esi")
        for prefix in ranges:
            await self.ctl("role", "grant-permission", "--prefix=true", "esi", "readwrite", prefix)
        await self.ctl("user", "grant-role", "root", "root")
        await self.ctl("user", "grant-role", "esi", "esi")
        await self.ctl("auth", "enable")
        self.login = USER

    async def leader(self) -> int:
        """Which member leads."""
        words = await self.ctl("endpoint", "status")
        for found in json.loads(words):
            if found["Status"]["leader"] == found["Status"]["header"]["member_id"]:
                return self.endpoints.index(found["Endpoint"].removeprefix("https://"))
        raise AssertionError(f"nobody leads: {words}")

    async def kill(self, index: int) -> None:
        member = self._running.pop(index)
        member.kill()
        await asyncio.to_thread(member.wait)

    async def restart(self, *indexes: int) -> None:
        """Kill these members, start them again, and wait until all answer."""
        for index in indexes:
            await self.kill(index)
        for index in indexes:
            await self.start(index)
        await asyncio.gather(*(self.answers(index) for index in range(MEMBERS)))

    async def open(self, ranges: Sequence[str] = ()) -> None:
        """All members up; with `ranges` only known users are let in."""
        for index in range(MEMBERS):
            await self.start(index)
        await asyncio.gather(*(self.answers(index) for index in range(MEMBERS)))
        if ranges:
            await self.ask_for_users(ranges)

    async def close(self) -> None:
        for index in list(self._running):
            await self.kill(index)


def _started(command: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Not of one event loop: a cluster may serve many tests, each with a loop of its own."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={})


@asynccontextmanager
async def running_cluster(folder: Path, *, ranges: Sequence[str] = ()) -> AsyncIterator[Cluster]:
    """A fresh cluster in `folder`, all members up. With `ranges` it is secured, and the user `esi` may use them."""
    needs_etcd()
    cluster = Cluster(folder, secured=bool(ranges))
    try:
        await cluster.open(ranges)
        yield cluster
    finally:
        await cluster.close()
