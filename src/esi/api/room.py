"""The server of the API: uvicorn inside this process, without its signal handlers, on a socket that is bound first."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from esi.api.app import Api
from esi.errors import Unreachable
from esi.identity import Authenticator
from esi.lifecycle import Lifecycle
from esi.store import Messages
from esi.tasks import Tasks
from esi.telemetry import Recorder

KEEP_ALIVE_SECONDS = 30
GRACE_SECONDS = 3
"""How long requests may still run once the room is told to end."""

MOST_CONNECTIONS = 2_000


class _Gathering:
    """A transport that writes what is written in one turn of the loop at once: head and body of an answer are one
    call into the kernel, and one packet. Everything else is the transport's.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            asyncio.get_running_loop().call_soon(self._flush)
        self._parts.append(data)

    def _flush(self) -> None:
        if self._parts:
            data, self._parts = b"".join(self._parts), []
            self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()


class _Protocol(HttpToolsProtocol):
    """uvicorn's, over a transport that gathers."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_Gathering(transport))  # type: ignore[arg-type]


class _Server(uvicorn.Server):
    """Signals belong to the command line, not to a room; `ready` is set when requests are answered."""

    def __init__(self, config: uvicorn.Config, ready: asyncio.Event) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()


class ApiRoom:
    """Serves until cancelled. `port` 0 takes a free one: `bound_port` says which, once `ready` is set."""

    name = "api"

    def __init__(
        self,
        lifecycle: Lifecycle,
        authenticator: Authenticator,
        *,
        host: str = "127.0.0.1",
        port: int = 9091,
        recorder: Recorder | None = None,
        messages: Messages | None = None,
    ) -> None:
        self._changes = lifecycle.changes
        self._api = Api(lifecycle, authenticator, recorder=recorder, messages=messages)
        self._host = host
        self._port = port
        self.bound_port = port
        self.ready = asyncio.Event()

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.bound_port}"

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # asyncio sets TCP_NODELAY only on sockets that name their protocol; without it each answer waits 40 ms
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._host, self._port))
        except OSError as error:
            listener.close()
            raise Unreachable(f"cannot listen on {self._host}:{self._port}: {error.strerror or error}") from error
        self.bound_port = listener.getsockname()[1]
        return listener

    async def run(self) -> None:
        listener = self._bind()
        self._changes.begin()
        config = uvicorn.Config(
            self._api,
            log_config=None,
            access_log=False,
            lifespan="off",
            http=_Protocol,
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            limit_concurrency=MOST_CONNECTIONS,
        )
        server = _Server(config, self.ready)
        try:
            async with Tasks(self.name) as tasks:
                serving = tasks.start("serve", server.serve([listener]))
                try:
                    await asyncio.shield(serving)
                finally:
                    self._changes.end()
                    server.should_exit = True
                    await asyncio.wait([serving])
        finally:
            self.ready.clear()
            listener.close()
