"""The way to etcd: one channel per endpoint, one of them in use; tokens; and which calls may be tried again.

A call goes out only on a channel that is connected, so "cannot connect" never leaves a doubt. When a call was sent and
its reply is lost, a read is sent again; a write is not: it may have been done, so it ends as Unreachable and its caller
reads again (its guards tell it what happened). Errors in which etcd itself says that nothing was done repeat both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from esi.clock import Clock
from esi.errors import ConfigError, EsiError, Unreachable
from esi.kv import rpc_pb2 as pb
from esi.kv.wire import AUTHENTICATE, CHANNEL_OPTIONS, Method, Q, R, Verdict, judge
from esi.telemetry import Secret

CONNECT_SECONDS = 2.0
"""How long one endpoint may take to connect before the next one is tried."""

READ_SECONDS = 2.0
"""How long one endpoint may think about something small that can be asked again elsewhere. What reaches a member in the
moment in which its leader dies is lost there, and answered by nothing but a timeout, after 7 s (etcd 3.4).
"""

PAGE_SECONDS = 5.0
"""The same for a page of a listing, which may be large."""

WRITE_SECONDS = 3.0
"""How long a write is waited for. Then whether it was done is unknown, as when a connection breaks."""

Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM texts: the CA that signed the server's certificate, and our own certificate and key where it asks for one."""

    ca: bytes
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)

    @staticmethod
    def load(ca: Path, certificate: Path | None = None, key: Path | None = None) -> Tls:
        """Read the files; ConfigError names each that cannot be read."""
        faults: list[str] = []

        def read(path: Path | None) -> bytes | None:
            try:
                return path.read_bytes() if path else None
            except OSError as error:
                faults.append(f"cannot read {path}: {error.strerror}")
                return None

        texts = read(ca), read(certificate), read(key)
        if faults:
            raise ConfigError(faults)
        return Tls(texts[0] or b"", texts[1], texts[2])

    def credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(self.ca, self.key, self.certificate)


@dataclass(frozen=True, slots=True)
class Login:
    user: str
    password: Secret


def login_request(login: Login) -> pb.AuthenticateRequest:
    return pb.AuthenticateRequest(name=login.user, password=login.password.reveal())


class Link:
    """A channel to one endpoint, with its callables made once."""

    def __init__(self, endpoint: str, tls: Tls | None) -> None:
        options = list(CHANNEL_OPTIONS)
        if tls is None:
            self.channel = grpc.aio.insecure_channel(endpoint, options)
        else:
            self.channel = grpc.aio.secure_channel(endpoint, tls.credentials(), options)
        self._unary: dict[str, Any] = {}

    def unary(self, method: Method[Q, R]) -> grpc.aio.UnaryUnaryMultiCallable[Q, R]:
        call = self._unary.get(method.path)
        if call is None:
            call = self.channel.unary_unary(method.path, method.request.SerializeToString, method.reply.FromString)
            self._unary[method.path] = call
        return call

    def stream(self, method: Method[Q, R]) -> grpc.aio.StreamStreamMultiCallable[Q, R]:
        return self.channel.stream_stream(method.path, method.request.SerializeToString, method.reply.FromString)

    def connected(self) -> bool:
        return self.channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY

    async def connect(self) -> bool:
        """Wait until the channel is connected; False when it failed or took longer than CONNECT_SECONDS."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                while (state := self.channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.READY:
                    if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                        return False
                    await self.channel.wait_for_state_change(state)
                return True
        except TimeoutError:
            return False


class Connection:
    """Calls to a cluster of endpoints (`host:port`). `deadline`: seconds of trying before Unreachable."""

    def __init__(
        self, endpoints: Sequence[str], *, clock: Clock, tls: Tls | None, login: Login | None, deadline: float
    ) -> None:
        if not endpoints:
            raise ConfigError("no etcd endpoint given")
        self.where = ", ".join(endpoints)
        self.clock = clock
        self.login = login
        self.token: str | None = None
        self._endpoints = list(endpoints)
        self._tls = tls
        self._deadline = deadline
        self._links: dict[str, Link] = {}
        self._at = 0
        self._logging_in = asyncio.Lock()
        self.closed = False

    def unreachable(self) -> Unreachable:
        return Unreachable(f"etcd does not answer at {self.where}", endpoints=self.where)

    async def call(self, method: Method[Q, R], request: Q, *, repeat: bool = True, patience: float = READ_SECONDS) -> R:
        """One unary call. `repeat` False: a write, sent again only if etcd says that it was not done. `patience` for
        one answer, in seconds.
        """
        give_up = self.clock.monotonic() + self._deadline
        pause = 0.02
        while True:
            left = give_up - self.clock.monotonic()
            left = min(left, patience)
            link, token = await self.ready(give_up)
            try:
                return await link.unary(method)(request, timeout=max(left, 0.1), metadata=token)
            except grpc.aio.AioRpcError as error:
                verdict = judge(error, self.where)
                if isinstance(verdict, EsiError):
                    raise verdict from error
                self.failed(link, verdict, token)
                if verdict is Verdict.UNKNOWN and not repeat:
                    raise self.unreachable() from error
                if self.clock.monotonic() + pause > give_up:
                    raise self.unreachable() from error
            except asyncio.CancelledError:
                self.check_closed()
                raise
            await self.clock.sleep(pause)
            pause = min(pause * 2, 1.0)

    async def ready(self, give_up: float | None = None) -> tuple[Link, Metadata]:
        """A connected link and the token header. A login that fails for now is tried elsewhere, as a read is."""
        pause = 0.02
        while True:
            link = await self.link(give_up)
            try:
                return link, await self._metadata(link)
            except grpc.aio.AioRpcError as error:
                verdict = judge(error, self.where)
                if isinstance(verdict, EsiError):
                    raise verdict from error
                self._turn(link)
                if give_up is not None and self.clock.monotonic() + pause > give_up:
                    raise self.unreachable() from error
            except asyncio.CancelledError:
                self.check_closed()
                raise
            await self.clock.sleep(pause)
            pause = min(pause * 2, 1.0)

    def check_closed(self) -> None:
        """gRPC cancels what is under way when a channel closes: to us that is Unreachable, unless we were cancelled."""
        task = asyncio.current_task()
        if self.closed and task is not None and not task.cancelling():
            raise self.unreachable() from None

    async def link(self, give_up: float | None = None) -> Link:
        """A connected link, at once if there is one; Unreachable when none is found before `give_up` (None: never)."""
        link = self._current()
        if link.connected():
            return link
        pause = 0.02
        while not self.closed:
            for _ in self._endpoints:
                if await link.connect():
                    return link
                self._turn(link)
                link = self._current()
            if give_up is not None and self.clock.monotonic() + pause > give_up:
                break
            await self.clock.sleep(pause)
            pause = min(pause * 2, 1.0)
        raise self.unreachable()

    def failed(self, link: Link, verdict: Verdict, token: Metadata) -> None:
        """Draw the consequence of a failed call: forget a stale token, or go to another endpoint."""
        if verdict is not Verdict.NEW_TOKEN:
            self._turn(link)
        elif token and token[0][1] == self.token:
            self.token = None

    def _current(self) -> Link:
        if self.closed:
            raise self.unreachable()
        endpoint = self._endpoints[self._at]
        link = self._links.get(endpoint)
        if link is None:
            link = self._links[endpoint] = Link(endpoint, self._tls)
        return link

    def _turn(self, failed: Link) -> None:
        """Use the next endpoint, unless another call has turned already."""
        if not self.closed and self._current() is failed:
            self._at = (self._at + 1) % len(self._endpoints)

    async def _metadata(self, link: Link) -> Metadata:
        """The token header; logs in first where there is a login and no token."""
        if self.login is None:
            return ()
        if self.token is None:
            async with self._logging_in:
                if self.token is None:
                    self.token = await self._log_in(link, self.login)
        return (("token", self.token),) if self.token else ()

    async def _log_in(self, link: Link, login: Login) -> str | None:
        try:
            patience = min(self._deadline, READ_SECONDS)
            return (await link.unary(AUTHENTICATE)(login_request(login), timeout=patience)).token
        except grpc.aio.AioRpcError as error:
            if "authentication is not enabled" in (error.details() or ""):
                return ""
            raise

    async def close(self) -> None:
        self.closed = True
        for link in self._links.values():
            await link.channel.close()
