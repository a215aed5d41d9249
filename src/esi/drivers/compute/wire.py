"""How requests reach an OpenStack: over HTTP, or in a simulation by calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp

from esi.client.keystone import Credentials, Grant, grant
from esi.clock import Clock
from esi.errors import TimedOut, Unreachable
from esi.telemetry import Secret

TIMEOUT_SECONDS = 60.0
NAMES: Mapping[str, str] = {"compute": "nova", "image": "glance", "orchestration": "heat"}
"""What people call the services of these types."""


class Wire(Protocol):
    """`service` is a type of the catalogue, as compute. Raises Unreachable or TimedOut."""

    async def log_in(self, credentials: Credentials) -> Grant:
        """A token, or Unauthenticated."""
        ...

    async def send(self, service: str, method: str, url: str, body: Any, *, token: Secret) -> tuple[int, bytes]:
        """Status and body of the answer to one request."""
        ...

    async def close(self) -> None: ...


class HttpWire:
    """One pool of connections."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._http: aiohttp.ClientSession | None = None

    async def log_in(self, credentials: Credentials) -> Grant:
        return await grant(credentials, clock=self._clock)

    async def send(self, service: str, method: str, url: str, body: Any, *, token: Secret) -> tuple[int, bytes]:
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS))
        headers = {"X-Auth-Token": token.reveal(), "Accept": "application/json"}
        try:
            async with self._http.request(method, url, json=body, headers=headers) as reply:
                return reply.status, await reply.read()
        except TimeoutError as error:
            words = f"{NAMES[service]} at {_root(url)} did not answer within {TIMEOUT_SECONDS:g} s"
            raise TimedOut(words, who=service) from error
        except (aiohttp.ClientError, OSError) as error:
            words = f"{NAMES[service]} at {_root(url)} cannot be reached: {type(error).__name__}"
            raise Unreachable(words, who=service) from error

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None


def _root(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
