"""No authentication: every caller is the administrator. For one desk or a closed network, never for an open port."""

from __future__ import annotations

from esi.identity import ADMIN_ROLE, Identity


class NoIdentity:
    """Everyone is `user` with the role admin; an `X-Tenant` header says for whom a request acts (see esi.api)."""

    def __init__(self, user: str = "admin", tenant: str = "") -> None:
        self._identity = Identity(user=user, tenant=tenant, roles=(ADMIN_ROLE,), is_admin=True)

    async def identify(self, token: str | None) -> Identity:
        return self._identity
