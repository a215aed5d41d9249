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
    rule = schema.statuses.of(row.body).rule
    if not schema.has("status") or rule == "none":
        return None
    others = [(other.ref, str(other.body.get("status"))) for other in await standing_on(request, schema, row)]
    word = derive(
        Facts(
            rule=rule,
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
    rule = schema.statuses.of(row.body)
    for source, name in rule.by:
        found += await request.rows.referring(source, name, row.id)
    for link in schema.links:
        if link.path in rule.of:
            for _path, value in values_at(row.body, link.steps):
                other = await request.get(Ref(link.target, value)) if isinstance(value, str) and value else None
                if other is not None:
                    found.append(other)
    return found


def _why(request: Request, schema: Schema, row: Resource, others: list[tuple[Ref, str]], *, overdue: bool) -> str:
    limits, seen = request.world.ways.deadlines, row.state_monitoring
    bad = [(ref, word) for ref, word in others if word in BAD or (overdue and word != "ACTIVE")]
    if bad or schema.statuses.of(row.body).rule != "monitored":
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
        for dependent in await _dependents(request, todo.pop()):
            if dependent.ref not in visited and (updated := await _anew(request, dependent, origin)) is not None:
                visited.add(dependent.ref)
                todo.append(updated)


async def let_go(request: Request, before: Resource, row: Resource, origin: Origin) -> None:
    """`row` names another than `before` did: derive whom it names no more."""
    for schema, name in request.world.catalogue.named(row.schema):
        if before.body.get(name) != row.body.get(name):
            former = await _named(request, schema, before.body.get(name))
            updated = await _anew(request, former, origin) if former is not None else None
            if former is not None and updated is not None:
                await spread(request, updated, former.body.get("status"), origin)


async def _dependents(request: Request, changed: Resource) -> list[Resource]:
    found: list[Resource] = []
    for schema, link in request.world.catalogue.dependents(changed.schema):
        found += await request.rows.referring(schema.id, link.path, changed.id)
    for schema, name in request.world.catalogue.named(changed.schema):
        other = await _named(request, schema, changed.body.get(name))
        found += [other] if other is not None else []
    return found


async def _named(request: Request, schema: Schema, id: object) -> Resource | None:
    return await request.get(Ref(schema.id, id)) if isinstance(id, str) and id else None


async def _anew(request: Request, row: Resource, origin: Origin) -> Resource | None:
    """The row with its status derived again; None when that is as it was."""
    verdict = await derived(request, row)
    if verdict is None or verdict.word == row.body.get("status"):
        return None
    updated = copied(row)
    take(request, updated, verdict)
    await request.save(updated)
    await request.log(updated, "status", origin, verdict.word)
    return updated
