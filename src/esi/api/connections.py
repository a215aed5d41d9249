"""Connections of the API: uvicorn's, with two things it leaves open.

What an answer writes in one turn of the loop goes out at once. And nobody holds a connection by sending nothing, or a
byte now and then: a request that is not whole in time ends it, with an answer where its head was whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LATE = "esi.late"
"""The key in the scope of a request whose body has not come in time; what is received then is not the rest of it."""


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


class Connection(HttpToolsProtocol):
    """`waits_since` is the loop's time at which a request began to be waited for, or None while none is under way."""

    waits_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_Gathering(transport))  # type: ignore[arg-type]
        self.waits_since = self.loop.time()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.waits_since = self.loop.time()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.waits_since = None

    def end(self) -> None:
        """Wait no longer. Who reads a body answers that; to a half head there is no answer."""
        self.waits_since = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
            return
        self.cycle.keep_alive = False
        self.cycle.scope[LATE] = True  # type: ignore[literal-required]
        self.cycle.message_event.set()


def end_late(connections: Iterable[Any], since: float) -> None:
    """End the connections that wait since then, or longer."""
    for connection in [found for found in connections if isinstance(found, Connection)]:
        if connection.waits_since is not None and connection.waits_since <= since:
            connection.end()
