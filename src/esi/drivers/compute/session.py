"""One pool of connections to an OpenStack: a token for each project, and its catalogue for where things are.

A token is asked for when it is first needed and again when it is refused, once for one request. The address of a
service comes from the catalogue, unless one is given. Refusals come back as errors with the cloud's own words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from esi.client.keystone import Credentials, Grant
from esi.clock import Clock
from esi.drivers.compute.wire import NAMES, HttpWire, Wire
from esi.errors import (
    Busy,
    EsiError,
    NotFound,
    Rejected,
    TemporaryError,
    Unauthenticated,
    Unreachable,
)
from esi.telemetry import Message, Named, NullRecorder, Recorder

WORDS = 500
"""Longest piece of a refusal that is repeated."""


@dataclass(frozen=True, slots=True)
class Means:
    """`credentials` are asked for each time: a lab's Keystone is known late. `urls` are addresses by type of service
    that stand in place of the catalogue's; `project` is used for every tenant when it is not empty.
    """

    credentials: Callable[[], Credentials]
    clock: Clock
    recorder: Recorder = field(default_factory=NullRecorder)
    urls: Mapping[str, str] = field(default_factory=dict)
    region: str = ""
    project: str = ""


class Session:
    """Requests as one service user, in the project that each names by id; "" is the user's own."""

    def __init__(self, means: Means, wire: Wire | None = None) -> None:
        self._means = means
        self._wire = wire or HttpWire(means.clock)
        self._grants: dict[str, Grant] = {}
        self._logins: dict[str, asyncio.Lock] = {}

    async def ask(
        self, service: str, tenant: str, method: str, path: str, *, body: Any = None, ref: Named | None = None
    ) -> Any:
        """The answer's JSON, None when it has none. `service` is a type of the catalogue, as compute."""
        project = self._means.project or tenant
        granted = await self._granted(project, None)
        at, began = self._means.clock.now(), self._means.clock.monotonic()
        try:
            status, raw = await self._sent(service, granted, method, path, body)
            if status == 401:
                granted = await self._granted(project, granted)
                status, raw = await self._sent(service, granted, method, path, body)
        except Unreachable:
            self._grants.pop(project, None)  # it may have moved: the next try asks the catalogue again
            raise
        self._tell(Message("http", "heat", NAMES[service], f"{method} {path}", None, at), body, raw, began, ref)
        if status >= 400:
            raise refusal(NAMES[service], status, raw)
        if not raw:
            return None
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise Unreachable(f"what answers in the place of {NAMES[service]} speaks another language") from error

    async def close(self) -> None:
        await self._wire.close()

    async def _sent(self, service: str, granted: Grant, method: str, path: str, body: Any) -> tuple[int, bytes]:
        url = self._url(service, granted)
        return await self._wire.send(service, method, url + path, body, token=granted.token)

    def _url(self, service: str, granted: Grant) -> str:
        try:
            return (self._means.urls.get(service) or granted.endpoint(service, self._means.region)).rstrip("/")
        except NotFound as error:  # which means here: a server is not there, and its deletion has succeeded
            raise Unreachable(error.message, who=service) from error

    async def _granted(self, project: str, refused: Grant | None) -> Grant:
        """A token for a project; a new one, unless somebody has got one since `refused` was sent."""
        async with self._logins.setdefault(project, asyncio.Lock()):
            known = self._grants.get(project)
            if known is not None and known is not refused:
                return known
            credentials = self._means.credentials()
            if project:
                credentials = replace(credentials, project_id=project)
            try:
                known = self._grants[project] = await self._wire.log_in(credentials)
            except Unauthenticated as error:
                raise Unreachable(f"no token for project {project or 'of our own'}: {error.message}") from error
            return known

    def _tell(self, message: Message, body: Any, raw: bytes, began: float, ref: Named | None) -> None:
        if isinstance(self._means.recorder, NullRecorder):
            return
        told = {"request": body, "answer": raw[:2000].decode(errors="replace")}
        took, refs = self._means.clock.monotonic() - began, (ref,) if ref is not None else ()
        self._means.recorder.message(message._replace(body=told, took=took, refs=refs))


def refusal(who: str, status: int, raw: bytes) -> EsiError:
    """The error that an answer stands for. Nova wraps its words in a name of its own: {"itemNotFound": {message}}, Heat
    in an error beside other things: {"error": {message}, …}.
    """
    words = _words(raw) or f"status {status}"
    if status == 404 and raw.startswith(b"{"):
        return NotFound(f"{who}: {words}")
    if status in (409, 413, 429):
        return Busy(f"{who}: {words}", who=who)
    if status == 401:
        return Unreachable(f"{who} refuses a token that Keystone has just given", who=who)
    if status >= 500:
        return TemporaryError(f"{who} answers {status}: {words}", who=who, status=status)
    return Rejected(who, words, status=status)


def _words(raw: bytes) -> str:
    try:
        found: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw[:WORDS].decode(errors="replace").strip()
    while isinstance(found, dict) and found:
        found = found.get("message", found.get("error", next(iter(found.values()))))
    return str(found or "")[:WORDS]
