"""The facts from which a status follows, for whoever asks why it is what it is. Nothing is judged here: `esi why` makes
sentences of it (esi.client.why).

Of a row that the status stands on and that the caller may not read, only its name and status are told, as in a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from esi.errors import TemporaryError
from esi.identity import Identity
from esi.lifecycle import access
from esi.lifecycle.request import Request
from esi.lifecycle.statuses import standing_on
from esi.model.resource import Body, Resource
from esi.model.status import PENDING
from esi.schema import Schema

ASKED = frozenset({"create", "update", "delete"})
STATES = ("status", "orchestration_state", "operational_state")


class Progress(Protocol):
    async def waits_for(self, row: Resource) -> str:
        """Where the change of a row has got to. TemporaryError: not now."""
        ...


async def facts(request: Request, identity: Identity, schema: Schema, row: Resource) -> Body:
    """As plain JSON; times are epoch seconds, and what is not known is null."""
    lines = await request.rows.history(row.ref)
    asked = [line for line in lines if line.version == row.config_version and line.action in ASKED]
    seen, rule = row.state_monitoring, schema.statuses.of(row.body)
    shown = access.view(request.world, identity, row)
    found: Body = {name: shown.get(name) for name in ("name", *STATES, access.REASON)}
    others = [_other(request, identity, other) for other in await standing_on(request, schema, row)]
    return found | {
        "schema": schema.id,
        "id": row.id,
        "rule": rule.rule,
        "of": [*rule.of, *(f"{source}.{name}" for source, name in rule.by)],
        "versioned": schema.state_versioning,
        "wanted": row.config_version,
        "known": row.state_version,
        "deleting": row.marked_for_deletion,
        "failed": bool(row.state_error),
        "asked": {"at": asked[0].at, "action": asked[0].action, "request_id": asked[0].request_id} if asked else None,
        "last": {"at": lines[-1].at, "action": lines[-1].action, "detail": lines[-1].detail} if lines else None,
        "watched": request.world.ways.monitoring,
        "seen": seen.get("seen"),
        "values": seen.get("values") or {},
        "age_seconds": request.world.ways.deadlines.age_seconds,
        "stands_on": others,
        "due": row.due,
        "waits_for": None,
        "now": request.rows.now,
    }


def _other(request: Request, identity: Identity, row: Resource) -> Mapping[str, Any]:
    shown = access.view(request.world, identity, row)
    about = {"name": shown.get("name") or "", "reason": shown.get(access.REASON) or ""}
    return {"schema": row.schema, "id": row.id, "status": str(row.body.get("status")), **about}


async def waits_for(progress: Progress | None, row: Resource) -> str | None:
    """Of a pending row; None where nobody can tell."""
    if progress is None or row.body.get("status") not in PENDING:
        return None
    try:
        return await progress.waits_for(row)
    except TemporaryError:
        return None
