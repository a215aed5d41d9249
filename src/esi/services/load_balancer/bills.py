"""What a load balancer is billed for beside itself: its plan, in a row below its own. Another plan ends that row and
begins one of its own.
"""

from __future__ import annotations

from esi.plugin import Change, Resource, Tx
from esi.services.load_balancer.asking import found, of
from esi.services.load_balancer.plans import PLAN
from esi.services.network import billing


async def add_plan(tx: Tx, change: Change) -> None:
    row = await billing.row_of(tx, change.id)
    if row is not None:
        await _add(tx, change, row)


async def change_plan(tx: Tx, change: Change) -> None:
    row = await billing.row_of(tx, change.id) if change.changed(PLAN) else None
    if row is None:
        return
    for plan in await of(tx, billing.ROW, parent_billing_id=row.id):
        if plan["ended"] is None:
            await tx.adjust(plan.ref, {"ended": int(tx.now)})
    await _add(tx, change, row)


async def _add(tx: Tx, change: Change, row: Resource) -> None:
    plan = await found(tx, "load_balancer_plan", change.body[PLAN], PLAN)
    info = {"plan_name": plan["name"]}
    await billing.add(tx, change, row, resource_type="load_balancer_plan", resource_id=plan.id, info=info)
    if row["started"] is not None:
        for made in await of(tx, billing.ROW, parent_billing_id=row.id):
            if made["started"] is None:
                await tx.adjust(made.ref, {"started": int(tx.now)})
