"""A network: which subnets it has is told when it is shown; the row itself holds none."""

from __future__ import annotations

from esi.plugin import Change, Tx


async def show_subnets(tx: Tx, change: Change) -> None:
    if "subnets" in change.body:
        change.body["subnets"] = [subnet.id for subnet in await tx.naming("subnet", "network_id", change.id)]
