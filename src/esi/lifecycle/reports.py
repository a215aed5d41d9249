"""What the workers report: state (what has been done) and monitoring (what is seen).

Both carry the version that they answer to. A state counts when it is of the newest version and new, a monitoring value
when the newest version is done; one that comes before its state is kept and applied with it. The same report twice
changes nothing, and none makes a version or an event: /config keeps what was wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from esi.errors import Invalid
from esi.lifecycle.deletion import remove
from esi.lifecycle.request import BY_ITSELF, Request, change_of, copied
from esi.lifecycle.statuses import derived, spread
from esi.model.resource import Body, Ref, Resource
from esi.model.status import DELETE_COMPLETE, FAIL, SYNC_COMPLETE, UP, observed, reported
from esi.schema import Schema

REASON_CHARACTERS = 4_000
"""How much of a worker's error is kept."""

NO_REASON = "the worker reported a failure without a reason"


def _version(payload: Mapping[str, Any]) -> int:
    version = payload.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise Invalid("a report needs the version that it answers to", [("version", "must be an integer")])
    return version


async def apply_state(request: Request, schema: Schema, ref: Ref, payload: Body) -> bool:
    """Take in `{"state": {…}, "version": n, "error": ""}`; whether it changed anything."""
    version = _version(payload)
    state = payload.get("state")
    state = state if isinstance(state, dict) else {}
    error = _error(payload, state)
    before = await request.get(ref)
    if before is None or not schema.state_versioning or not _news(before, version, error):
        return False
    change = change_of(schema, copied(before), BY_ITSELF, before=before, payload=payload)
    await request.run_hooks("pre_state_update_in_transaction", change)
    row = copied(await request.need(ref))
    row.state, row.state_version = state, version
    if version == row.config_version:
        if await _newest(request, schema, row, error):
            return True
    else:
        await request.save(row)
        await request.log(row, "state", BY_ITSELF, f"of version {version}")
    change.body = copied(row).body
    await request.run_hooks("post_state_update_in_transaction", change)
    await _waiting_monitoring(request, schema, ref, state)
    return True


def _error(payload: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    """Why it failed; a report that says *_FAILED without a reason has failed nevertheless."""
    words = (str(state.get("orchestration_state")), str(state.get("worker_state")))
    silent = NO_REASON if any(word.endswith("_FAILED") for word in words) else ""
    return str(payload.get("error") or silent)[:REASON_CHARACTERS]


def _news(row: Resource, version: int, error: str) -> bool:
    """A failed version may be reported again as done: the workers try again on their own."""
    if version > row.state_version:
        return version <= row.config_version
    return version == row.config_version and bool(row.state_error) and error != row.state_error


async def _newest(request: Request, schema: Schema, row: Resource, error: str) -> bool:
    """The report answers to what is wanted now. True when the resource is gone after it."""
    known = str(row.body.get("orchestration_state") or "")
    word = reported(row.state, known, failed=bool(error))
    if row.marked_for_deletion and not error and word in (DELETE_COMPLETE, SYNC_COMPLETE):
        await remove(request, schema, row, BY_ITSELF)
        return True
    row.state_error = error
    if word is not None and schema.has("orchestration_state"):
        row.body["orchestration_state"] = word
    await _settle(request, row, "state", error or word or "")
    return False


async def _settle(request: Request, row: Resource, action: str, detail: str) -> None:
    """Derive the status, write the row once, and tell those who stand on it."""
    before = row.body.get("status")
    word = await derived(request, row)
    if word is not None:
        row.body["status"] = word
    await request.save(row)
    await request.log(row, action, BY_ITSELF, detail)
    await spread(request, row, before, BY_ITSELF)


async def _waiting_monitoring(request: Request, schema: Schema, ref: Ref, state: Body) -> None:
    """Values that came before this state, or inside it (the older flow's first look)."""
    row = await request.get(ref)
    if row is None:
        return
    first = state.get("state_monitoring")
    values = _first_look(first) if first is not None else row.state_monitoring.get("values")
    version = row.state_version if first is not None else row.state_monitoring.get("version")
    if values and version != row.monitoring_version:
        await apply_monitoring(request, schema, ref, {**values, "version": version})


def _first_look(value: Any) -> Body:
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return {}
    return value if isinstance(value, dict) else {}


async def apply_monitoring(request: Request, schema: Schema, ref: Ref, payload: Body) -> bool:
    """Take in `{<key>: value, "version": n}`; whether it changed anything."""
    version = _version(payload)
    values = {name: value for name, value in payload.items() if name != "version"}
    before = await request.get(ref)
    if before is None or not schema.state_versioning or before.marked_for_deletion or version != before.config_version:
        return False
    kept = {"values": values, "version": version}
    if before.state_version != version:
        return await _keep(request, before, kept)
    if before.monitoring_version == version and before.state_monitoring == kept:
        return False
    change = change_of(schema, copied(before), BY_ITSELF, before=before, payload=payload)
    await request.run_hooks("pre_monitoring_update_in_transaction", change)
    row = copied(await request.need(ref))
    row.state_monitoring, row.monitoring_version = kept, version
    word = observed(values)
    if word is not None and schema.has("operational_state"):
        row.body["operational_state"] = word
    await _settle(request, row, "monitoring", {UP: "UP", FAIL: "FAIL"}.get(word or "", ""))
    change.body = copied(row).body
    await request.run_hooks("post_monitoring_update_in_transaction", change)
    return True


async def _keep(request: Request, before: Resource, kept: Body) -> bool:
    """Not yet: the state of this version has not come."""
    if before.state_monitoring == kept:
        return False
    row = copied(before)
    row.state_monitoring = kept
    await request.save(row)
    return True
