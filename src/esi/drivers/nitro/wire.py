"""One NITRO request and its answer.

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
from typing import Any
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


class Wire:
    """A connection to one appliance; every exchange is told to the recorder, for `ref`."""

    def __init__(self, ip: str, endpoint: Endpoint, clock: Clock, recorder: Recorder) -> None:
        self.ip = ip
        self.ref: tuple[str, str, int] | None = None
        self._endpoint = endpoint
        self._clock = clock
        self._recorder = recorder
        self._http: aiohttp.ClientSession | None = None

    async def ask(self, request: Request, *, token: str = "") -> dict[str, Any]:
        """The answer to one request. Raises Refused, LoggedOut, Busy, Unreachable, Unsupported."""
        if self._http is None:
            jar = aiohttp.DummyCookieJar()
            self._http = aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=SECONDS))
        url = URL(self._endpoint.url.rstrip("/") + request.path(), encoded=True)
        headers = {"Cookie": f"NITRO_AUTH_TOKEN={quote(token, safe='')}"} if token else {}
        body = None if request.fields is None else {request.kind: request.fields}
        at, began = self._clock.now(), self._clock.monotonic()
        try:
            async with self._http.request(
                request.method, url, json=body, headers=headers, ssl=self._endpoint.trust(), allow_redirects=False
            ) as reply:
                status, raw = reply.status, await reply.read()
        except aiohttp.ServerFingerprintMismatch as error:
            raise Rejected(self.ip, "shows another certificate than the inventory has pinned") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            words = f"{self.ip} does not answer NITRO at {self._endpoint.url}: {type(error).__name__}"
            raise Unreachable(words, who=self.ip) from error
        answer = _parsed(raw)
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

    async def close(self) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.close()


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
