"""The door to one of Contrail's APIs: what is asked, a token when one is wanted, refusals as our errors.

Contrail answers in JSON and refuses in plain text. 401 on any path means: get a token from Keystone and repeat, once.
Without credentials nothing is repeated. Trouble of its own (5xx) is temporary: what was asked may have been done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp
import orjson

from esi.client.keystone import Credentials, grant
from esi.clock import Clock
from esi.errors import (
    Busy,
    Conflict,
    EsiError,
    NotFound,
    Rejected,
    TemporaryError,
    TimedOut,
    Unauthenticated,
    Unreachable,
)
from esi.telemetry import ABOUT, Message, NullRecorder, Recorder

TIMEOUT_SECONDS = 60.0
WORDS = 500
"""Longest piece of a refusal that is repeated."""

RECORDED_BYTES = 16 * 1024
"""Answers longer than this are recorded by their length."""


@dataclass(frozen=True, slots=True)
class Means:
    """`credentials` None: no token is ever sent. `who` asks."""

    clock: Clock
    who: str = "heat worker"
    credentials: Credentials | None = None
    recorder: Recorder = field(default_factory=NullRecorder)


class Wire(Protocol):
    """How requests travel. A body is JSON; "" is no token. Raises Unreachable or TimedOut."""

    async def send(self, method: str, path: str, body: Any, *, token: str) -> tuple[int, bytes]:
        """Status and body of the answer."""
        ...

    async def close(self) -> None: ...


class HttpWire:
    """One pool of connections. `url` gives the address at the time of asking: a lab's port is known late."""

    def __init__(self, who: str, url: Callable[[], str]) -> None:
        self._who = who
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    async def send(self, method: str, path: str, body: Any, *, token: str) -> tuple[int, bytes]:
        url = self._url().rstrip("/")
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS))
        headers = {"X-Auth-Token": token} if token else {}
        try:
            async with self._session.request(method, url + path, json=body, headers=headers) as reply:
                return reply.status, await reply.read()
        except TimeoutError as error:
            words = f"{self._who} at {url} did not answer within {TIMEOUT_SECONDS:g} s"
            raise TimedOut(words, who=self._who) from error
        except (aiohttp.ClientError, OSError) as error:
            words = f"{self._who} at {url} cannot be reached: {type(error).__name__}"
            raise Unreachable(words, who=self._who) from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


class Door:
    """`who` is named in errors and records."""

    def __init__(self, who: str, wire: Wire, means: Means) -> None:
        self._who = who
        self._wire = wire
        self._means = means
        self._token = ""
        self._login = asyncio.Lock()

    async def ask(self, method: str, path: str, body: Any = None) -> Mapping[str, Any]:
        """The answer's JSON, {} when there was none. Raises an error of the port."""
        clock = self._means.clock
        began, at, token = clock.monotonic(), clock.now(), self._token
        status, raw = await self._wire.send(method, path, body, token=token)
        if status == 401 and self._means.credentials is not None:
            await self._log_in(token)
            status, raw = await self._wire.send(method, path, body, token=self._token)
        told = {"request": body, "status": status, "answer": _as_recorded(raw)}
        took, refs = clock.monotonic() - began, ABOUT.get()
        self._means.recorder.message(
            Message("http", self._means.who, self._who, f"{method} {path}", told, at, took, refs)
        )
        if status >= 400:
            raise self._refusal(status, raw.decode(errors="replace").strip(), method)
        return self._parsed(raw)

    async def close(self) -> None:
        await self._wire.close()

    async def _log_in(self, refused: str) -> None:
        """A new token, unless somebody has got one since `refused` was sent."""
        async with self._login:
            if self._token != refused:
                return
            assert self._means.credentials is not None
            try:
                granted = await grant(self._means.credentials, clock=self._means.clock)
            except Unauthenticated as error:
                raise Unreachable(f"no token for {self._who}: {error.message}", who=self._who) from error
            self._token = granted.token.reveal()

    def _refusal(self, status: int, words: str, method: str) -> EsiError:
        words = words[:WORDS] or f"status {status}"
        if status == 404:
            return NotFound(f"{self._who}: {words}")
        if status == 409:
            told = f"{self._who}: {words}"
            return Busy(told, who=self._who) if method == "DELETE" else Conflict(told)
        if status == 401:
            return Unreachable(f"{self._who} refuses our token; see contrail.auth_url and its user", who=self._who)
        if status >= 500:
            return TemporaryError(f"{self._who} answers {status}: {words}", who=self._who, status=status)
        return Rejected(self._who, words, status=status)

    def _parsed(self, raw: bytes) -> Mapping[str, Any]:
        if not raw:
            return {}
        try:
            found = orjson.loads(raw)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise Unreachable(f"what answers in the place of {self._who} speaks another language", who=self._who)
        return found


def _as_recorded(raw: bytes) -> Any:
    """An answer as plain data, never a piece of it: secrets are taken out by the names they stand under."""
    if len(raw) > RECORDED_BYTES:
        return f"{len(raw)} bytes"
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw[:WORDS].decode(errors="replace")
