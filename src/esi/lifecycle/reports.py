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
from esi.lifecycle.deadlines import follow
from esi.lifecycle.deletion import remove
from esi.lifecycle.request import BY_ITSELF, Request, change_of, copied
from esi.lifecycle.statuses import REASON, derived, spread, take
from esi.model.resource import Body, Ref, Resource
from esi.model.status import (
    DELETE_COMPLETE,
    DONE,
    FAIL,
    FIRST_WORDS,
    GOOD_WORDS,
    HELD,
    NOT_VALUES,
    PENDING,
    REASON_CHARACTERS,
    SYNC_COMPLETE,
    UNKNOWN,
    UP,
    observed,
    reported,
)
from esi.schema import Schema

NO_REASON = "the worker reported a failure without a reason"


def _version(payload: Mapping[str, Any]) -> int:
    version = payload.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise Invalid("a report needs the version that it answers to", [("version", "must be an integer")])
    return version


async def apply_state(request: Request, schema: Schema, ref: Ref, payload: Body) -> bool:
    """Take in `{"state": {…}, "version": n, "error": ""}`; whether it changed anything. `held` {version, words} beside
    it is what holds a later version up: its status stays, and shows the words.
    """
    version = _version(payload)
    state = payload.get("state")
    state = state if isinstance(state, dict) else {}
    error = _error(payload, state)
    before = await request.get(ref)
    if before is None or not schema.state_versioning:
        return False
    if not _news(before, version, error):
        return await _hold(request, before, payload.get("held"))
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
    await _hold(request, await request.get(ref), payload.get("held"))
    return True


def is_old(row: Resource | None, payload: Body) -> bool:
    """Whether a report of state changes nothing."""
    state = payload.get("state")
    error = _error(payload, state if isinstance(state, dict) else {})
    return row is None or not (payload.get("held") or _news(row, _version(payload), error))


async def _hold(request: Request, before: Resource | None, held: object) -> bool:
    """What holds a version up that is not done yet; whether that is news."""
    if before is None or not isinstance(held, dict) or not isinstance(held.get("version"), int):
        return False
    version, words = held["version"], str(held.get("words") or "")[:REASON_CHARACTERS]
    known = before.state_monitoring.get(HELD) or {}
    if not before.state_version < version <= before.config_version or words == known.get("words", ""):
        return False
    row = copied(before)
    row.state_monitoring = {**row.state_monitoring, HELD: {"version": version, "words": words}}
    await request.save(row)
    await request.log(row, "held", BY_ITSELF, words or "no more")
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


async def _settle(request: Request, row: Resource, action: str, detail: str, *, overdue: bool = False) -> None:
    """Derive the status, write the row once, and tell those who stand on it."""
    before = row.body.get("status")
    verdict = await derived(request, row, overdue=overdue)
    if verdict is not None:
        take(request, row, verdict)
    await request.save(row)
    await request.log(row, action, BY_ITSELF, detail)
    await spread(request, row, before, BY_ITSELF)


async def _waiting_monitoring(request: Request, schema: Schema, ref: Ref, state: Body) -> None:
    """Values that came before this state, or inside it (the older flow's first look, which ages as others do: who would
    look on may have died since).
    """
    row = await request.get(ref)
    if row is None:
        return
    kept, first = row.state_monitoring, _first_look(state.get("state_monitoring"))
    if first and row.monitoring_version != row.state_version:
        report = {**first, "version": row.state_version, "seen": int(request.rows.now)}
        await apply_monitoring(request, schema, ref, report, good=FIRST_WORDS)
    if kept.get("values") and kept.get("version") != row.monitoring_version:
        about = {name: kept[name] for name in NOT_VALUES if name in kept}
        await apply_monitoring(request, schema, ref, {**kept["values"], **about})


def _first_look(value: Any) -> Body:
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return {}
    return value if isinstance(value, dict) else {}


async def apply_monitoring(
    request: Request, schema: Schema, ref: Ref, payload: Body, *, good: frozenset[str] = GOOD_WORDS
) -> bool:
    """Take in `{<key>: value, "version": n}`; whether it changed anything. `reasons` {key: sentence} and `seen` (epoch
    seconds) may stand beside: they are kept and shown, and no values.
    """
    version = _version(payload)
    before = await request.get(ref)
    if before is None or not schema.state_versioning or before.marked_for_deletion or version != before.config_version:
        return False
    kept = _kept(payload, version)
    if before.state_version != version:
        return await _keep(request, before, kept)
    if before.monitoring_version == version and _same_look(before, kept):
        return await _looked_again(request, schema, before, kept)
    change = change_of(schema, copied(before), BY_ITSELF, before=before, payload=payload)
    await request.run_hooks("pre_monitoring_update_in_transaction", change)
    row = copied(await request.need(ref))
    row.state_monitoring, row.monitoring_version = kept, version
    word = observed(kept["values"], good=good)
    if word is not None and schema.has("operational_state"):
        row.body["operational_state"] = word
    await _settle(request, row, "monitoring", {UP: "UP", FAIL: "FAIL"}.get(word or "", ""))
    change.body = copied(row).body
    await request.run_hooks("post_monitoring_update_in_transaction", change)
    return True


def _kept(payload: Body, version: int) -> Body:
    """What is kept of a monitoring report: values apart from what is about them."""
    kept: Body = {
        "values": {name: value for name, value in payload.items() if name not in NOT_VALUES},
        "version": version,
    }
    seen, reasons = payload.get("seen"), payload.get("reasons")
    if isinstance(seen, int | float) and not isinstance(seen, bool):
        kept["seen"] = seen
    if isinstance(reasons, dict) and reasons:
        kept["reasons"] = reasons
    return kept


def _same_look(row: Resource, kept: Body) -> bool:
    """Whether nothing has changed but the time; who was unknown is news again."""
    known = {name: value for name, value in row.state_monitoring.items() if name not in ("seen", REASON)}
    if row.body.get("operational_state") == UNKNOWN and kept.get("seen", 0) > row.state_monitoring.get("seen", 0):
        return False
    return known == {name: value for name, value in kept.items() if name != "seen"}


async def _looked_again(request: Request, schema: Schema, before: Resource, kept: Body) -> bool:
    """The same was seen later: it counts for longer."""
    if kept.get("seen", 0) <= before.state_monitoring.get("seen", 0):
        return False
    row = copied(before)
    row.state_monitoring = {**row.state_monitoring, "seen": kept["seen"]}
    ways = request.world.ways
    row.due = follow(ways.deadlines, schema, row, request.rows.now, watched=ways.monitoring)
    await request.save(row)
    return True


async def _keep(request: Request, before: Resource, kept: Body) -> bool:
    """Not yet: the state of this version has not come."""
    if before.state_monitoring == kept:
        return False
    row = copied(before)
    row.state_monitoring = kept
    await request.save(row)
    return True


async def overdue(request: Request, schema: Schema, ref: Ref, waits_for: str) -> bool:
    """A row's time is over. Not done: it has failed, until somebody reports it done. Done and not seen working, or not
    seen for too long: it says so.
    """
    before = await request.get(ref)
    if before is None or before.due is None or before.due > request.rows.now:
        return False
    row = copied(before)
    row.due = None
    if row.body.get("status") not in PENDING:
        row.body["operational_state"] = UNKNOWN
        await _settle(request, row, "monitoring", UNKNOWN)
    elif _done(schema, row):
        await _settle(request, row, "deadline", "", overdue=True)
    else:
        limit = request.world.ways.deadlines.of(schema, row.body)
        row.state_error = f"not done within {limit:g} s: {waits_for}"[:REASON_CHARACTERS]
        row.state_version = row.config_version
        if schema.has("orchestration_state"):
            verb = str(row.body["orchestration_state"]).partition("_")[0]
            row.body["orchestration_state"] = f"{verb}_FAILED"
        await _settle(request, row, "deadline", row.state_error)
    return True


def _done(schema: Schema, row: Resource) -> bool:
    word = row.body.get("orchestration_state") if schema.has("orchestration_state") else None
    return not row.marked_for_deletion and row.state_version == row.config_version and (word is None or word in DONE)
