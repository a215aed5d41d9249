"""Who the lab's Keystone knows, in Keystone's words: a tenant is a project there, all stand in the domain Default.

Ids of users and roles are made from their names, so they are the same in every process. Whoever has no tenant in the
file has the project of all that belongs to none.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from esi.errors import SettingsError
from esi.identity.accounts import HOME, HOME_NAME, Account, digest

DOMAIN = {"id": "default", "name": "Default"}
NAMES = UUID("5f2b6e60-7c3d-5a39-8f2e-51f6a86b1d0c")


@dataclass(frozen=True, slots=True)
class Tenant:
    id: str
    name: str


@dataclass(slots=True)
class User:
    """`roles` by project id; `password` is a digest, empty when the user cannot log in with one."""

    id: str
    name: str
    password: bytes = b""
    roles: dict[str, set[str]] = field(default_factory=dict)

    def knows(self, password: str) -> bool:
        return hmac.compare_digest(self.password, digest(password)) and self.password != b""

    @property
    def is_admin(self) -> bool:
        return any("admin" in roles for roles in self.roles.values())


class Directory:
    """Users, projects and the tokens that stand in the file. `everywhere`: a user who is an administrator in every
    project, also in one that nobody has named before, as the service user of a cloud is.
    """

    def __init__(self, accounts: Iterable[Account], *, everywhere: str = "") -> None:
        self._everywhere = everywhere
        self.users: dict[str, User] = {}
        self.projects: dict[str, Tenant] = {}
        self.standing: dict[bytes, tuple[User, str]] = {}
        for account in accounts:
            who = account.identity
            id_ = named_id("user", who.user)
            user = self.users.setdefault(id_, User(id_, who.user))
            user.password = account.password or user.password
            tenant = who.tenant or HOME
            self.projects.setdefault(tenant, Tenant(tenant, account.project or HOME_NAME))
            if user.roles.setdefault(tenant, set(who.roles)) != set(who.roles):
                raise SettingsError(f"the user {who.user} has two sets of roles in {tenant or 'no tenant'}")
            if account.token:
                self.standing[account.token] = (user, tenant)

    def user(self, *, id: str = "", name: str = "") -> User | None:
        return self.users.get(id or named_id("user", name))

    def project(self, *, id: str = "", name: str = "") -> Tenant | None:
        if id:
            return self.projects.get(id)
        return next((project for project in self.projects.values() if project.name == name), None)

    def admit(self, user: User, project: str) -> None:
        """Let who is everywhere into a project."""
        if user.name == self._everywhere != "" and project:
            self.projects.setdefault(project, Tenant(project, project))
            user.roles.setdefault(project, {"admin", "service"})

    def projects_of(self, user: User) -> list[Tenant]:
        return [self.projects[id_] for id_ in sorted(user.roles)]

    @property
    def roles(self) -> list[str]:
        return sorted({role for user in self.users.values() for roles in user.roles.values() for role in roles})


def named_id(kind: str, name: str) -> str:
    return uuid5(NAMES, f"{kind} {name}").hex
