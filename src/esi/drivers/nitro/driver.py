"""Appliances over NITRO: one session at a time with each of them.

A session that the appliance has forgotten is opened once more, and the request sent again: all of ours may be sent
twice. It is logged out at the end, because an appliance has few of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from esi.clock import Clock
from esi.drivers.nitro import Licence, Login, Row
from esi.drivers.nitro.kinds import ABSENT, EXISTS, Kind, differing, kind_of, same
from esi.drivers.nitro.wire import Line, LoggedOut, Refused, Request, Wire
from esi.errors import EsiError, Rejected, TemporaryError, Unreachable, Unsupported
from esi.telemetry import NullRecorder, Recorder

WRONG_PASSWORD = frozenset({354, 355, 1025})
CHANGE_PASSWORD = frozenset({1046, 1047})
UNKNOWN_OBJECT = 1232
EDITIONS = {"isstandardlic": "Standard", "isenterpriselic": "Enterprise", "isplatinumlic": "Platinum"}


class NitroDriver:
    """`find` gives a line to an appliance by its management address, at the time of asking; None: nobody knows it."""

    def __init__(self, find: Callable[[str], Line | None], *, clock: Clock, recorder: Recorder | None = None) -> None:
        self._find = find
        self._clock = clock
        self._recorder = recorder or NullRecorder()
        self._turns: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def open(self, login: Login) -> AsyncIterator[NitroSession]:
        async with self._turns.setdefault(login.ip, asyncio.Lock()):
            line = self._find(login.ip)
            if line is None:
                raise Unsupported(f"{login.ip} has no NITRO address in the inventory: add it there", ip=login.ip)
            wire = Wire(login.ip, line, self._clock, self._recorder)
            wire.ref = login.ref
            session = NitroSession(wire, login)
            try:
                await session.log_in()
                yield session
            except asyncio.CancelledError:
                session.forget()  # to be stopped at once: the appliance ends it by itself
                raise
            finally:
                try:
                    await session.log_out()
                finally:
                    await line.close()


class NitroSession:
    """One appliance that we are logged in to."""

    def __init__(self, wire: Wire, login: Login) -> None:
        self._wire = wire
        self._login = login
        self._token = ""

    # -- who we are -----------------------------------------------------------------------------------------------

    async def log_in(self) -> None:
        """Raises Rejected when the login is refused, Unreachable while the appliance is not ready."""
        login = self._login
        try:
            self._token = await self._logged_in({"username": login.username, "password": login.password})
        except Refused as refused:
            if refused.errorcode in CHANGE_PASSWORD and login.renewed:
                fields = {"username": login.username, "password": login.password, "new_password": login.renewed}
                await self._logged_in(fields)
            elif refused.errorcode not in WRONG_PASSWORD or not login.renewed:
                raise
            self._token = await self._logged_in({"username": login.username, "password": login.renewed})
        await self._ask(Request("GET", "nsversion"))

    async def _logged_in(self, fields: Mapping[str, str]) -> str:
        try:
            answer = await self._wire.ask(Request("POST", "login", fields))
        except LoggedOut as error:
            raise Unreachable(f"{self._wire.ip} does not let anybody log in yet: {error}", who=self._wire.ip) from error
        token = answer.get("sessionid")
        if not isinstance(token, str) or not token:
            raise Unreachable(f"{self._wire.ip} let us in without a session", who=self._wire.ip)
        return token

    def forget(self) -> str:
        """The token that was ours until now."""
        token, self._token = self._token, ""
        return token

    async def log_out(self) -> None:
        """What does not end now ends by itself."""
        token = self.forget()
        if token:
            try:
                await self._wire.ask(Request("POST", "logout", {}), token=token)
            except (EsiError, LoggedOut):
                return

    async def _ask(self, request: Request) -> dict[str, Any]:
        try:
            return await self._wire.ask(request, token=self._token)
        except LoggedOut:
            login = self._login
            passwords = [login.password, login.renewed] if login.renewed else [login.password]
            self._token = await self._again(passwords)
        try:
            return await self._wire.ask(request, token=self._token)
        except LoggedOut as error:
            raise Unreachable(f"{self._wire.ip} ends our sessions at once: {error}", who=self._wire.ip) from error

    async def _again(self, passwords: list[str]) -> str:
        for password in passwords[:-1]:
            try:
                return await self._logged_in({"username": self._login.username, "password": password})
            except Refused:
                continue
        return await self._logged_in({"username": self._login.username, "password": passwords[-1]})

    # -- rows -----------------------------------------------------------------------------------------------------

    async def find(self, row: Row) -> Mapping[str, object] | None:
        kind = kind_of(row)
        try:
            answer = await self._ask(_question(row, kind))
        except Refused as refused:
            if refused.errorcode in ABSENT:
                return None
            if kind.how == "setting" and refused.errorcode == UNKNOWN_OBJECT:
                return None  # an older release: there is nothing to set
            raise
        if kind.how == "setting":
            answer.setdefault(row.kind, {})
        found = answer[row.kind] if row.kind in answer else answer.get(row.kind.lower())
        rows = found if isinstance(found, list) else [found]
        shown = (one for one in rows if isinstance(one, dict))
        return next((one for one in shown if all(same(row.fields[key], one.get(key)) for key in kind.keys)), None)

    async def put(self, row: Row) -> bool:
        kind, found = kind_of(row), await self.find(row)
        if kind.how == "switch":
            return await self._switch(row, found, str(row.fields["state"]))
        if found is None:
            return kind.how != "setting" and await self._add(row, kind)
        changed = differing(row, found, row.fields.keys() - kind.secret)
        if not changed and not kind.secret & row.fields.keys():
            return False
        if kind.how == "binding" or "*" in kind.fixed or kind.fixed.intersection(changed):
            await self.remove(row)
            return await self._add(row, kind)
        fields = {name: _plain(value) for name, value in row.fields.items() if name not in kind.fixed}
        await self._ask(Request("PUT", row.kind, fields))
        return True

    async def _add(self, row: Row, kind: Kind) -> bool:
        fields = {name: _plain(value) for name, value in row.fields.items()}
        try:
            await self._ask(Request("PUT" if kind.how == "binding" else "POST", row.kind, fields))
        except Refused as refused:
            if refused.errorcode not in EXISTS or await self.find(row) is None:
                raise
        return True

    async def _switch(self, row: Row, found: Mapping[str, object] | None, state: str) -> bool:
        if found is None:
            raise Rejected(self._wire.ip, f"has no {row.kind} {row.fields['id']}")
        if found.get("state") == state:
            return False
        action = "enable" if state == "ENABLED" else "disable"
        await self._ask(Request("POST", row.kind, {"id": row.fields["id"]}, action=action))
        return True

    async def remove(self, row: Row) -> bool:
        """A switch goes back to ENABLED, a setting to its default: as the appliance came."""
        kind, found = kind_of(row), await self.find(row)
        if found is None:
            return False
        if kind.how == "switch":
            return await self._switch(row, found, "ENABLED")
        if kind.how == "setting":
            fields = {name: True for name in row.fields if found.get(name)}
            if fields:
                await self._ask(Request("POST", row.kind, fields, action="unset"))
            return bool(fields)
        args = {name: str(row.fields[name]) for name in kind.args}
        key = str(row.fields[kind.path]) if kind.path else ""
        try:
            await self._ask(Request("DELETE", row.kind, key=key, args=args))
        except Refused as refused:
            if refused.errorcode not in ABSENT:
                raise
        if await self.find(row) is not None:
            raise TemporaryError(f"{self._wire.ip} still has the {row.kind} that was removed", who=self._wire.ip)
        return True

    # -- the appliance itself -------------------------------------------------------------------------------------

    async def licence(self) -> Licence:
        told = (await self._ask(Request("GET", "nslicense"))).get("nslicense")
        shown = told[0] if isinstance(told, list) and told else told
        if not isinstance(shown, dict) or not same(True, shown.get("lb")):
            return Licence()
        edition = next((word for name, word in EDITIONS.items() if same(True, shown.get(name))), "")
        return Licence(edition, str(shown.get("modelid", "")))

    async def save(self) -> None:
        told = (await self._ask(Request("GET", "nsconfig"))).get("nsconfig")
        shown = told[0] if isinstance(told, list) and told else told
        if isinstance(shown, dict) and same(False, shown.get("configchanged", True)):
            return
        await self._ask(Request("POST", "nsconfig", {}, action="save"))

    async def restart(self) -> None:
        try:
            await self._ask(Request("POST", "reboot", {"warm": True}))
        except Unreachable:
            pass  # it may go before it answers
        self.forget()


def _question(row: Row, kind: Kind) -> Request:
    """Where a row is looked for: under its own key; files in their folder; routes and global bindings among all."""
    if row.kind in ("route", "nscapacity") or not kind.path:
        return Request("GET", row.kind)
    key = str(row.fields[kind.path])
    if row.kind == "systemfile":
        return Request("GET", row.kind, key=key, args={"filelocation": str(row.fields["filelocation"])})
    return Request("GET", row.kind, key=key)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
