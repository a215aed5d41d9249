"""Updating a resource, and adjusting one: the same arithmetic with and without a new version.

    policy → what changes is judged, its relations resolved → pre_update → states → pre_update_in_transaction →
    the whole row is judged → row with version + 1, event, log → post_update_in_transaction → post_update

Values that are sent as they stand are no change, so a document that was read can be sent back. The event carries the
complete row.
"""

from __future__ import annotations

from typing import Any

from esi.errors import Broken, Conflict, Invalid
from esi.lifecycle import access, relations, states
from esi.lifecycle.access import REASON
from esi.lifecycle.deadlines import begin
from esi.lifecycle.request import Origin, Request, change_of, copied
from esi.lifecycle.statuses import let_go, spread
from esi.model.resource import Body, Ref, Resource
from esi.schema import Schema
from esi.schema.documents import clone, merge


async def update(
    request: Request, schema: Schema, ref: Ref, sent: Body, origin: Origin, *, whole: bool = False
) -> Resource:
    """Merge `sent` into the resource as its next version. An update without any change is one, too: it tries again what
    has failed. With `whole` an object that is sent takes the place of the old one, instead of being merged into it.
    """
    if not origin.trusted:
        access.allowed(request.world, origin.identity, "update", schema, item=True)
    before = await request.need(ref)
    grant = None
    if not origin.trusted:
        grant = access.check_row(request.world, origin.identity, "update", schema, before)
    if before.marked_for_deletion:
        raise Conflict(f"{schema.id} {ref.id} is being deleted", schema=schema.id, id=ref.id)
    changes = _changes(schema, before, sent)
    row = _next(before, changes, whole=whole)
    if grant is not None:
        access.check_names(grant, changes, own=access.owns(origin.identity, schema, before.body))
        merged = {name: row.body[name] for name in changes}
        faults = schema.check_update(merged)
        if faults:
            raise Invalid("the request is not valid", faults)
        await relations.resolve(request, schema, merged, origin, known=before.body)
    row.config_version += 1
    row.state_error = ""
    change = change_of(schema, row, origin, before=before, sent=clone(sent))
    await request.run_hooks("pre_update", change)
    quirk = request.world.ways.recorded_quirks and origin.cause is not None
    states.on_update(schema, row.body, changes if origin.trusted else {}, keep_orchestration=quirk)
    await request.run_hooks("pre_update_in_transaction", change)
    await _judge(
        request,
        schema,
        row,
        origin,
        known={**before.body, **({} if origin.trusted else {name: row.body[name] for name in changes})},
    )
    row.due = begin(request.world.ways.deadlines, schema, row, request.rows.now)
    await request.save(row)
    await request.event("update", row, origin)
    await request.log(row, "update", origin)
    if request.world.hooks.any(schema.id, "post_update_in_transaction", "post_update"):
        after = change_of(schema, copied(row), origin, before=before, sent=clone(sent))
        await request.run_hooks("post_update_in_transaction", after)
        await request.run_hooks("post_update", after)
    await spread(request, row, before.body.get("status"), origin)
    await let_go(request, before, row, origin)
    return await request.get(ref) or row


def _changes(schema: Schema, before: Resource, sent: Body) -> Body:
    """What is sent and differs from what stands."""
    return {
        name: value
        for name, value in sent.items()
        if not (name in before.body and before.body[name] == value and _same_kind(before.body[name], value))
        and not (name == REASON and not schema.has(REASON))
    }


def _same_kind(old: Any, new: Any) -> bool:
    """True and 1 are equal to Python, not to anybody else."""
    return isinstance(old, bool) == isinstance(new, bool)


def _next(before: Resource, changes: Body, *, whole: bool = False) -> Resource:
    body = clone(before.body)
    for name, value in changes.items():
        body[name] = clone(value) if whole else merge(body.get(name), value)
    return before.with_body(body)


async def _judge(request: Request, schema: Schema, row: Resource, origin: Origin, *, known: Body) -> None:
    """The whole row must stand, and what hooks have computed must lead somewhere."""
    faults = schema.check_row(row.body)
    if faults:
        raise Invalid("the request is not valid", faults)
    system = Origin(origin.identity, origin.request_id, origin.cause, trusted=True)
    await relations.resolve(request, schema, row.body, system, known=known)


async def adjust(request: Request, schema: Schema, ref: Ref, change: Body) -> Resource:
    """Change the row in the database only. Called by hooks, so a row that does not stand is our own mistake."""
    row = _next(await request.need(ref), {**change, "id": ref.id})
    faults = schema.check_row(row.body)
    if faults:
        raise Broken(f"a hook adjusts {ref} to something that is not valid: {faults}", faults=faults)
    await request.save(row)
    return row
