"""Clouds without sockets: a driver's wire straight to the pure core of a lab's cloud, in the same process.

What can be broken over a socket can be broken here: an answer that is lost is Unreachable, and was done or not.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from esi.clock import Clock
from esi.drivers.contrail.api import HttpAnalytics, HttpContrail
from esi.drivers.contrail.http import Door, Means, Wire
from esi.errors import Unreachable
from esi.identity import Identity
from esi.lab.contrail import LabContrail
from esi.lab.web import Answer, Asked, Core
from esi.testing.process import Process

ADMIN = Identity("admin", "", ("admin",), is_admin=True)


async def answer_of(
    core: Core, who: str, method: str, path: str, body: Any, caller: Identity | None
) -> tuple[int, bytes]:
    """Status and body of a cloud's answer to one request, with the faults that its shell would take into account."""
    await asyncio.sleep(0)  # noqa: TID251  # others may run while a request travels
    faults = core.faults
    if faults.take("unreachable") is not None:
        raise Unreachable(f"{who} cannot be reached", who=who)
    if faults.take("error-before") is not None:
        return 500, b"Internal Server Error"
    parts = urlsplit(path)
    raw = b"" if body is None else orjson.dumps(body)
    asked = Asked(method, parts.path, dict(parse_qsl(parts.query)), {}, raw, caller)
    handled = core.handle(asked)
    answer = handled if isinstance(handled, Answer) else await handled
    await asyncio.sleep(0)  # noqa: TID251
    if faults.take("error-after") is not None:
        return 500, b"Internal Server Error"
    if faults.take("cut-after") is not None:
        raise Unreachable(f"{who} hung up", who=who)
    return answer.status, answer.body


class NearWire:
    """Implements Wire. A token is anything: whoever has one is an administrator. `calls` is what was asked."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.calls: list[tuple[str, str]] = []

    async def send(self, method: str, path: str, body: Any, *, token: str) -> tuple[int, bytes]:
        self.calls.append((method, path))
        return await answer_of(self._core, "the cloud", method, path, body, ADMIN if token else None)

    async def close(self) -> None:
        return None


class WireHandle:
    """The way to a cloud as one process sees it: two points per exchange, at which it may die or lose the answer."""

    def __init__(self, process: Process, wire: Wire) -> None:
        self._process = process
        self._wire = wire

    async def send(self, method: str, path: str, body: Any, *, token: str) -> tuple[int, bytes]:
        await self._process.point(f"cloud.{method} before")
        answer = await self._wire.send(method, path, body, token=token)
        await self._process.point(f"cloud.{method} after")
        return answer

    async def close(self) -> None:
        return None


class NearContrail:
    """A Contrail in this process, and both drivers to it."""

    def __init__(self, clock: Clock, rng: Random) -> None:
        self._rng = rng
        self.lab = LabContrail(clock, rng)
        self.wire = NearWire(self.lab.api)
        self._means = Means(clock)
        self.api = HttpContrail(Door("contrail", self.wire, self._means))
        self.analytics = HttpAnalytics(Door("contrail analytics", NearWire(self.lab.analytics), self._means))

    def restore(self, snapshot: bytes) -> None:
        self.lab.config.restore(snapshot)
        self._rng.seed(snapshot)  # ids that have been given are not given again

    def seen_by(self, process: Process) -> HttpContrail:
        """The driver of one process of a simulation."""
        return HttpContrail(Door("contrail", WireHandle(process, self.wire), self._means))
