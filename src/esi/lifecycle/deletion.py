"""Deleting a resource: in two steps where workers have something to take down, else in one.

Two steps: the row is marked, gets a version and an event of its own, and goes when the workers report that version as
deleted (esi.lifecycle.reports). Deleting what is marked already changes nothing, unless the first try has failed:
then a new version tries again. Hooks may delete what belongs to the resource before it is looked for who still
refers to it, or do something else instead (`Change.stays`).

By force (administrators only) the record goes at once and nothing is taken down: what may be left is told instead.
"""

from __future__ import annotations

from esi.lifecycle import access, relations, states
from esi.lifecycle.deadlines import begin
from esi.lifecycle.request import Origin, Request, change_of, copied
from esi.lifecycle.statuses import spread
from esi.model.resource import Ref, Resource
from esi.schema import Schema
from esi.store import Kind


async def delete(request: Request, schema: Schema, ref: Ref, origin: Origin) -> None:
    """Delete, or begin to. Conflict when something that stays refers to it."""
    if not origin.trusted:
        access.allowed(request.world, origin.identity, "delete", schema, item=True)
    before = await request.need(ref)
    if not origin.trusted:
        access.check_row(request.world, origin.identity, "delete", schema, before)
    if before.marked_for_deletion and not before.state_error:
        return
    change = change_of(schema, copied(before), origin, before=before)
    change.version = before.config_version + 1
    await request.run_hooks("pre_delete", change)
    if change.stays:
        return
    await request.run_hooks("pre_delete_in_transaction", change)
    await relations.refuse_if_referenced(request, schema, ref)
    before = await request.need(ref)  # hooks may have adjusted it
    if schema.two_step_deletion:
        await _mark(request, schema, before, origin)
    else:
        await remove(request, schema, before, origin)
    await request.run_hooks("post_delete_in_transaction", change)
    await request.run_hooks("post_delete", change)


async def _mark(request: Request, schema: Schema, before: Resource, origin: Origin) -> None:
    row = copied(before)
    row.config_version += 1
    row.marked_for_deletion = True
    row.state_error = ""
    states.on_delete(schema, row.body)
    row.due = begin(request.world.ways.deadlines, schema, row, request.rows.now)
    await request.save(row)
    await request.event("update", row, origin)
    await request.log(row, "delete", origin)
    await spread(request, row, before.body.get("status"), origin)


async def force(request: Request, schema: Schema, ref: Ref, origin: Origin, left: str) -> None:
    """Drop the record at once, whatever the workers are doing. `left` says what may be left where: it goes into the
    change log.
    """
    before = await request.need(ref)
    access.check_row(request.world, origin.identity, "delete", schema, before)
    change = change_of(schema, copied(before), origin, before=before)
    change.version = before.config_version + 1
    fresh = not before.marked_for_deletion
    if fresh:
        await request.run_hooks("pre_delete", change)
        await request.run_hooks("pre_delete_in_transaction", change)
    await relations.refuse_if_referenced(request, schema, ref)
    before = await request.need(ref)
    await remove(request, schema, before, origin, kind="drop" if schema.state_versioning else "delete")
    if fresh:
        await request.run_hooks("post_delete_in_transaction", change)
        await request.run_hooks("post_delete", change)
    await request.log(before, "force_delete", origin, left)


async def remove(request: Request, schema: Schema, row: Resource, origin: Origin, *, kind: Kind = "delete") -> None:
    """The physical end: row, allocations and etcd key go."""
    change = change_of(schema, copied(row), origin, before=row, payload=dict(row.state))
    await request.run_hooks("pre_physical_delete_in_transaction", change)
    await request.remove(row.ref)
    await request.rows.release_all(row.ref)
    await request.event(kind, row, origin, version=row.config_version + 1)
    await request.log(row, "physical_delete", origin)
    await request.run_hooks("post_physical_delete_in_transaction", change)
