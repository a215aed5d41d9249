"""NETCONF over SSH (RFC 6242): where devices are really reached, who they are, and the errors of getting there.

A device's host key is pinned in the inventory. A key that is not the pinned one is refused, and so is a device without
a pinned key: whoever answers there could be anybody. Keys are tried before the password. Nothing of the user's own SSH
(agent, config, known hosts) is used.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncssh

from esi.drivers import Address
from esi.drivers.endpoint import Endpoint, Ways
from esi.drivers.netconf import NetconfSession
from esi.errors import ConfigError, Rejected, TemporaryError, Unreachable
from esi.telemetry import Secret

KEEPALIVE_SECONDS = 15
KEEPALIVE_MISSES = 3
CLOSE_SECONDS = 2.0

PACKET_BYTES = 8_000
"""What waits to be sent goes when it is so much: a device reads the first loads while the others are made."""

CIPHERS = "^aes256-gcm@openssh.com,aes128-gcm@openssh.com"
"""What is asked for first: one call, and the processor's own AES, for a packet, a sixth of what chacha20-poly1305 takes
with its three ciphers. All others are offered behind them, as ever."""


class _Stream(asyncssh.SSHClientSession[bytes]):
    """The wire of a conversation: one SSH channel on a connection of its own.

    What is written in one turn of the loop goes in few packets: each is encrypted by itself, and a call to the kernel.
    """

    session: NetconfSession
    channel: asyncssh.SSHClientChannel[bytes]

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self._connection = connection
        self._unsent = b""

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self.channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if datatype is None:
            self.session.feed(data)

    def eof_received(self) -> bool:
        self.session.lost("the device closed it")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.session.lost(str(exc) if exc and str(exc) else "the connection is gone")

    def write(self, data: bytes) -> None:
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent += data
        if len(self._unsent) >= PACKET_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._unsent and not self.channel.is_closing():
            self.channel.write(self._unsent)
        self._unsent = b""

    def hang_up(self) -> None:
        self._flush()
        self._connection.close()

    async def closed(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._connection.wait_closed()
        except TimeoutError:  # what was written last goes nowhere: do not wait for TCP to find that out
            self._connection.abort()
            await self._connection.wait_closed()


async def dial(address: Address, endpoint: Endpoint, ways: Ways, *, known_hosts: Path | None = None) -> NetconfSession:
    """Connect, log in, exchange hellos. `known_hosts` is asked only for an endpoint without a pinned key.

    Unreachable: nobody answers, or it breaks. Rejected: the host key is not the pinned one, the login is refused, or
    there is no NETCONF.
    """
    who = address.ip
    try:
        async with asyncio.timeout(ways.timeouts.connect):
            connection = await asyncssh.connect(
                endpoint.host,
                endpoint.port,
                username=address.username,
                password=_plain(address.password) or None,
                client_keys=[str(path) for path in endpoint.client_keys] or None,
                preferred_auth="publickey,password",
                known_hosts=_trusted(endpoint, who, known_hosts),
                agent_path=None,
                config=[],
                encryption_algs=CIPHERS,
                keepalive_interval=KEEPALIVE_SECONDS,
                keepalive_count_max=KEEPALIVE_MISSES,
            )
    except TimeoutError as error:
        raise Unreachable(f"{who}: no connection within {ways.timeouts.connect:.0f} s", who=who) from error
    except (OSError, asyncssh.Error) as error:
        raise _fault(who, endpoint, error) from error
    try:
        return await _open(connection, who, ways)
    except BaseException:
        connection.abort()
        await connection.wait_closed()
        raise


async def _open(connection: asyncssh.SSHClientConnection, who: str, ways: Ways) -> NetconfSession:
    stream = _Stream(connection)
    stream.session = NetconfSession(who, stream, clock=ways.clock, recorder=ways.recorder, rpcs=ways.rpcs)
    try:
        await connection.create_session(lambda: stream, subsystem="netconf", encoding=None)
        await stream.session.greet(timeout=ways.timeouts.connect)
    except asyncssh.ChannelOpenError as error:
        raise Rejected(who, f"no NETCONF: {error.reason}") from error
    except (OSError, asyncssh.Error) as error:
        raise Unreachable(f"{who}: {error}", who=who) from error
    return stream.session


def _trusted(endpoint: Endpoint, who: str, known_hosts: Path | None) -> object:
    if endpoint.host_key is not None:
        try:
            return ([asyncssh.import_public_key(endpoint.host_key)], [], [])
        except asyncssh.KeyImportError as error:
            raise ConfigError(f"the host key of {who} in the inventory is not a public key: {error}") from error
    if known_hosts is not None:
        return str(known_hosts)
    raise Rejected(who, "no host key is pinned in the inventory, so nobody there can be trusted")


def _fault(who: str, endpoint: Endpoint, error: OSError | asyncssh.Error) -> Rejected | TemporaryError:
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return Rejected(who, f"its host key is not the pinned one ({error.reason})", host=endpoint.host)
    if isinstance(error, asyncssh.PermissionDenied):
        return Rejected(who, f"login refused ({error.reason})", host=endpoint.host)
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Unreachable(f"{who}: {endpoint.host}:{endpoint.port}: {words}", who=who)


def _plain(password: str) -> str:
    return password.reveal() if isinstance(password, Secret) else password
