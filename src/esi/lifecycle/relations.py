"""References between resources: what is sent is resolved with the caller's rights, what hooks compute with ours.

An id that does not exist and one that the caller may not see get the same answer, so that ids cannot be guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from esi.errors import Conflict, Invalid
from esi.lifecycle.access import can
from esi.lifecycle.request import Origin, Request
from esi.model.resource import Ref
from esi.schema import Schema
from esi.schema.properties import values_at

NAMED = 5
"""Referring resources that a refused delete names."""


async def resolve(
    request: Request, schema: Schema, body: Mapping[str, Any], origin: Origin, *, known: Mapping[str, Any] | None
) -> None:
    """Invalid, naming the property, when a relation in `body` leads to nothing; values that `known` has too are
    skipped.
    """
    faults: list[tuple[str, str]] = []
    for link in schema.links:
        first = link.steps[0]
        if first not in body or (known is not None and body[first] == known.get(first)):
            continue
        for path, value in values_at(body, link.steps):
            if value is None or (value == "" and link.may_be_empty):
                continue
            text = await _fault(request, link.target, value, origin)
            if text:
                faults.append((path, text))
    if faults:
        raise Invalid("a related resource does not exist", faults)


async def _fault(request: Request, target: str, value: object, origin: Origin) -> str:
    row = await request.get(Ref(target, value)) if isinstance(value, str) else None
    if row is not None and not origin.trusted:
        schema = request.schema(target)
        row = row if can(request.world, origin.identity, "read", schema, row.body) is not None else None
    if row is None:
        return f"there is no {target} with this id"
    return f"this {target} is being deleted" if row.marked_for_deletion else ""


async def refuse_if_referenced(request: Request, schema: Schema, ref: Ref) -> None:
    """Conflict, naming who refers, when a resource that is not on its way out itself holds this id."""
    holders: list[str] = []
    for referrer in request.world.catalogue.referrers(schema.id):
        rows = await request.rows.referring(referrer.schema, referrer.property, ref.id)
        holders += [
            f"{referrer.schema} {row.id} ({referrer.property})"
            for row in rows
            if not row.marked_for_deletion and row.ref != ref
        ]
    if holders:
        more = f" and {len(holders) - NAMED} more" if len(holders) > NAMED else ""
        named = sorted(holders)[:NAMED]
        raise Conflict(f"{schema.id} {ref.id} is in use by {', '.join(named)}{more}", referrers=named)
