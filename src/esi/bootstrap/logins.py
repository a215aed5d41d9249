"""Our own user at a Keystone, as the settings of each cloud name one."""

from __future__ import annotations

from typing import Protocol

from esi.client.keystone import Credentials
from esi.telemetry import Secret


class User(Protocol):
    """A group of settings that names a user."""

    @property
    def user(self) -> str: ...
    @property
    def password(self) -> Secret: ...
    @property
    def project(self) -> str: ...
    @property
    def domain(self) -> str: ...


def named_user(named: User, auth_url: str) -> Credentials:
    """User and project are of one domain."""
    domains = {"user_domain": named.domain, "project_domain": named.domain}
    return Credentials(auth_url, named.user, named.password, project_name=named.project, **domains)
