"""How many resources of a kind a tenant may have: its own row of `quota`, else the row `default`.

Counted in the transaction that creates, so two who race for the last one get one.
"""

from __future__ import annotations

from esi.plugin import Change, Query, QuotaExceeded, Ref, Resource, Tx

DEFAULT = Ref("quota", "default")


async def check(tx: Tx, change: Change) -> None:
    """QuotaExceeded when the tenant has as many as it may. A kind that the row does not limit is free."""
    kind, tenant = change.schema.id, change.body.get("tenant_id")
    row = await _row(tx, tenant)
    limit = row.get(kind) if row is not None else None
    if limit is None:
        return
    if await tx.count(kind, Query(filters={"tenant_id": [tenant]})) >= limit:
        raise QuotaExceeded(
            f"tenant {tenant or 'without a name'} may have {limit} {change.schema.plural}, and has them"
        )


async def _row(tx: Tx, tenant: str | None) -> Resource | None:
    own = await tx.list("quota", Query(filters={"tenant_id": [tenant]}, limit=1)) if tenant else []
    return own[0] if own else await tx.get(DEFAULT)
