"""One HTTP connection pool to the API. A refusal comes back as the server's own error class with its own sentence.

The server says what is wrong as `{"error": sentence, "code": stable word, "details": {...}}`; the code picks the class
of esi.errors. An answer that is not of that shape (a proxy's page, another program on the port) is classed by its
status. What cannot be reached at all is Unreachable; nothing is tried twice here, because the caller knows what may be.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import aiohttp

from esi.clock import Clock
from esi.errors import (
    Broken,
    Busy,
    Conflict,
    EsiError,
    Forbidden,
    Invalid,
    NotFound,
    QuotaExceeded,
    RequestError,
    TemporaryError,
    TerminalError,
    TimedOut,
    TooLarge,
    Unauthenticated,
    Unreachable,
)

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 30.0

_BY_CODE: Mapping[str, type[EsiError]] = {
    kind.code: kind
    for kind in (
        *(Invalid, Unauthenticated, Forbidden, NotFound, Conflict, QuotaExceeded, TooLarge, RequestError),
        *(Unreachable, Busy, TimedOut, TemporaryError, TerminalError, Broken),
    )
}
_BY_STATUS: Mapping[int, type[EsiError]] = {
    400: Invalid,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    502: Unreachable,
    503: Unreachable,
    504: TimedOut,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `body` is the parsed JSON (None when there was none), `total` the X-Total-Count of a list."""

    status: int
    body: Any
    total: int | None = None


class Http:
    """`url` is the server's root, as http://127.0.0.1:9091. `token` and `tenant` go along with every request."""

    def __init__(self, url: str, *, token: str = "", tenant: str = "", clock: Clock) -> None:
        self.url = url.rstrip("/")
        self._clock = clock
        self._headers = {"Accept": "application/json"}
        if token:
            self._headers["X-Auth-Token"] = token
        if tenant:
            self._headers["X-Tenant"] = tenant
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Http:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None) -> Answer:
        """Send one request. Raises the server's error, Unreachable or TimedOut."""
        if self._session is None:
            raise Broken("the client is used outside its `async with`")
        began = self._clock.monotonic()
        try:
            async with self._session.request(method, self.url + path, params=query, json=body) as reply:
                status, raw, headers = reply.status, await reply.read(), reply.headers
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise Invalid(f"{self.url} is not the address of an API; it looks like http://127.0.0.1:9091") from error
        except aiohttp.ClientError as error:
            raise Unreachable(f"the API at {self.url} cannot be reached: {_why(error)}", url=self.url) from error
        except TimeoutError as error:
            raise TimedOut(
                f"the API at {self.url} did not answer within {TIMEOUT_SECONDS:g} s", url=self.url
            ) from error
        log.debug("%s %s%s -> %d in %.0f ms", method, self.url, path, status, (self._clock.monotonic() - began) * 1e3)
        parsed = _parsed(raw)
        if status >= 400:
            raise refusal(status, parsed, raw)
        if raw and parsed is None:
            raise Broken(f"{self.url}{path} answered {status} with something that is not JSON")
        total = headers.get("X-Total-Count", "")
        return Answer(status, parsed, int(total) if total.isdigit() else None)


def refusal(status: int, parsed: Any, raw: bytes) -> EsiError:
    """The error that an answer of this status stands for, with the server's sentence and details."""
    said = parsed if isinstance(parsed, dict) else {}
    kind = _BY_CODE.get(str(said.get("code", ""))) or _BY_STATUS.get(status)
    if kind is None:
        kind = RequestError if status < 500 else Broken
    words = said.get("error") or raw[:300].decode(errors="replace").strip() or "no reason given"
    error = kind(str(words))
    details = said.get("details")
    error.details = {**details, "status": status} if isinstance(details, dict) else {"status": status}
    return error


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None


def _why(error: aiohttp.ClientError) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return os.strerror(number) if number and number > 0 else str(error.os_error)
    return str(error) or type(error).__name__
