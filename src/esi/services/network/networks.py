"""A network: which subnets it has is told when it is shown; the row itself holds none."""

from __future__ import annotations

from esi.plugin import Change, Query, Tx


async def show_subnets(tx: Tx, change: Change) -> None:
    if "subnets" in change.body:
        found = await tx.list("subnet", Query(filters={"network_id": [change.id]}))
        change.body["subnets"] = [subnet.id for subnet in found]
