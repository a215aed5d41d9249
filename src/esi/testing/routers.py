"""Lab routers driven without a network: the same router, the same requests, no SSH and hardly any XML.

A driver like any other, for simulations that run thousands of rings; its commit rules are the lab router's own.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from esi.drivers import Address, CommitRecord, Edit, Session
from esi.drivers.compute import Clouds
from esi.drivers.contrail import Analytics
from esi.drivers.junos.edits import requests
from esi.errors import Busy, Rejected, TemplateError, TimedOut, Unreachable
from esi.lab.gate import WARNING
from esi.lab.mib import Mib
from esi.lab.objects import Objects
from esi.lab.router import Router
from esi.lab.session import LabSession
from esi.netconf.reply import Reply, parse_reply
from esi.netconf.rpc import build_rpc
from esi.netconf.xml import Element

REPLY_SECONDS, COMMIT_SECONDS = 60.0, 180.0
"""How long a reply is waited for, as the real driver does."""


class NearDriver:
    """Opens sessions on routers in this process. `cut` takes a router off the network and back; `confirm_within` says
    which of them want confirmed commits, as an inventory does.
    """

    def __init__(self, routers: Mapping[str, Router]) -> None:
        self.routers = dict(routers)
        self.cut: set[str] = set()
        self.confirm_within: dict[str, float] = {}
        self.objects: dict[str, Objects] = {ip: Mib(router, router.topology) for ip, router in self.routers.items()}
        self.analytics: Analytics | None = None
        self.compute: Clouds | None = None

    @property
    def rpcs(self) -> Mapping[str, int]:
        return sum((router.counts for router in self.routers.values()), Counter())

    def prepare(self, ip: str, edits: Sequence[Edit]) -> None: ...

    async def open(self, address: Address) -> Session:
        return await self.dial(address)

    async def dial(self, address: Address) -> NearSession:
        """A conversation for whoever speaks other RPCs."""
        await asyncio.sleep(0)  # noqa: TID251  # a connection takes a turn of the loop
        if address.ip in self.cut or address.ip not in self.routers:
            raise Unreachable(f"{address.ip} does not answer")
        return NearSession(self, address.ip, self.routers[address.ip].open(address.username))

    async def mib(self, ip: str) -> Objects:
        """What a device shows by SNMP, if it answers."""
        await asyncio.sleep(0)  # noqa: TID251
        router = self.routers.get(ip)
        deaf = router is not None and (router.gate.silent or not router.gate.reachable(router.clock.monotonic()))
        if deaf or ip in self.cut or ip not in self.objects:
            raise Unreachable(f"{ip} does not answer SNMP", who=ip)
        return self.objects[ip]


class NearSession:
    """One conversation: JUNOS's verbs for drivers, `call` with any request for probes."""

    def __init__(self, driver: NearDriver, ip: str, lab: LabSession) -> None:
        self._driver = driver
        self._ip = ip
        self._lab = lab

    @property
    def over(self) -> bool:
        return not self._lab.open

    def lost(self, why: str) -> None:
        self._lab.close()

    async def call(self, operation: Element, *, timeout: float) -> Reply:
        """The reply to one request, whatever it says."""
        await self._through()
        try:
            async with asyncio.timeout(timeout):
                return parse_reply(await self._lab.handle(build_rpc("1", operation)), who=self._ip)
        except TimeoutError as error:
            self._lab.close()
            raise TimedOut(f"{self._ip}: no answer within {timeout:g} s") from error

    async def _through(self) -> None:
        """A request takes a turn of the loop, and gets there or not."""
        await asyncio.sleep(0)  # noqa: TID251
        if self._ip in self._driver.cut or self._lab.router.gate.unreachable:
            self._lab.close()
            raise Unreachable(f"{self._ip}: the connection is gone")

    async def _turn(self, verb: str = "") -> None:
        await self._through()
        gate = self._lab.router.gate
        if gate.silent or gate.drop:
            try:
                async with asyncio.timeout(REPLY_SECONDS):
                    await gate.before(self._lab, verb)
            except TimeoutError as error:
                self._lab.close()
                words = f"{self._ip}: {verb or 'request'} was not answered within {REPLY_SECONDS:g} s"
                raise TimedOut(words) from error
        if gate.malformed:
            await gate.after(self._lab, verb)
            self._lab.close()
            raise Unreachable(f"{self._ip}: the reply is no XML")

    @property
    def session_id(self) -> str:
        return str(self._lab.number)

    @property
    def confirm_within(self) -> float | None:
        return self._driver.confirm_within.get(self._ip)

    async def kill(self, session_id: str) -> None:
        await self._turn()
        self._lab.kill(int(session_id))

    async def lock(self) -> None:
        await self._turn()
        router = self._lab.router
        try:
            self._lab.lock()
        except Rejected as error:
            user = pid = ""
            if router.holder is not None:
                user, pid = router.holder.user, str(router.holder.number)
            since = datetime.fromtimestamp(router.locked_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            words = f"{self._ip}: {' '.join(error.words.split())}"
            raise Busy(words, who=self._ip, user=user, pid=pid, since=since) from error

    async def load(self, edits: Sequence[Edit]) -> None:
        try:
            wanted = list(requests(edits, device=self._ip))
        except TemplateError as error:
            raise Rejected(self._ip, f"cannot be written: {error}", path="") from error
        await self._turn()
        for request in wanted:
            if request.tag == "load-configuration":
                self._lab.load_text(str(request.get("action")), request[0].text or "")
            else:
                self._lab.edit_config(request[-1][0], "none")

    async def diff(self) -> str:
        await self._turn()
        return self._lab.compare().strip()

    async def check(self) -> None:
        await self._turn()
        self._lab.check()

    async def commit(self, *, comment: str, confirm_within: float | None = None) -> Sequence[str]:
        await self._turn("commit")
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                await self._lab.commit(comment, confirmed=confirm_within)
        except TimeoutError as error:
            self._lab.close()
            raise TimedOut(f"{self._ip}: commit was not answered within {COMMIT_SECONDS:g} s") from error
        if self._lab.router.gate.drop:
            await self._lab.router.gate.after(self._lab, "commit")
        return [WARNING] if self._lab.router.gate.warnings else []

    async def discard(self) -> None:
        await self._turn()
        self._lab.discard()

    async def unlock(self) -> None:
        await self._turn()
        self._lab.unlock()

    async def history(self) -> Sequence[CommitRecord]:
        await self._turn()
        router = self._driver.routers[self._ip]
        router.look()
        pending = router.history.pending is not None
        return [
            CommitRecord(number, entry.user, entry.log, pending and number == 0)
            for number, entry in enumerate(router.history.entries)
        ]

    async def close(self) -> None:
        self._lab.close()
