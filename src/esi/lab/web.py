"""What the lab's clouds have in common: a pure core that answers requests, faults, and a thin HTTP shell around both.

core      `handle(Asked) -> Answer`: no clock to wait for, no socket; a simulation calls it as it is
faults    the same kinds for every cloud, begun and ended over the control door; a cloud may have more
shell     an application that asks whose a token is, takes the faults into account, and calls the core
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
from aiohttp import web

from esi.clock import Clock
from esi.errors import Invalid, RequestError
from esi.identity import Identity
from esi.runtime.door import HttpDoor
from esi.tasks import Tasks

LARGEST_BODY = 4 * 1024 * 1024

KINDS: Mapping[str, str] = {
    "error-before": "requests are answered with 500, nothing is done",
    "error-after": "requests are done, and answered with 500",
    "cut-after": "requests are done, and the connection is cut before the answer",
    "slow": "answers take some seconds ([seconds], 10 without)",
    "unreachable": "connections are cut",
    "refuse": "every request is refused with 403",
    "no-token": "every token is refused with 401",
}
SLOW_SECONDS = "10"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `caller` is whose token it carries; None: nobody's, or nobody is asked. `base` is our own URL."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    caller: Identity | None = None
    base: str = "http://localhost"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, orjson.dumps(value), headers=headers or {})


@dataclass(slots=True)
class Broken:
    """A fault that lasts; `times` 0: until it is healed."""

    operand: str
    times: int


class CloudFaults:
    """The faults of one cloud. `more` are kinds of its own."""

    def __init__(self, more: Mapping[str, str] | None = None) -> None:
        self.kinds = {**KINDS, **(more or {})}
        self._lasting: dict[str, Broken] = {}

    def begin(self, kind: str, operand: str = "", *, times: int = 0) -> None:
        """Raises Invalid for a kind that this cloud does not have."""
        if kind not in self.kinds:
            raise Invalid(f"nothing breaks as {kind!r} here; known: {', '.join(self.kinds)}")
        if kind == "slow":
            _seconds(operand or SLOW_SECONDS)
        self._lasting[kind] = Broken(operand, times)

    def end(self, kind: str = "") -> list[str]:
        """Heal one kind, or all; gives those that were broken."""
        ended = [one for one in self._lasting if kind in ("", one)]
        for one in ended:
            del self._lasting[one]
        return ended

    def lasting(self) -> list[tuple[str, str]]:
        return [(kind, broken.operand) for kind, broken in self._lasting.items()]

    def take(self, kind: str) -> str | None:
        """The operand when this is broken now, else None; one of its times is used up."""
        broken = self._lasting.get(kind)
        if broken is None:
            return None
        if broken.times:
            broken.times -= 1
            if not broken.times:
                del self._lasting[kind]
        return broken.operand


class Core(Protocol):
    """A cloud. Callers without a token that counts are told so by the core itself."""

    faults: CloudFaults

    def handle(self, asked: Asked) -> Answer | Awaitable[Answer]:
        """To be awaited where the cloud itself asks another one before it answers."""
        ...


Identify = Callable[[str], Awaitable[Identity]]


def app(core: Core, clock: Clock, identify: Identify | None = None) -> web.Application:
    """The application of a cloud. `identify` says whose a token is; without it nobody is asked."""

    async def serve(request: web.Request) -> web.StreamResponse:
        faults = core.faults
        if faults.take("unreachable") is not None:
            return _cut(request)
        seconds = faults.take("slow")
        if seconds is not None:
            await clock.sleep(_seconds(seconds or SLOW_SECONDS))
        if faults.take("error-before") is not None:
            return web.Response(status=500, text="Internal Server Error")
        if faults.take("refuse") is not None:
            return web.Response(status=403, text="403 Permission Denied")
        handled = core.handle(await _asked(request, faults, identify))
        answer = handled if isinstance(handled, Answer) else await handled
        if faults.take("error-after") is not None:
            return web.Response(status=500, text="Internal Server Error")
        if faults.take("cut-after") is not None:
            return _cut(request)
        return web.Response(
            status=answer.status, body=answer.body, content_type=answer.type, headers=dict(answer.headers)
        )

    application = web.Application(client_max_size=LARGEST_BODY)
    application.router.add_route("*", "/{path:.*}", serve)
    return application


@asynccontextmanager
async def serve_web(
    core: Core, name: str, address: tuple[str, int], clock: Clock, tasks: Tasks, identify: Identify | None = None
) -> AsyncIterator[str]:
    """The cloud at (host, port) for as long as the block lasts; yields its URL. Raises Unreachable without the port."""
    door = HttpDoor(name, lambda: app(core, clock, identify), host=address[0], port=address[1])
    running = tasks.start(name, door.run())
    ready = tasks.start(f"{name} ready", door.ready.wait())
    await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if running.done():
        running.result()
    try:
        yield door.url
    finally:
        running.cancel()
        await asyncio.wait({running})


async def _asked(request: web.Request, faults: CloudFaults, identify: Identify | None) -> Asked:
    caller, token = None, request.headers.get("X-Auth-Token", "")
    if identify is not None and token and faults.take("no-token") is None:
        try:
            caller = await identify(token)
        except RequestError:
            caller = None
    base = f"{request.scheme}://{request.host}"
    return Asked(
        request.method, request.path, dict(request.query), dict(request.headers), await request.read(), caller, base
    )


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _seconds(operand: str) -> float:
    try:
        seconds = float(operand)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise Invalid(f"{operand!r} is no number of seconds")
    return seconds
