"""NETCONF over SSH in front of a router: the subsystem, or the commands that clients fall back to.

One request is answered after the other, as on a real router; answers of one turn of the loop go as one packet, as what
fills a pipe does. However a session ends, by request, by kill or by a lost
connection, the router hears of it at once and frees the lock.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import asyncssh

from esi.errors import Unreachable
from esi.lab import replies
from esi.lab.gate import Dropped
from esi.lab.router import Router
from esi.lab.session import LabSession
from esi.lab.words import Fault
from esi.netconf.framing import Framer, Version, frame
from esi.netconf.hello import Hello, choose_version, parse_hello
from esi.netconf.rpc import build_reply
from esi.tasks import Tasks

_COMMANDS = ("netconf", "xml-mode netconf", "xml-mode netconf need-trailer")


class Server(asyncssh.SSHServer):
    """One connection: who may come in, by password or by key."""

    def __init__(
        self, sessions: Callable[[str], NetconfChannel], passwords: Mapping[str, str], keys: frozenset[str]
    ) -> None:
        self._sessions, self._passwords, self._keys = sessions, passwords, keys
        self._user = ""

    def begin_auth(self, username: str) -> bool:
        self._user = username
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        known = self._passwords.get(username)
        return known is not None and hmac.compare_digest(known.encode(), password.encode())

    def public_key_auth_supported(self) -> bool:
        return bool(self._keys)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username in self._passwords and _public(key) in self._keys

    def session_requested(self) -> NetconfChannel:
        return self._sessions(self._user)


class NetconfChannel(asyncssh.SSHServerSession[bytes]):
    """One SSH channel: a session of the router, requests in a queue, a task that answers them."""

    def __init__(self, router: Router, user: str, tasks: Tasks, *, chunks: bool = False) -> None:
        self._router, self._user, self._tasks, self._chunks = router, user, tasks, chunks
        self._framer = Framer(who=f"{router.name} client")
        self._version: Version = "1.0"
        self._greeted = False
        self._requests: asyncio.Queue[bytes] = asyncio.Queue()
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._session: LabSession | None = None
        self._answering: asyncio.Task[None] | None = None
        self._at_work = False
        self._unsent: list[bytes] = []

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "netconf"

    def exec_requested(self, command: str) -> bool:
        return command.strip() in _COMMANDS

    def session_started(self) -> None:
        try:
            self._session = self._router.open(self._user)
        except Unreachable:  # it fell while somebody logged in
            self._abort()
            return
        self._session.ended.append(self._ended)
        self._write(replies.hello(self._session.number, self._user, chunks=self._chunks))
        self._answering = self._tasks.start(f"session {self._session.number}", self._answer(self._session))

    def data_received(self, data: bytes, datatype: int | None) -> None:
        try:
            for document in self._framer.feed(data):
                self._take(document)
        except Unreachable:
            self._refuse()

    def eof_received(self) -> bool:
        self._leave()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._channel = None
        self._leave()

    def _take(self, document: bytes) -> None:
        if self._greeted:
            self._requests.put_nowait(document)
            return
        self._greeted = True
        try:
            ours = Hello(frozenset(replies.capabilities(chunks=self._chunks)))
            self._version = choose_version(ours, parse_hello(document))
        except Unreachable:
            # Routers do not insist on the client's hello: what came instead may be the first request.
            self._requests.put_nowait(document)
        for waiting in self._framer.use(self._version):
            self._requests.put_nowait(waiting)

    async def _answer(self, session: LabSession) -> None:
        try:
            while session.open:
                document = await self._requests.get()
                self._at_work = True
                try:
                    self._write(await session.handle(document))
                except Dropped:
                    self._abort()
                except Unreachable:
                    self._refuse()
                finally:
                    self._at_work = False
        finally:
            session.close()
            self._goodbye()

    def _refuse(self) -> None:
        """What came is no NETCONF: say so and hang up."""
        self._write(build_reply(None, replies.errors([Fault("syntax error", tag="malformed-message")])))
        self._leave()

    def _abort(self) -> None:
        """Cut the whole connection, without a word."""
        self._flush()
        if self._channel is not None:
            self._channel.get_connection().abort()
            self._channel = None

    def _leave(self) -> None:
        if self._session is not None:
            self._session.close()

    def _ended(self) -> None:
        """The router's session is over. A request that is being answered still gets its reply, then `_answer` ends."""
        if not self._at_work:
            if self._answering is not None:
                self._answering.cancel()
            self._goodbye()

    def _goodbye(self) -> None:
        self._flush()
        if self._channel is not None:
            at = datetime.fromtimestamp(self._router.clock.now(), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            self._channel.write(f"<!-- session end at {at} -->\n".encode())
            self._channel.exit(0)
            self._channel = None

    def _write(self, document: bytes) -> None:
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(frame(document, self._version) + (b"\n" if self._version == "1.0" else b""))

    def _flush(self) -> None:
        if self._unsent and self._channel is not None:
            self._channel.write(b"".join(self._unsent))
        self._unsent.clear()


def _public(key: asyncssh.SSHKey) -> str:
    """A public key as text without its comment, to compare."""
    return " ".join(key.export_public_key().decode().split()[:2])


def public_text(key: str) -> str:
    """The same for a key given as a line of an authorized_keys file. Raises asyncssh.KeyImportError."""
    return _public(asyncssh.import_public_key(key))
