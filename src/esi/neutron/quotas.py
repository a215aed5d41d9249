"""Quotas as Neutron tells them: a tenant's own row, else the row `default`; what is not counted here has no limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from esi.model.resource import Body

COUNTED = ("network", "subnet", "port")
UNCOUNTED = {"security_group": -1, "security_group_rule": -1, "floatingip": 0, "router": 0, "rbac_policy": 0}
"""-1: as many as one likes; 0: there are none here."""
DEFAULT = "default"
NO_LIMIT = -1


def quota_of(tenant: str, rows: Iterable[Mapping[str, Any]]) -> Body:
    """The quota of `tenant` among rows of the API's quotas."""
    by_tenant = {row.get("tenant_id"): row for row in rows}
    row = by_tenant.get(tenant) or by_tenant.get(DEFAULT) or {}
    limits = {name: NO_LIMIT if row.get(name) is None else row[name] for name in COUNTED}
    return {**limits, **UNCOUNTED}
