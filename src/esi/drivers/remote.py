"""The owners of devices, reached over HTTP: the port Devices for a program that has no etcd (esi.devices.door)."""

from __future__ import annotations

import aiohttp

from esi.drivers import Intent, IntentResult
from esi.drivers.records import decode_answer, encode_intent
from esi.errors import EsiError, TimedOut, Unauthenticated, Unreachable
from esi.telemetry import Secret

PATIENCE_SECONDS = 3600.0
"""A commit may take long, and others may hold the lock; what ends a wait is the stack's own timeout."""


class HttpDevices:
    """`url` is the door's root. One pool of connections, opened when it is first needed."""

    def __init__(self, url: str, token: Secret) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._http: aiohttp.ClientSession | None = None

    async def submit(self, intent: Intent) -> IntentResult:
        """See `Devices`. Unauthenticated when the door does not know the token."""
        if self._http is None:
            timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS, sock_connect=10.0)
            headers = {"X-Auth-Token": self._token.reveal()} if self._token else {}
            self._http = aiohttp.ClientSession(
                timeout=timeout, headers=headers, connector=aiohttp.TCPConnector(limit=0)
            )
        try:
            async with self._http.post(f"{self._url}/intents", data=encode_intent(intent)) as reply:
                status, raw = reply.status, await reply.read()
        except aiohttp.ClientError as error:
            raise Unreachable(
                f"the owners of devices at {self._url} cannot be reached: {type(error).__name__}"
            ) from error
        except TimeoutError as error:
            raise TimedOut(f"the owners of devices at {self._url} did not answer") from error
        if status == 401:
            raise Unauthenticated(f"the owners of devices at {self._url} do not know our token (devices.token)")
        if status != 200:
            raise Unreachable(f"the owners of devices at {self._url} answer {status}")
        answer = decode_answer(raw, intent.id, "the owner's answer")
        if isinstance(answer, EsiError):
            raise answer
        return answer

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None
