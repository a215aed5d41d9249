"""Who is calling, as a Keystone says: GET /v3/auth/tokens with a token of our own, which is taken anew when it ends.

What Keystone said counts for a while (`fresh` seconds), so a token that was revoked is refused at most that much later;
what it refused counts as long. While it does not answer, what is known counts for another while (`stale` seconds), but
never beyond the token's own end. Tokens are known by digest only.
"""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson

from esi.clock import Clock
from esi.errors import TemporaryError, TimedOut, Unauthenticated, Unreachable
from esi.identity import Identity, is_administrator
from esi.identity.accounts import digest
from esi.telemetry import Secret

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10.0
SENDABLE = re.compile(r"[!-~]{1,8192}")
"""What a header can carry unchanged; no token is anything else."""
UNKNOWN = "the token is not known"


@dataclass(frozen=True, slots=True)
class Login:
    """Our own account there: it must be an administrator's or a service's."""

    user: str
    password: Secret
    project: str
    domain: str = "Default"

    def body(self) -> dict[str, Any]:
        domain = {"name": self.domain}
        user = {"name": self.user, "domain": domain, "password": self.password.reveal()}
        return {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"name": self.project, "domain": domain}},
            }
        }


@dataclass(frozen=True, slots=True)
class Trust:
    """How long an answer counts, and how many are remembered."""

    fresh: float = 60.0
    stale: float = 300.0
    most: int = 10_000


@dataclass(frozen=True, slots=True)
class Known:
    """What Keystone said of a token: whose it is, None for nobody's. `asked`: monotonic, `expires`: epoch seconds."""

    identity: Identity | None
    asked: float
    expires: float = 0.0


class KeystoneIdentity:
    """`url` gives the address that ends in /v3, at the time of asking: a lab's port is known late."""

    def __init__(self, url: Callable[[], str], login: Login, *, clock: Clock, trust: Trust | None = None) -> None:
        self._url = url
        self._login = login
        self._clock = clock
        self._trust = trust or Trust()
        self._known: OrderedDict[bytes, Known] = OrderedDict()
        self._own = ""

    async def identify(self, token: str | None) -> Identity:
        if token is None:
            raise Unauthenticated("a token is needed: send it as X-Auth-Token")
        if not SENDABLE.fullmatch(token):
            raise Unauthenticated(UNKNOWN)
        key = digest(token)
        known = self._known.get(key)
        if known is None or not self._counts(known, self._trust.fresh):
            try:
                known = await self._ask(token)
            except TemporaryError as error:
                if known is None or not self._counts(known, self._trust.fresh + self._trust.stale):
                    raise
                log.warning("Keystone does not answer, what it said before counts: %s", error)
            else:
                self._remember(key, known)
        if known.identity is None:
            raise Unauthenticated(UNKNOWN)
        return known.identity

    def _counts(self, known: Known, seconds: float) -> bool:
        if self._clock.monotonic() - known.asked >= seconds:
            return False
        return known.identity is None or self._clock.now() < known.expires

    def _remember(self, key: bytes, known: Known) -> None:
        self._known[key] = known
        self._known.move_to_end(key)
        if len(self._known) > self._trust.most:
            self._known.popitem(last=False)

    async def _ask(self, token: str) -> Known:
        """Once more with a new token of our own when the old one has ended."""
        asked, fresh = self._clock.monotonic(), not self._own
        if fresh:
            self._own = await self._log_in()
        headers = {"X-Auth-Token": self._own, "X-Subject-Token": token}
        status, body, _ = await self._call("GET", "/auth/tokens?nocatalog", headers=headers)
        if status == 401 and not fresh:
            self._own = ""
            return await self._ask(token)
        if status == 404:
            return Known(None, asked)
        if status != 200:
            raise Unreachable(f"Keystone at {self._url()} does not let {self._login.user} look at tokens: {status}")
        identity, expires = _identity(body)
        return Known(identity, asked, expires)

    async def _log_in(self) -> str:
        status, _, headers = await self._call("POST", "/auth/tokens?nocatalog", body=self._login.body())
        if status != 201 or "X-Subject-Token" not in headers:
            raise Unreachable(f"Keystone at {self._url()} refuses our own login as {self._login.user}: {status}")
        return headers["X-Subject-Token"]

    async def _call(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> tuple[int, Any, Mapping[str, str]]:
        url = self._url().rstrip("/")
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        try:  # a connection each time: a token is asked for once a minute, and nothing is left to close
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.request(method, url + path, headers=headers, json=body) as reply,
            ):
                status, raw, told = reply.status, await reply.read(), reply.headers
        except aiohttp.ClientError as error:
            raise Unreachable(f"Keystone at {url} cannot be reached: {type(error).__name__}") from error
        except TimeoutError as error:
            raise TimedOut(f"Keystone at {url} did not answer within {TIMEOUT_SECONDS:g} s") from error
        if status >= 500:
            raise Unreachable(f"Keystone at {url} answers {status}")
        try:
            return status, orjson.loads(raw) if raw else None, told
        except orjson.JSONDecodeError as error:
            raise Unreachable(f"what answers at {url} is no Keystone") from error


def _identity(body: Any) -> tuple[Identity | None, float]:
    """Whose token it is and when it ends; nobody's when it is for no project."""
    try:
        token = body["token"]
        ends = datetime.fromisoformat(token["expires_at"].replace("Z", "+00:00"))
        expires = (ends if ends.tzinfo else ends.replace(tzinfo=UTC)).timestamp()
        if "project" not in token:
            return None, expires
        roles = tuple(str(role["name"]) for role in token.get("roles", ()))
        user, project = str(token["user"]["name"]), str(token["project"]["id"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreachable("Keystone's answer is not of the identity API v3") from error
    return Identity(user, project, roles, is_admin=is_administrator(roles)), expires
