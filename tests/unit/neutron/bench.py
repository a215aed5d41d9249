"""Neutron's face over the real pipeline and the real services, spoken to over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from esi.errors import Unauthenticated, Unreachable
from esi.identity import Identity
from esi.model.resource import Body
from esi.neutron import NeutronRoom
from esi.tasks import Tasks
from esi.telemetry import MemoryRecorder
from unit.services.desk import OTHER, TENANT
from unit.services.network.netdesk import NetDesk


class Known:
    """A token is a tenant's id; `root` is the administrator, who has none. `gone`: nobody can be asked."""

    gone = False

    async def identify(self, token: str | None) -> Identity:
        if self.gone:
            raise Unreachable("Keystone cannot be reached")
        if token == "root":
            return Identity("root", roles=("admin",), is_admin=True)
        if token in (TENANT, OTHER):
            return Identity("jo", token, ("Member",))
        raise Unauthenticated("the token is not known")


@dataclass
class Bench:
    desk: NetDesk
    room: NeutronRoom
    recorder: MemoryRecorder
    known: Known
    session: aiohttp.ClientSession

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str = TENANT, data: Any = None
    ) -> tuple[int, Any, Any]:
        url = path if path.startswith("http") else self.room.url + path
        headers = {"X-Auth-Token": token} if token else {}
        async with self.session.request(method, url, headers=headers, json=body, data=data) as reply:
            return reply.status, await reply.json() if await reply.read() else None, reply.headers

    async def get(self, path: str, *, token: str = TENANT) -> Any:
        status, body, _ = await self.ask("GET", path, token=token)
        assert status == 200, body
        return body

    async def refused(self, method: str, path: str, body: Any = None, *, token: str = TENANT) -> tuple[int, str, str]:
        """Status, type and sentence."""
        status, told, _ = await self.ask(method, path, body, token=token)
        assert set(told) == {"NeutronError"}, told
        assert set(told["NeutronError"]) == {"type", "message", "detail"}
        return status, told["NeutronError"]["type"], told["NeutronError"]["message"]

    async def made(self, singular: str, *, token: str = TENANT, **body: Any) -> Body:
        status, told, _ = await self.ask("POST", f"/v2.0/{singular}s.json", {singular: body}, token=token)
        assert status == 201, told
        found: Body = told[singular]
        return found

    async def port(self, **body: Any) -> Body:
        return await self.made("port", network_id=self.desk.network.id, **body)


@asynccontextmanager
async def serving() -> AsyncIterator[Bench]:
    desk, known, recorder = NetDesk(), Known(), MemoryRecorder()
    await desk.furnish()
    room = NeutronRoom(desk.life, known, recorder=recorder, address=("127.0.0.1", 0))
    async with Tasks("bench") as tasks, aiohttp.ClientSession() as session:
        running = tasks.start("neutron", room.run())
        await room.ready.wait()
        yield Bench(desk, room, recorder, known, session)
        running.cancel()
        await asyncio.wait([running])
    await desk.store.close()
