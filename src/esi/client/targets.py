"""The collector agent over HTTP, as stacks see it: the port Targets of esi.stacks.

A create carries its key, so it may be sent again when an answer was lost; a target that is not there is deleted well.
An agent that is away for a moment is asked again before the stack hears of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from esi.client.http import Answer, Http
from esi.clock import Clock
from esi.errors import Broken, NotFound, TemporaryError
from esi.telemetry import Secret

TRIES = 5
PAUSE_SECONDS = 0.5


class HttpTargets:
    """`url` is the agent's root, as http://127.0.0.1:7070; `token` goes along when it asks for one."""

    def __init__(self, url: str, token: Secret, clock: Clock) -> None:
        self._http = Http(url, token=token.reveal(), clock=clock, who="the collector agent")
        self._clock = clock
        self._open = False

    async def create(self, target: Mapping[str, Any], *, key: str) -> Mapping[str, Any]:
        """The target with `id` and `link`; the same `key` gives the same target again. Invalid, Unreachable, …"""
        body = (await self._ask("POST", "/targets", {**target, "key": key})).body
        if not isinstance(body, dict) or "id" not in body or "link" not in body:
            raise Broken("the collector agent made a target without id or link")
        return body

    async def delete(self, id: str) -> None:
        try:
            await self._ask("DELETE", f"/targets/{id}")
        except NotFound:
            return

    async def get(self, id: str) -> Mapping[str, Any]:
        """The target with its `values`."""
        body: Mapping[str, Any] = (await self._ask("GET", f"/targets/{id}")).body
        return body

    async def close(self) -> None:
        if self._open:
            self._open = False
            await self._http.__aexit__(None, None, None)

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        if not self._open:
            await self._http.__aenter__()
            self._open = True
        for left in reversed(range(TRIES)):
            try:
                return await self._http.ask(method, path, body=dict(body) if body is not None else None)
            except TemporaryError:
                if not left:
                    raise
                await self._clock.sleep(PAUSE_SECONDS)
        raise Broken("no try was made")
