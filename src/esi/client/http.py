"""One HTTP connection pool to the API. A refusal comes back as the server's own error class with its own sentence.

The server says what is wrong as `{"error": sentence, "code": stable word, "details": {...}, ...}`; the code picks the
class of esi.errors. An answer that is not of that shape (a proxy's page, another program on the port) is classed by its
status. What cannot be reached at all is Unreachable; nothing is tried twice here, because the caller knows what may be.
"""

from __future__ import annotations

import json
import logging
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """What came back: `body` is the parsed JSON (None when there was none), `total` the X-Total-Count of a list, `tag`
    the ETag. `headers` are as they came.
    """

    status: int
    body: Any
    total: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        return self.headers.get("ETag", "")


class Http:
    """`url` is the root of `who`, as http://127.0.0.1:9091. `token` and `tenant` go along with every request."""

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        tenant: str = "",
        clock: Clock,
        who: str = "the API",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._who = who
        self._clock = clock
        self._headers = {"Accept": "application/json"}
        if token:
            self._headers["X-Auth-Token"] = token
        if tenant:
            self._headers["X-Tenant"] = tenant
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Http:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        connector = aiohttp.TCPConnector(ssl=self._tls) if self._tls is not None else None
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=timeout, connector=connector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None, known: str = ""
    ) -> Answer:
        """Send one request. Raises the server's error, Unreachable or TimedOut. `known` is the ETag of what the caller
        knows: the answer's status is 304 when there is nothing else.
        """
        if self._session is None:
            raise Broken("the client is used outside its `async with`")
        began = self._clock.monotonic()
        try:
            more = {"If-None-Match": known} if known else None
            async with self._session.request(method, self.url + path, params=query, json=body, headers=more) as reply:
                status, raw, headers = reply.status, await reply.read(), reply.headers
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise Invalid(f"{self.url} is not the address of an API; it looks like http://127.0.0.1:9091") from error
        except aiohttp.ClientError as error:
            why = _why(error, self.url)
            raise Unreachable(f"{self._who} at {self.url} cannot be reached: {why}", url=self.url) from error
        except TimeoutError as error:
            raise TimedOut(
                f"{self._who} at {self.url} did not answer within {TIMEOUT_SECONDS:g} s", url=self.url
            ) from error
        except ValueError as error:
            raise Invalid(f"the request cannot be sent: a token or tenant is no header ({error})") from error
        log.debug("%s %s%s -> %d in %.0f ms", method, self.url, path, status, (self._clock.monotonic() - began) * 1e3)
        parsed = _parsed(raw)
        if status >= 400:
            raise refusal(status, parsed, raw)
        if parsed is None and raw.strip() not in (b"", b"null"):
            raise Broken(f"{self.url}{path} answered {status} with something that is not JSON")
        total = headers.get("X-Total-Count", "")
        return Answer(status, parsed, int(total) if total.isdigit() else None, headers)


def refusal(status: int, parsed: Any, raw: bytes) -> EsiError:
    """The error that an answer of this status stands for, with the server's sentence and details."""
    said = parsed if isinstance(parsed, dict) else {}
    kind = _BY_CODE.get(str(said.get("code", ""))) or _BY_STATUS.get(status)
    if kind is None:
        kind = RequestError if status < 500 else Broken
    told = said.get("error")
    words = (
        (told.get("message") if isinstance(told, dict) else told)
        or raw[:300].decode(errors="replace").strip()
        or "no reason given"
    )
    error = kind(str(words))
    details = said.get("details")
    error.details = {**details, "status": status} if isinstance(details, dict) else {"status": status}
    return error


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None


def _why(error: aiohttp.ClientError, url: str) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        told = getattr(error.certificate_error, "verify_message", "") or error.certificate_error
        return f"its certificate is not trusted: {told}"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        reason = getattr(error.os_error, "reason", "") or error.os_error
        return f"TLS fails ({reason}); is it http:// there?"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return os.strerror(number) if number and number > 0 else error.os_error.strerror or str(error.os_error)
    if url.startswith("http:") and isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
        return f"it hangs up ({error}); is it https:// there?"
    return str(error) or type(error).__name__
