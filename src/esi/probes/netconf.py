"""Conversations with routers that all probes of a process share: one NETCONF session per device, kept while used.

Questions go out without waiting for each other. A session that was found dead is opened once more for the same
question, because asking twice changes nothing; one that nobody uses is closed after a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from esi.clock import Clock
from esi.drivers import Address
from esi.errors import TemporaryError, Unreachable, Unsupported
from esi.netconf.reply import Reply
from esi.netconf.xml import Element
from esi.probes.reach import Reach

TIMEOUT_SECONDS = 10.0
IDLE_SECONDS = 300.0
NETCONF_PORT = 830


class Conversation(Protocol):
    """What is needed of a NETCONF session (`esi.drivers.netconf.NetconfSession`)."""

    @property
    def over(self) -> bool: ...

    async def call(self, operation: Element, *, timeout: float) -> Reply: ...

    def lost(self, why: str) -> None: ...

    async def close(self) -> None: ...


class Dialer(Protocol):
    """Opens conversations by management address: Unsupported, Rejected, Unreachable as `JunosDriver.dial` says them."""

    async def dial(self, address: Address) -> Conversation: ...


@dataclass(slots=True)
class _Held:
    session: Conversation
    timer: asyncio.TimerHandle


class Conversations:
    """`timeout`: seconds for one answer; `idle`: seconds until an unused session is closed."""

    def __init__(
        self, dialer: Dialer, *, clock: Clock, timeout: float = TIMEOUT_SECONDS, idle: float = IDLE_SECONDS
    ) -> None:
        self._dialer = dialer
        self._timeout = timeout
        self._idle = idle
        self._reach = Reach(clock)
        self._held: dict[Address, _Held] = {}
        self._opening: dict[Address, asyncio.Lock] = {}

    async def ask(self, address: Address, request: Element) -> Reply:
        """The reply to one operational request, whatever it says. Raises what `dial` raises, Unreachable, TimedOut."""
        async with self._reach.asking(address):
            held = self._held.get(address)
            if held is not None and not held.session.over:
                try:
                    return await self._call(address, held.session, request)
                except Unreachable:
                    pass  # it had died unnoticed: once more, on a new one
            return await self._call(address, await self._open(address), request)

    async def _call(self, address: Address, session: Conversation, request: Element) -> Reply:
        self._keep(address, session)
        return await session.call(request, timeout=self._timeout)

    async def _open(self, address: Address) -> Conversation:
        async with self._opening.setdefault(address, asyncio.Lock()):
            held = self._held.get(address)
            if held is not None and not held.session.over:
                return held.session
            self._reach.check(address)  # whoever held the lock may just have tried in vain
            session = await self._dialer.dial(address)
            self._keep(address, session)
            return session

    def _keep(self, address: Address, session: Conversation) -> None:
        held = self._held.get(address)
        if held is not None:
            held.timer.cancel()
        timer = asyncio.get_running_loop().call_later(self._idle, self._unused, address, session)
        self._held[address] = _Held(session, timer)

    def _unused(self, address: Address, session: Conversation) -> None:
        held = self._held.get(address)
        if held is not None and held.session is session:
            del self._held[address]
        session.lost("nobody asks any more")

    async def close(self) -> None:
        held, self._held = list(self._held.values()), {}
        for one in held:
            one.timer.cancel()
            await one.session.close()


def address_of(properties: Mapping[str, Any], where: str = "") -> Address:
    """The device that a target's properties name: host, port, login, password. Unsupported without a host."""
    host = properties.get("host")
    if not isinstance(host, str) or not host:
        raise Unsupported(f"{where or 'the target'} names no host")
    port = properties.get("port", NETCONF_PORT)
    if not str(port).isdecimal():
        raise Unsupported(f"{where or 'the target'}: {port!r} is no port")
    return Address(host, int(port), str(properties.get("login") or ""), str(properties.get("password") or ""))


def answered(address: Address, reply: Reply, what: str) -> Element:
    """The element `what` of a reply. TemporaryError when the device sent none: that is no news, good or bad."""
    found = reply.find(what)
    if found is None or not reply.ok:
        words = "; ".join(str(one) for one in (*reply.errors, *reply.warnings)) or str(reply.root.xpath("string()"))
        raise TemporaryError(f"{address.ip} told no {what}: {' '.join(words.split()) or 'an empty answer'}")
    return found
