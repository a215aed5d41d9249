"""An HTTP application on an address of its own: bound when it runs, ready once it answers, drained at the end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from aiohttp import web

from esi.runtime.service.sockets import listening

GRACE_SECONDS = 2.0


class HttpDoor:
    """Serves what `app` makes until cancelled. `port` 0 takes a free one: `url` is right once `ready` is set. A socket
    that is `inherited` is listened on instead.
    """

    def __init__(self, name: str, app: Callable[[], web.Application], *, host: str, port: int) -> None:
        self.name = name
        self.ready = asyncio.Event()
        self.bound_port = port
        self.inherited: socket.socket | None = None
        self._app = app
        self._host = host

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.bound_port}"

    async def run(self) -> None:
        runner = web.AppRunner(self._app(), access_log=None, handle_signals=False, shutdown_timeout=GRACE_SECONDS)
        await runner.setup()
        try:
            await web.SockSite(runner, listening(self._host, self.bound_port, self.inherited)).start()
            self.bound_port = runner.addresses[0][1]
            self.ready.set()
            await asyncio.Event().wait()
        finally:
            self.ready.clear()
            await runner.cleanup()
