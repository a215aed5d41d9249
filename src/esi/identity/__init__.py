"""Who is calling. An Authenticator turns a token into an Identity; what that identity may do is policy's business.

Members: `NoIdentity` (everyone is the administrator: a desk, a private network) and `TokenFile`. Keystone and JWT come
through the same port.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

ADMIN_ROLE = "admin"
NOBODY_ROLE = "Nobody"
"""The role of a caller who shows no token at all; a policy may name it as principal."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller: `user` for the log, `tenant` owns what is created, `roles` are matched with policy principals."""

    user: str
    tenant: str = ""
    roles: tuple[str, ...] = ()
    is_admin: bool = False

    def acting_for(self, tenant: str) -> Identity:
        """The same caller with another tenant: only an administrator may act for somebody else."""
        return replace(self, tenant=tenant) if self.is_admin else self


def is_administrator(roles: Iterable[str]) -> bool:
    """Case means nothing in the name of a role, as in Keystone."""
    return any(role.casefold() == ADMIN_ROLE for role in roles)


SYSTEM = Identity(user="system", roles=(ADMIN_ROLE,), is_admin=True)
"""esi itself: rows written at boot, changes that follow from what etcd reports."""

NOBODY = Identity(user="", roles=(NOBODY_ROLE,))


class Authenticator(Protocol):
    async def identify(self, token: str | None) -> Identity:
        """The caller behind `token`; Unauthenticated when there is none or it is not known."""
        ...
