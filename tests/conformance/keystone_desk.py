"""The lab's Keystone on a port, a member that asks it, and a clock that both are told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from esi.identity.accounts import Account, account
from esi.identity.keystone import KeystoneIdentity, Login, Trust
from esi.lab.keystone import Directory, KeystoneRoom
from esi.tasks import Tasks
from esi.telemetry import Secret
from esi.testing.clocks import TurnedClock

SERVICE = account("esi", tenant="5e" * 16, project="service", roles=["service"], password="service-password")
LOGIN = Login("esi", Secret("service-password"), "service")
OTHERS = {"orchestration": "http://127.0.0.1:8004/v1/%(tenant_id)s"}


@dataclass
class Desk:
    room: KeystoneRoom
    member: KeystoneIdentity
    clock: TurnedClock
    session: aiohttp.ClientSession

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str = "", subject: str = ""
    ) -> tuple[int, Any, Any]:
        """Status, body and headers of one request."""
        headers = {"X-Auth-Token": token, "X-Subject-Token": subject}
        headers = {name: value for name, value in headers.items() if value}
        async with self.session.request(method, self.room.url + path, json=body, headers=headers) as reply:
            return reply.status, await reply.json() if await reply.read() else None, reply.headers

    async def log_in(self, user: str, password: str, **scope: Any) -> tuple[int, Any, str]:
        """Status, body and token."""
        who = {"name": user, "domain": {"id": "default"}, "password": password}
        auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": who}}}
        if scope:
            auth["scope"] = {"project": scope}
        status, body, headers = await self.ask("POST", "/v3/auth/tokens", {"auth": auth})
        return status, body, headers.get("X-Subject-Token", "")


@asynccontextmanager
async def desk(
    accounts: Iterable[Account], *, trust: Trust | None = None, seconds: float = 3600.0
) -> AsyncIterator[Desk]:
    clock = TurnedClock()
    room = KeystoneRoom(Directory([SERVICE, *accounts]), clock=clock, others=lambda: OTHERS, seconds=seconds)
    member = KeystoneIdentity(lambda: f"{room.url}/v3", LOGIN, clock=clock, trust=trust)
    async with Tasks("keystone") as tasks, aiohttp.ClientSession() as session:
        serving = tasks.start("serve", room.run())
        await room.ready.wait()
        yield Desk(room, member, clock, session)
        serving.cancel()
