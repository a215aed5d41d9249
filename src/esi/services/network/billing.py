"""What is billed: a row per resource, opened in the transaction that creates it, `started` when it first is ACTIVE,
`ended` when it is physically gone. Database only: the rows never reach etcd.

A service bills a schema of its own by `follow(hooks, "load_balancer")`. What belongs to it (its plan, say) gets a row
below the first, which starts and ends with it:

    row = await billing.row_of(tx, change.id)
    await billing.add(tx, change, row, resource_type="load_balancer_plan", resource_id=plan.id, info={…})
"""

from __future__ import annotations

from esi.plugin import Body, Change, Hooks, Query, Resource, Tx

ROW = "billing_resource"


def follow(hooks: Hooks, schema: str) -> None:
    """Bill every resource of a schema from now on. Hooks that add rows are registered after it."""
    hooks.on(schema, "post_create_in_transaction", begin)
    hooks.on(schema, "post_update_in_transaction", follow_version)
    hooks.on(schema, "post_state_update_in_transaction", start)
    hooks.on(schema, "post_monitoring_update_in_transaction", start)
    hooks.on(schema, "post_physical_delete_in_transaction", end)


async def begin(tx: Tx, change: Change) -> None:
    await _open(
        tx, change, {"resource_type": change.schema.id, "resource_id": change.id, "unique_resource_id": change.id}
    )


async def add(tx: Tx, change: Change, parent: Resource, *, resource_type: str, resource_id: str, info: Body) -> None:
    """A row below the one of the change's resource."""
    about = {"resource_type": resource_type, "resource_id": resource_id, "info": info}
    await _open(tx, change, {**about, "parent_billing_id": parent.id})


async def _open(tx: Tx, change: Change, about: Body) -> None:
    tenant = change.body.get("tenant_id")
    if tenant:  # what belongs to nobody is not billed
        body = {"tenant_id": tenant, "started": None, "ended": None, "config_version": change.version}
        await tx.create(ROW, {**body, **about})


async def row_of(tx: Tx, id: str) -> Resource | None:
    """The row of a resource itself; None where nobody is billed for it."""
    rows = await tx.list(ROW, Query(filters={"unique_resource_id": [id]}, limit=1))
    return rows[0] if rows else None


async def _change(tx: Tx, id: str, change: Body, *, unless: str = "") -> None:
    """Change the row of a resource and those below it; not if the row has a value in `unless` already."""
    row = await row_of(tx, id)
    if row is None or (unless and row[unless] is not None):
        return
    for one in (row, *await tx.list(ROW, Query(filters={"parent_billing_id": [row.id]}))):
        if one["ended"] is None:  # a row below may have ended before
            await tx.adjust(one.ref, change)


async def follow_version(tx: Tx, change: Change) -> None:
    await _change(tx, change.id, {"config_version": change.version})


async def start(tx: Tx, change: Change) -> None:
    if change.body.get("status") == "ACTIVE":
        await _change(tx, change.id, {"started": int(tx.now)}, unless="started")


async def end(tx: Tx, change: Change) -> None:
    await _change(tx, change.id, {"ended": int(tx.now)}, unless="ended")
