"""What Keystone's answers look like: versions, tokens, the catalogue, errors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from esi.lab.keystone.directory import DOMAIN, Directory, Tenant, User, named_id
from esi.lab.keystone.issued import Token

REGION = "RegionOne"
NAMES = {
    "identity": "keystone",
    "orchestration": "heat",
    "compute": "nova",
    "image": "glance",
    "network": "neutron",
}
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
    500: "Internal Server Error",
}
UNAUTHORIZED = "The request you have made requires authentication."
MEDIA = [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}]

Endpoints = Mapping[str, str]
"""Service type → URL, in which %(tenant_id)s stands for the project."""


class Refused(Exception):
    """An answer with Keystone's error body."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    def response(self, url: str) -> web.Response:
        headers = {"WWW-Authenticate": f'Keystone uri="{url}"', "Vary": "X-Auth-Token"} if self.status == 401 else {}
        title = TITLES.get(self.status, "Error")
        error = {"code": self.status, "message": str(self), "title": title}
        return web.json_response({"error": error}, status=self.status, headers=headers)


def version(url: str) -> dict[str, Any]:
    links = [{"rel": "self", "href": f"{url}/v3/"}]
    return {"id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z", "links": links, "media-types": MEDIA}


def catalogue(endpoints: Endpoints, project: str) -> list[dict[str, Any]]:
    found = []
    for type_, url in sorted(endpoints.items()):
        one = {"region": REGION, "region_id": REGION, "url": url.replace("%(tenant_id)s", project)}
        found.append(
            {
                "id": named_id("service", type_),
                "type": type_,
                "name": NAMES.get(type_, type_),
                "endpoints": [
                    {**one, "interface": interface, "id": named_id("endpoint", f"{type_} {interface}")}
                    for interface in ("admin", "internal", "public")
                ],
            }
        )
    return found


def token_body(token: Token, directory: Directory, endpoints: Endpoints | None) -> dict[str, Any]:
    """`endpoints` None: without a catalogue."""
    body: dict[str, Any] = {
        "methods": list(token.methods),
        "user": {"id": token.user.id, "name": token.user.name, "domain": DOMAIN, "password_expires_at": None},
        "audit_ids": [token.audit],
        "issued_at": when(token.issued),
        "expires_at": when(token.expires),
    }
    if token.project:
        project = directory.projects[token.project]
        body["project"] = {"id": project.id, "name": project.name, "domain": DOMAIN}
        body["is_domain"] = False
        body["roles"] = [role(name) for name in sorted(token.user.roles[token.project])]
        if endpoints is not None:
            body["catalog"] = catalogue(endpoints, token.project)
    return {"token": body}


def role(name: str) -> dict[str, Any]:
    return {"id": named_id("role", name), "name": name}


def user_row(user: User) -> dict[str, Any]:
    about = {"enabled": True, "options": {}, "password_expires_at": None, "description": ""}
    return {"id": user.id, "name": user.name, "domain_id": DOMAIN["id"], **about}


def project_row(project: Tenant) -> dict[str, Any]:
    about = {"enabled": True, "is_domain": False, "description": "", "tags": [], "options": {}}
    return {"id": project.id, "name": project.name, "domain_id": DOMAIN["id"], "parent_id": DOMAIN["id"], **about}


def when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
