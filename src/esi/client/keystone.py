"""A token for a name and a password: Keystone's identity API, version 3, as every OpenStack client asks for it.

`POST <auth url>/v3/auth/tokens` answers with the token in the header X-Subject-Token, and in the body with the catalog
of services, from which the address of the API may be taken.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from esi.clock import Clock
from esi.errors import Broken, NotFound, Unauthenticated
from esi.telemetry import Secret

DEFAULT_DOMAIN = "Default"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks, and for which project, by id or else by name; without one the token is for no project."""

    auth_url: str
    username: str
    password: Secret
    project_id: str = ""
    project_name: str = ""
    user_domain: str = DEFAULT_DOMAIN
    project_domain: str = DEFAULT_DOMAIN

    @property
    def who(self) -> str:
        """The caller, without the secret."""
        project = self.project_id or f"{self.project_domain}/{self.project_name}"
        return f"{self.user_domain}/{self.username} of {project} at {self.auth_url}"

    def as_body(self) -> dict[str, Any]:
        """The request's document."""
        user = {"name": self.username, "domain": {"name": self.user_domain}, "password": self.password.reveal()}
        auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
        if self.project_id:
            auth["scope"] = {"project": {"id": self.project_id}}
        elif self.project_name:
            auth["scope"] = {"project": {"name": self.project_name, "domain": {"name": self.project_domain}}}
        return {"auth": auth}


@dataclass(frozen=True, slots=True)
class Grant:
    """What Keystone gave: a token, and where which service is."""

    token: Secret
    catalog: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)

    def endpoint(self, service: str, region: str = "") -> str:
        """The public address of a service, by name or type; NotFound names those that are there."""
        for entry in self.catalog:
            if service in (entry.get("name"), entry.get("type")):
                for point in entry.get("endpoints") or ():
                    if point.get("interface") == "public" and region in ("", point.get("region")):
                        return str(point["url"]).rstrip("/")
        names = ", ".join(sorted({str(entry.get("name")) for entry in self.catalog})) or "none"
        where = f" in region {region}" if region else ""
        raise NotFound(f"Keystone's catalog has no public endpoint of {service!r}{where}; it has {names}")


async def grant(credentials: Credentials, *, clock: Clock, tls: ssl.SSLContext | None = None) -> Grant:
    """Ask for a token. Unauthenticated when name, password or project are not right, Unreachable, TimedOut."""
    from esi.client.http import Http  # here: completion needs the name of who asks, and no HTTP library

    root = credentials.auth_url.rstrip("/").removesuffix("/v3")
    async with Http(root, clock=clock, who="Keystone", tls=tls) as http:
        try:
            answer = await http.ask("POST", "/v3/auth/tokens", body=credentials.as_body())
        except Unauthenticated as error:
            told = f"Keystone at {root} does not accept {credentials.username!r} with this password and project"
            raise Unauthenticated(told, url=root) from error
    token = answer.headers.get("X-Subject-Token", "")
    document = answer.body.get("token") if isinstance(answer.body, dict) else None
    if not token or not isinstance(document, dict):
        raise Broken(f"{root} answered without a token; is it Keystone, version 3?")
    return Grant(Secret(token), tuple(document.get("catalog") or ()))
