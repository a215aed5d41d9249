"""HTTP without a network: a request's bytes go into aiohttp's own protocol, the answer's bytes come out of it.

The application, its server, its parser and its limits are the real ones; there is no socket, so a hand-turned clock may
turn. One connection for one request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web


class Line(asyncio.Transport):
    """The server's side of a connection; `over` is done when the server has hung up."""

    def __init__(self) -> None:
        super().__init__()
        self.told = bytearray()
        self.over = asyncio.get_running_loop().create_future()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.told += data

    def writelines(self, pieces: Any) -> None:
        for piece in pieces:
            self.write(piece)

    def is_closing(self) -> bool:
        return self.over.done()

    def close(self) -> None:
        if not self.over.done():
            self.over.set_result(None)

    abort = close

    def pause_reading(self) -> None:
        return None

    resume_reading = pause_reading


class InProcess:
    """An application that is asked in its own process. To be used as `async with`."""

    def __init__(self, application: web.Application) -> None:
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False)

    async def __aenter__(self) -> InProcess:
        await self._runner.setup()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def ask(
        self, method: str, target: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and parsed body of the answer; status 0: hung up without one."""
        raw = b"" if body is None else orjson.dumps(body)
        lines = [f"{method} {target} HTTP/1.1", "Host: inside", "Connection: close", f"Content-Length: {len(raw)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        assert self._runner.server is not None
        line, protocol = Line(), self._runner.server()
        protocol.connection_made(line)
        protocol.data_received("\r\n".join([*lines, "", ""]).encode() + raw)
        await line.over
        protocol.connection_lost(None)
        head, _, told = bytes(line.told).partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1]) if head else 0
        return status, orjson.loads(told) if told else None
