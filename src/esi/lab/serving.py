"""The lab on the network: every device on a port of its own on this machine, for as long as the block lasts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import asyncssh

from esi.clock import Clock
from esi.errors import ConfigError
from esi.lab.router import Router
from esi.lab.sshd import NetconfChannel, Server, public_text
from esi.tasks import Tasks


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
    """Where a device is reached, what its host key is (an OpenSSH line), and the router behind it."""

    host: str
    port: int
    host_key_public: str
    router: Router


@asynccontextmanager
async def serve(devices: Sequence[LabDevice], *, clock: Clock, tasks: Tasks) -> AsyncIterator[Mapping[str, Served]]:
    """Start all devices; yields name → where it is. At the end connections are cut and ports are closed.

    Raises ConfigError for a bad day-0 configuration or key, or a port that cannot be had.
    """
    served: dict[str, Served] = {}
    async with AsyncExitStack() as stack:
        for device in devices:
            router = Router(device.name, device.day0, clock, commit_seconds=device.commit_seconds)
            served[device.name] = await stack.enter_async_context(_listen(device, router, tasks))
        yield served


@asynccontextmanager
async def _listen(device: LabDevice, router: Router, tasks: Tasks) -> AsyncIterator[Served]:
    connections: set[asyncssh.SSHServerConnection] = set()

    def channel(user: str) -> NetconfChannel:
        return NetconfChannel(router, user, tasks, chunks=device.chunks)

    class Door(Server):
        """A connection that is remembered while it lasts, so that it can be cut at the end."""

        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            self._connection = conn
            connections.add(conn)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.discard(self._connection)

    try:
        host_key = (
            asyncssh.import_private_key(device.host_key)
            if device.host_key
            else asyncssh.generate_private_key("ssh-ed25519")
        )
        allowed = frozenset(public_text(key) for key in device.keys)
        acceptor = await asyncssh.listen(
            device.host,
            device.port,
            server_factory=lambda: Door(channel, device.passwords, allowed),
            server_host_keys=[host_key],
            encoding=None,
            line_editor=False,
            keepalive_interval=15,
        )
    except (OSError, asyncssh.KeyImportError) as error:
        raise ConfigError(f"lab device {device.name}: {error}") from error
    try:
        yield Served(device.host, acceptor.get_port(), host_key.export_public_key().decode().strip(), router)
    finally:
        acceptor.close()
        open_now = list(connections)
        for connection in open_now:
            connection.abort()
        for connection in open_now:
            await connection.wait_closed()
        await acceptor.wait_closed()
