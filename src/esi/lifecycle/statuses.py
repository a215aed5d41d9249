"""Deriving status, of a row and of those whose status stands on it. Database only: no version, no event.

The reverse index says who must be looked at again, so a change of an ha_interface reaches its gateways and nobody else.
"""

from __future__ import annotations

from esi.lifecycle.request import Origin, Request, copied
from esi.model.resource import Ref, Resource
from esi.model.status import Facts, derive
from esi.schema.properties import values_at


async def derived(request: Request, row: Resource) -> str | None:
    """The status that a row should have; None where its schema has no such column."""
    schema = request.schema(row.schema)
    if not schema.has("status") or schema.status.rule == "none":
        return None
    others: list[str] = []
    for link in schema.links:
        if link.path in schema.status.of:
            for _path, value in values_at(row.body, link.steps):
                other = await request.get(Ref(link.target, value)) if isinstance(value, str) and value else None
                if other is not None:
                    others.append(str(other.body.get("status")))
    return derive(
        Facts(
            rule=schema.status.rule,
            current=str(row.body.get("status")),
            orchestration=row.body.get("orchestration_state") if schema.has("orchestration_state") else None,
            operational=row.body.get("operational_state") if schema.has("operational_state") else None,
            settled=row.state_version == row.config_version,
            failed=bool(row.state_error),
            deleting=row.marked_for_deletion,
            others=tuple(others),
            monitoring=request.world.monitoring,
        )
    )


async def spread(request: Request, row: Resource, before: object, origin: Origin) -> None:
    """The status of `row` was `before`: derive again whoever stands on it, and who stands on those."""
    todo = [row] if row.body.get("status") != before else []
    visited = {row.ref}
    while todo:
        changed = todo.pop()
        for schema, link in request.world.catalogue.dependents(changed.schema):
            for dependent in await request.rows.referring(schema.id, link.path, changed.id):
                if dependent.ref in visited:
                    continue
                word = await derived(request, dependent)
                if word is None or word == dependent.body.get("status"):
                    continue
                visited.add(dependent.ref)
                updated = copied(dependent)
                updated.body["status"] = word
                await request.save(updated)
                await request.log(updated, "status", origin, word)
                todo.append(updated)
