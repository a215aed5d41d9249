"""One NITRO request and its answer, over a line: HTTP, or in a simulation a call.

A name in the path is quoted twice, a value in args once, as NITRO wants it; one that would be taken for structure all
the same (a comma or colon in args, a path of dots) is refused here. The answer is judged by its errorcode, not by the
status. An appliance is only ever reached where the inventory says so.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp
from yarl import URL

from esi.clock import Clock
from esi.errors import Busy, EsiError, Rejected, Unreachable, Unsupported
from esi.telemetry import MASK, Message, Recorder

SECONDS = 30.0
LOGGED_OUT = frozenset({352, 444, 1026, 1027})
BUSY = frozenset({366, 445, 603})
LOST = frozenset({1024, 1030, 1056})
NO_ARGUMENT = re.compile(r"[,:\x00-\x1f]")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an appliance is reached: `url` http://… or https://…, over TLS with a certificate that is pinned
    (`fingerprint`, SHA-256 in hex) or signed by the authority in `ca_file`."""

    url: str
    fingerprint: str = ""
    ca_file: str = ""

    def trust(self) -> ssl.SSLContext | aiohttp.Fingerprint | bool:
        if self.fingerprint:
            return aiohttp.Fingerprint(bytes.fromhex(self.fingerprint.replace(":", "")))
        if self.ca_file:
            return ssl.create_default_context(cafile=self.ca_file)
        return True


@dataclass(frozen=True, slots=True)
class Request:
    """`kind` and perhaps a `key` and `args`; `fields` go into the body under the name of the kind."""

    method: str
    kind: str
    fields: Mapping[str, Any] | None = field(default=None, repr=False)
    key: str = ""
    args: Mapping[str, str] = field(default_factory=dict)
    action: str = ""

    def path(self) -> str:
        """Raises Unsupported for a key that cannot be named to NITRO."""
        text = f"/nitro/v1/config/{self.kind}"
        if self.key:
            if not self.key.strip("."):
                raise Unsupported(f"NITRO has no way to name a {self.kind} called {self.key!r}")
            text += "/" + quote(quote(self.key, safe=""), safe="")
        query = [f"action={quote(self.action, safe='')}"] if self.action else []
        for value in self.args.values():
            if NO_ARGUMENT.search(value):
                raise Unsupported(f"NITRO has no way to name a {self.kind} with {value!r}")
        if self.args:
            query.append("args=" + ",".join(f"{name}:{quote(value, safe='')}" for name, value in self.args.items()))
        return text + ("?" + "&".join(query) if query else "")


class LoggedOut(Exception):
    """The session has ended at the appliance's side: log in again."""


class Refused(Rejected):
    """NITRO said no, with a code of its own."""

    @property
    def errorcode(self) -> int:
        return int(self.details["errorcode"])


class Line(Protocol):
    """What carries requests to one appliance."""

    async def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer. `target` is path and query, quoted. Raises Unreachable, Rejected."""
        ...

    async def close(self) -> None: ...


class HttpLine:
    """Over HTTP, to where the inventory says that the appliance `ip` is."""

    def __init__(self, ip: str, endpoint: Endpoint) -> None:
        self._ip = ip
        self._endpoint = endpoint
        self._http: aiohttp.ClientSession | None = None

    async def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        if self._http is None:
            jar = aiohttp.DummyCookieJar()
            self._http = aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=SECONDS))
        url = URL(self._endpoint.url.rstrip("/") + target, encoded=True)
        options: dict[str, Any] = {"ssl": self._endpoint.trust(), "allow_redirects": False}
        try:
            async with self._http.request(method, url, data=body, headers=headers, **options) as reply:
                return reply.status, await reply.read()
        except aiohttp.ServerFingerprintMismatch as error:
            raise Rejected(self._ip, "shows another certificate than the inventory has pinned") from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise Rejected(self._ip, "shows a certificate that the inventory's ca_file has not signed") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            words = f"{self._ip} does not answer NITRO at {self._endpoint.url}: {type(error).__name__}"
            raise Unreachable(words, who=self._ip) from error

    async def close(self) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.close()


class Wire:
    """Requests and answers over a line; every exchange is told to the recorder, for `ref`."""

    def __init__(self, ip: str, line: Line, clock: Clock, recorder: Recorder) -> None:
        self.ip = ip
        self.ref: tuple[str, str, int] | None = None
        self._line = line
        self._clock = clock
        self._recorder = recorder

    async def ask(self, request: Request, *, token: str = "") -> dict[str, Any]:
        """The answer to one request. Raises Refused, LoggedOut, Busy, Unreachable, Unsupported."""
        headers = {"Content-Type": "application/json"} if request.fields is not None else {}
        if token:
            headers["Cookie"] = f"NITRO_AUTH_TOKEN={quote(token, safe='')}"
        body = None if request.fields is None else {request.kind: request.fields}
        raw = b"" if body is None else json.dumps(body).encode()
        target = request.path()
        at, began = self._clock.now(), self._clock.monotonic()
        try:
            status, told = await self._line.send(request.method, target, headers, raw)
        except EsiError as error:
            self._tell(request, body, 0, error.message, (at, self._clock.monotonic() - began))
            raise
        answer = _parsed(told)
        self._tell(request, body, status, answer, (at, self._clock.monotonic() - began))
        return self._judged(status, answer)

    def _judged(self, status: int, answer: Any) -> dict[str, Any]:
        if not isinstance(answer, dict) or not isinstance(answer.get("errorcode", 0), int):
            if status < 300 and answer is None:
                return {}
            raise Unreachable(f"{self.ip} answered NITRO with {status} and nothing that it says itself", who=self.ip)
        code = answer.get("errorcode", 0 if status < 300 else 1)
        if code == 0:
            return answer
        words = " ".join(str(answer.get("message") or "no reason given").split())
        if code in LOGGED_OUT:
            raise LoggedOut(words)
        raise self._error(code, words)

    def _error(self, code: int, words: str) -> EsiError:
        if code in BUSY:
            return Busy(f"{self.ip}: {words} ({code})", who=self.ip)
        if code in LOST:
            return Unreachable(f"{self.ip}: {words} ({code})", who=self.ip)
        return Refused(self.ip, f"{words} ({code})", errorcode=code)

    def _tell(self, request: Request, body: Any, status: int, answer: Any, times: tuple[float, float]) -> None:
        """To the recorder, without what a licence file holds and what a session is known by."""
        shown = {"request": _shown(body), "status": status, "answer": _shown(answer)}
        subject = f"{request.method} {self.ip} {request.path()}"
        refs = (self.ref,) if self.ref is not None else ()
        self._recorder.message(Message("http", "heat worker", self.ip, subject, shown, times[0], times[1], refs))


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        return raw[:200]


HIDDEN = frozenset({"password", "new_password", "filecontent", "sessionid"})


def _shown(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: MASK if name in HIDDEN else _shown(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return value.decode(errors="replace") if isinstance(value, bytes) else value
