"""The messages of a process, brought to the API that keeps them: POST /esi/messages."""

from __future__ import annotations

from collections.abc import Callable

from esi.client.http import Http
from esi.clock import Clock
from esi.errors import Unreachable
from esi.telemetry import Secret


class HttpMessages:
    """`url` tells where the API is ("": not known yet). `token` is that of a caller with the role `worker`."""

    def __init__(self, url: Callable[[], str], token: Secret, clock: Clock) -> None:
        self._url = url
        self._token = token
        self._clock = clock
        self._http: Http | None = None

    async def take(self, data: bytes) -> None:
        """Have lines kept. Unreachable and others: they are not, or may not be."""
        http = await self._opened()
        await http.ask("POST", "/esi/messages", body={"lines": data.decode()})

    async def _opened(self) -> Http:
        url = self._url()
        if not url:
            raise Unreachable("the API has not been started yet, or trace.url must say where it is")
        if self._http is None or self._http.url != url.rstrip("/"):
            await self.close()
            self._http = Http(url, token=self._token.reveal(), clock=self._clock)
            await self._http.__aenter__()
        return self._http

    async def close(self) -> None:
        if self._http is not None:
            await self._http.__aexit__(None, None, None)
            self._http = None
