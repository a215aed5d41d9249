"""The way to Neutron over HTTP: a token for the lab's own service user, and Neutron's address from its catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from esi.lab.nova.neutron import Refused
from esi.telemetry import Secret

TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """Who this Nova is at Keystone: an administrator."""

    auth_url: str
    name: str
    password: Secret
    project: str
    domain: str = "Default"

    def body(self) -> dict[str, Any]:
        domain = {"name": self.domain}
        user = {"name": self.name, "domain": domain, "password": self.password.reveal()}
        scope = {"project": {"name": self.project, "domain": domain}}
        return {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}


class HttpNeutron:
    """Implements Neutron. `user` is asked for with each login: None while no Keystone runs."""

    def __init__(self, user: Callable[[], ServiceUser | None]) -> None:
        self._user = user
        self._token = ""
        self._url = ""
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        if not self._token:
            await self._log_in()
        status, found = await self._sent(method, self._url + path, body)
        if status == 401:
            await self._log_in()
            status, found = await self._sent(method, self._url + path, body)
        return status, found

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _log_in(self) -> None:
        self._token = ""
        user = self._user()
        if user is None:
            raise Refused(500, "Nova knows no Keystone")
        status, body = await self._sent("POST", f"{user.auth_url}/v3/auth/tokens", user.body())
        if status != 201:
            raise Refused(500, f"Keystone gives no token for {user.name}: {status}")
        for entry in body["token"].get("catalog") or ():
            if entry["type"] == "network":
                self._url = str(entry["endpoints"][0]["url"]).rstrip("/").removesuffix("/v2.0")
                return
        raise Refused(500, "Keystone's catalogue has no endpoint of type network")

    async def _sent(self, method: str, url: str, body: Any) -> tuple[int, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS))
        headers = {"X-Auth-Token": self._token, "User-Agent": "python-neutronclient"} if self._token else {}
        try:
            async with self._session.request(method, url, json=body, headers=headers) as reply:
                raw, status = await reply.read(), reply.status
                self._token = reply.headers.get("X-Subject-Token", self._token)
            return status, orjson.loads(raw) if raw else None
        except orjson.JSONDecodeError:
            return 500, f"what answers at {url} is no JSON"
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Refused(500, f"Unable to establish connection to {url}: {type(error).__name__}") from error
