"""Devices as one process of the simulation sees them: every call is a point at which it may die or lose the answer."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from esi.drivers import Address, CommitRecord, Edit, Session
from esi.drivers.compute import Clouds
from esi.drivers.contrail import Analytics
from esi.errors import Unreachable
from esi.lab.objects import Objects
from esi.netconf.reply import Reply
from esi.netconf.xml import Element
from esi.store import T
from esi.testing.process import Process


class DriverHandle:
    """The way to devices as one process sees it."""

    def __init__(self, process: Process, driver: Any) -> None:
        self._process = process
        self._driver = driver

    @property
    def rpcs(self) -> Any:
        return self._driver.rpcs

    def prepare(self, ip: str, edits: Sequence[Edit]) -> None: ...

    async def open(self, address: Address) -> Session:
        return SessionHandle(self._process, await self._begin("open", self._driver.open, address))

    async def dial(self, address: Address) -> ConversationHandle:
        return ConversationHandle(self._process, await self._begin("dial", self._driver.dial, address))

    async def mib(self, ip: str) -> Objects:
        await self._process.point("device.snmp")
        return await self._driver.mib(ip)  # type: ignore[no-any-return]  # any driver

    @property
    def analytics(self) -> Analytics | None:
        """What Contrail's agents tell, where there is one."""
        return getattr(self._driver, "analytics", None)

    @property
    def compute(self) -> Clouds | None:
        """Nova, where there is one."""
        return getattr(self._driver, "compute", None)

    async def _begin(self, verb: str, work: Callable[[Address], Awaitable[Any]], address: Address) -> Any:
        await self._process.point(f"device.{verb} before")
        session = await work(address)
        self._process.sessions.append(session)
        await self._process.point(f"device.{verb} after")
        return session


class ConversationHandle:
    """A conversation of probes as one process sees it."""

    def __init__(self, process: Process, session: Any) -> None:
        self._process = process
        self._session = session

    @property
    def over(self) -> bool:
        return bool(self._session.over)

    def lost(self, why: str) -> None:
        self._session.lost(why)

    async def call(self, operation: Element, *, timeout: float) -> Reply:
        await self._process.point("device.ask before")
        reply: Reply = await self._session.call(operation, timeout=timeout)
        await self._process.point("device.ask after")
        return reply

    async def close(self) -> None:
        await self._session.close()


class SessionHandle:
    """One conversation as one process sees it."""

    def __init__(self, process: Process, session: Session) -> None:
        self._process = process
        self._session = session
        self._in_order = asyncio.Lock()

    async def _call(self, verb: str, work: Callable[[], Awaitable[T]]) -> T:
        async with self._in_order:
            try:
                await self._process.point(f"device.{verb} before")
                result = await work()
                await self._process.point(f"device.{verb} after")
            except Unreachable:  # a lost answer is a lost connection: the device drops the conversation
                await self._session.close()
                raise
            return result

    @property
    def session_id(self) -> str:
        return self._session.session_id

    @property
    def confirm_within(self) -> float | None:
        return self._session.confirm_within

    async def kill(self, session_id: str) -> None:
        await self._call("kill", lambda: self._session.kill(session_id))

    async def lock(self) -> None:
        await self._call("lock", self._session.lock)

    async def load(self, edits: Sequence[Edit]) -> None:
        await self._call("load", lambda: self._session.load(edits))

    async def diff(self) -> str:
        return await self._call("diff", self._session.diff)

    async def check(self) -> None:
        await self._call("check", self._session.check)

    async def commit(self, *, comment: str, confirm_within: float | None = None) -> Sequence[str]:
        work = functools.partial(self._session.commit, comment=comment, confirm_within=confirm_within)
        return await self._call("commit", work)

    async def discard(self) -> None:
        await self._call("discard", self._session.discard)

    async def unlock(self) -> None:
        await self._call("unlock", self._session.unlock)

    async def history(self) -> Sequence[CommitRecord]:
        return await self._call("history", self._session.history)

    async def close(self) -> None:
        if not self._process.dead:
            await self._session.close()
