"""The server of the API: uvicorn inside this process, without its signal handlers, on a socket that is bound first, or
was handed over.

It ends politely. Nothing is accepted any more (a socket that was handed over keeps what comes for the next process),
and every answer says `Connection: close`. Who has a connection open, and may be about to ask on it, has a moment to
do so and is answered; only then what is idle is closed, and what still runs has its time of grace.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from esi.api.app import Api
from esi.api.connections import Connection, end_late
from esi.clock import Clock
from esi.identity import Authenticator
from esi.lifecycle import Lifecycle
from esi.runtime.service.sockets import listening
from esi.store import Messages
from esi.tasks import Tasks
from esi.telemetry import Recorder

KEEP_ALIVE_SECONDS = 30
READ_SECONDS = 30.0
"""How long a request may take to arrive."""

GRACE_SECONDS = 3
"""How long requests may still run once the room is told to end."""

LINGER_SECONDS = 0.5
"""How long a connection on which nothing runs is kept for a request that may be on its way."""

LOOK_SECONDS = 0.02
LOOK_TICKS = 5
"""Ticks of the server, of 0.1 s, between two looks at who is late."""

CLOSE = (b"connection", b"close")

MOST_CONNECTIONS = 2_000


class _Server(uvicorn.Server):
    """Signals belong to the command line, not to a room; `ready` is set when requests are answered. A request has
    `patience` seconds to arrive.
    """

    def __init__(self, config: uvicorn.Config, ready: asyncio.Event, clock: Clock, patience: float) -> None:
        super().__init__(config)
        self._ready = ready
        self._clock = clock
        self._patience = patience

    async def on_tick(self, counter: int) -> bool:
        if counter % LOOK_TICKS == 0:
            end_late(self.server_state.connections, asyncio.get_running_loop().time() - self._patience)
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        self.server_state.default_headers.append(CLOSE)  # in place: answers that are being made say it, too
        until = self._clock.monotonic() + LINGER_SECONDS
        while self.server_state.connections and self._clock.monotonic() < until:
            await self._clock.sleep(LOOK_SECONDS)
        await super().shutdown(sockets)


class ApiRoom:
    """Serves until cancelled. `port` 0 takes a free one: `bound_port` says which, once `ready` is set. Before it runs
    it may be given a socket that is open already (`inherited`), and another `grace` and `patience` in seconds.
    """

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
        self._clock = lifecycle.clock
        self.bound_port = port
        self.ready = asyncio.Event()
        self.inherited: socket.socket | None = None
        self.grace = GRACE_SECONDS
        self.patience = READ_SECONDS

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.bound_port}"

    async def run(self) -> None:
        listener = listening(self._host, self._port, self.inherited)
        self.bound_port = listener.getsockname()[1]
        self._changes.begin()
        config = uvicorn.Config(
            self._api,
            log_config=None,
            access_log=False,
            lifespan="off",
            http=Connection,
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=self.grace,
            limit_concurrency=MOST_CONNECTIONS,
        )
        server = _Server(config, self.ready, self._clock, self.patience)
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
