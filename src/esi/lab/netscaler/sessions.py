"""Who is logged in: tokens with an end, so many per user, and what a user's command policies allow."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from esi.clock import Clock
from esi.lab.netscaler import codes
from esi.lab.netscaler.codes import Refused
from esi.lab.netscaler.rows import Rows
from esi.lab.netscaler.rules import ROOT

SECONDS = 1800.0


class Sessions:
    """The sessions of one appliance. `factory` are the passwords it came with; `insists`: they must be changed."""

    def __init__(self, clock: Clock, factory: Mapping[str, str], *, insists: bool) -> None:
        self._clock = clock
        self._factory = factory
        self._insists = insists
        self._open: dict[str, tuple[str, float]] = {}

    def __len__(self) -> int:
        now = self._clock.monotonic()
        return sum(until > now for _, until in self._open.values())

    def end(self) -> None:
        """Everybody is logged out."""
        self._open.clear()

    def log_in(self, rows: Rows, fields: Mapping[str, Any]) -> str:
        unknown = sorted(set(fields) - {"username", "password", "new_password", "timeout"})
        if unknown:
            raise Refused(codes.NO_SUCH_ARGUMENT, unknown[0])
        user = self._user(rows, fields.get("username"), fields.get("password"))
        name = str(user["username"])
        new = fields.get("new_password")
        if new is not None:
            if not isinstance(new, str) or not new or new == user["password"]:
                raise Refused(codes.BAD_VALUE, "new_password")
            rows.put("systemuser", {**user, "password": new})
        elif self._insists and user["password"] == self._factory.get(name):
            raise Refused(codes.FACTORY_PASSWORD)
        now = self._clock.monotonic()
        self._open = {token: held for token, held in self._open.items() if held[1] > now}
        if sum(holder == name for holder, _ in self._open.values()) >= int(user["maxsession"]):
            raise Refused(codes.SESSION_LIMIT)
        token = f"##{secrets.token_hex(32).upper()}"
        self._open[token] = (name, now + SECONDS)
        return token

    def log_out(self, token: str) -> None:
        self._open.pop(token, None)

    def who(self, rows: Rows, token: str, user: str = "", password: str = "") -> str:
        """The user behind a token, or behind a user's name and password that came with the request."""
        if not token:
            if not user:
                raise Refused(codes.LOGIN_REQUIRED)
            found = self._user(rows, user, password)
            if self._insists and found["password"] == self._factory.get(user):
                raise Refused(codes.FACTORY_PASSWORD)
            return user
        name, until = self._open.get(token, ("", 0.0))
        if self._clock.monotonic() >= until or rows.get("systemuser", name) is None:
            raise Refused(codes.SESSION_EXPIRED)
        self._open[token] = (name, self._clock.monotonic() + SECONDS)
        return name

    def _user(self, rows: Rows, name: Any, password: Any) -> dict[str, Any]:
        user = rows.get("systemuser", name) if isinstance(name, str) else None
        known = str(user["password"]) if user is not None else secrets.token_hex(8)
        if not hmac.compare_digest(known.encode(), str(password).encode(errors="replace")) or user is None:
            raise Refused(codes.INVALID_PASSWORD)
        return user


def allow(rows: Rows, user: str, verb: str, kind: str) -> None:
    """Whether a user's policies let him; raises Refused. Looking is allowed to all that have one."""
    if user == ROOT:
        return
    bound = {row["policyname"] for row in rows.matching("systemuser_systemcmdpolicy_binding", username=user)}
    if not bound:
        raise Refused(codes.NO_USER_POLICY)
    if verb == "show" or "superuser" in bound:
        return
    if "network" in bound and not kind.startswith(("system", "nsconfig", "reboot", "nscapacity")):
        return
    if "operator" in bound and verb in ("enable", "disable"):
        return
    raise Refused(codes.NOT_PERMITTED, f"{verb} {kind}")
