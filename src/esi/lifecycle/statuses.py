"""Deriving status, of a row and of those whose status stands on it. Database only: no version, no event.

The reverse index says who must be looked at again, so a change of an ha_interface reaches its gateways and nobody else.
A status that needs a reason gets one in the same moment: kept with what was seen (`state_monitoring.reason`).
"""

from __future__ import annotations

from typing import NamedTuple

from esi.lifecycle import deadlines
from esi.lifecycle.request import Origin, Request, copied
from esi.model.resource import Ref, Resource
from esi.model.status import BAD, FAIL, MONITORING_UNAVAILABLE, UNKNOWN, Facts, because, derive
from esi.schema import Schema
from esi.schema.properties import values_at

REASON = "reason"
"""The key in state_monitoring."""


class Verdict(NamedTuple):
    """A status, and why it is not a better one ("" where that stands elsewhere or needs no words)."""

    word: str
    reason: str = ""


async def derived(request: Request, row: Resource, *, overdue: bool = False) -> Verdict | None:
    """The status that a row should have; None where its schema has no such column."""
    schema = request.schema(row.schema)
    if not schema.has("status") or schema.status.rule == "none":
        return None
    others = [(other.ref, str(other.body.get("status"))) for other in await standing_on(request, schema, row)]
    word = derive(
        Facts(
            rule=schema.status.rule,
            current=str(row.body.get("status")),
            orchestration=row.body.get("orchestration_state") if schema.has("orchestration_state") else None,
            operational=row.body.get("operational_state") if schema.has("operational_state") else None,
            settled=row.state_version == row.config_version,
            failed=bool(row.state_error),
            deleting=row.marked_for_deletion,
            others=tuple(status for _ref, status in others),
            monitoring=request.world.ways.monitoring,
            overdue=overdue,
        )
    )
    if word != MONITORING_UNAVAILABLE:
        return Verdict(word)
    return Verdict(word, _why(request, schema, row, others, overdue=overdue))


async def standing_on(request: Request, schema: Schema, row: Resource) -> list[Resource]:
    """The rows that this one's status stands on."""
    found: list[Resource] = []
    for link in schema.links:
        if link.path in schema.status.of:
            for _path, value in values_at(row.body, link.steps):
                other = await request.get(Ref(link.target, value)) if isinstance(value, str) and value else None
                if other is not None:
                    found.append(other)
    return found


def _why(request: Request, schema: Schema, row: Resource, others: list[tuple[Ref, str]], *, overdue: bool) -> str:
    limits, seen = request.world.ways.deadlines, row.state_monitoring
    if schema.status.rule != "monitored":
        bad = [(ref, word) for ref, word in others if word in BAD or (overdue and word != "ACTIVE")]
        return "; ".join(f"{ref.schema} {ref.id} is {word}" for ref, word in bad)
    operational = row.body.get("operational_state")
    if operational == UNKNOWN:
        return f"nobody has looked since {deadlines.shown(seen['seen'])}: older than {limits.age_seconds:g} s"
    if operational == FAIL:
        return because(seen.get("values") or {}, seen.get("reasons") or {})
    return f"done, but not seen working within {limits.pending_seconds:g} s" if overdue else str(seen.get(REASON, ""))


def take(request: Request, row: Resource, verdict: Verdict) -> None:
    """Write a verdict into a row that may be changed, and when to look again."""
    row.body["status"] = verdict.word
    if verdict.reason:
        row.state_monitoring = {**row.state_monitoring, REASON: verdict.reason}
    elif REASON in row.state_monitoring:
        row.state_monitoring = {name: value for name, value in row.state_monitoring.items() if name != REASON}
    ways = request.world.ways
    row.due = deadlines.follow(
        ways.deadlines, request.schema(row.schema), row, request.rows.now, watched=ways.monitoring
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
                verdict = await derived(request, dependent)
                if verdict is None or verdict.word == dependent.body.get("status"):
                    continue
                visited.add(dependent.ref)
                updated = copied(dependent)
                take(request, updated, verdict)
                await request.save(updated)
                await request.log(updated, "status", origin, verdict.word)
                todo.append(updated)
