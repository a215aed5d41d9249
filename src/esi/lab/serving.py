"""The lab on the network: every device on a port of its own on this machine, for as long as the block lasts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import asyncssh

from esi.clock import Clock
from esi.errors import ConfigError
from esi.lab.router import Router
from esi.lab.snmp import router_agent, serve_snmp
from esi.lab.sshd import NetconfChannel, Server, public_text
from esi.lab.topology import Topology
from esi.tasks import Tasks

ACCEPT_SECONDS = 0.05


@dataclass(frozen=True)
class LabDevice:
    """A router to be served. `port` 0 takes a free one; `host_key` is a private key as text, made if empty.

    `passwords` names who may log in; `keys` are public keys (OpenSSH lines) that open the same names.
    """

    name: str
    day0: str
    passwords: Mapping[str, str] = field(repr=False)
    keys: Sequence[str] = ()
    host: str = "127.0.0.1"
    port: int = 0
    host_key: str = field(default="", repr=False)
    commit_seconds: float = 0.0
    chunks: bool = False


class Served(NamedTuple):
    """Where a device is reached, what its host key is (an OpenSSH line), the router behind it, the UDP port of SNMP."""

    host: str
    port: int
    host_key_public: str
    router: Router
    snmp_port: int


@asynccontextmanager
async def serve(
    devices: Sequence[LabDevice], *, clock: Clock, tasks: Tasks, topology: Topology | None = None
) -> AsyncIterator[Mapping[str, Served]]:
    """Start all devices; yields name → where it is. At the end connections are cut and ports are closed.

    `topology` says how they are connected; without it each stands alone. Raises ConfigError for a bad day-0
    configuration or key, or a port that cannot be had.
    """
    served: dict[str, Served] = {}
    async with AsyncExitStack() as stack:
        for device in devices:
            router = Router(device.name, device.day0, clock, commit_seconds=device.commit_seconds, topology=topology)
            served[device.name] = await stack.enter_async_context(_listen(device, router, tasks))
        yield served


@asynccontextmanager
async def _listen(device: LabDevice, router: Router, tasks: Tasks) -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        try:
            door = _Door(device, router, tasks)
            listener = stack.enter_context(socket.create_server((device.host, device.port), backlog=128))
            listener.setblocking(False)
            snmp = await stack.enter_async_context(serve_snmp(router_agent(router), device.host))
        except (OSError, asyncssh.KeyImportError) as error:
            raise ConfigError(f"lab device {device.name}: {error}") from error
        stack.push_async_callback(door.close)
        logins = await stack.enter_async_context(Tasks("logins"))
        logins.start("accept", door.accept(listener, logins))
        router.gate.openers.append(lambda: door.let_in(logins))
        yield Served(device.host, listener.getsockname()[1], door.host_key_public, router, snmp)


class _Door:
    """Who comes in, and who stays outside: connections to an unreachable router wait without a word."""

    def __init__(self, device: LabDevice, router: Router, tasks: Tasks) -> None:
        self._router = router
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._held: list[socket.socket] = []
        key = (
            asyncssh.import_private_key(device.host_key)
            if device.host_key
            else asyncssh.generate_private_key("ssh-ed25519")
        )
        self.host_key_public = key.export_public_key().decode().strip()
        allowed = frozenset(public_text(one) for one in device.keys)
        connections = self._connections

        class Remembered(Server):
            """A connection that is remembered while it lasts, so that it can be cut."""

            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                self._connection = conn
                connections.add(conn)

            def connection_lost(self, exc: Exception | None) -> None:
                connections.discard(self._connection)

        def channel(user: str) -> NetconfChannel:
            return NetconfChannel(router, user, tasks, chunks=device.chunks)

        self._options = asyncssh.SSHServerConnectionOptions(
            server_factory=lambda: Remembered(channel, device.passwords, allowed),
            server_host_keys=[key],
            encoding=None,
            line_editor=False,
            keepalive_interval=15,
        )
        router.gate.cutters.append(self._cut)

    async def accept(self, listener: socket.socket, logins: Tasks) -> None:
        """Take connections until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError:  # the client has gone already, or there are too many
                await self._router.clock.sleep(ACCEPT_SECONDS)
                continue
            self._held.append(connection)
            if self._router.gate.reachable(self._router.clock.monotonic()):
                self.let_in(logins)
            else:
                self._router.counts["held"] += 1

    def let_in(self, logins: Tasks) -> None:
        """Begin to speak with everybody who waits."""
        for connection in self._held:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
            logins.start("login", self._log_in(connection))
        self._held.clear()

    async def _log_in(self, connection: socket.socket) -> None:
        try:
            await asyncssh.run_server(connection, options=self._options)
        except (OSError, asyncssh.Error):
            connection.close()  # who could not or would not log in is gone

    def _cut(self) -> None:
        for connection in list(self._connections):
            connection.abort()

    async def close(self) -> None:
        """Cut everybody."""
        open_now = list(self._connections)
        self._cut()
        for held in self._held:
            held.close()
        for connection in open_now:
            await connection.wait_closed()
