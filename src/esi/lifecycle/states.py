"""The three visible state columns at the beginning of a change. Only those that a schema declares are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from esi.model import status
from esi.model.resource import Body
from esi.schema import Schema

COLUMNS = ("orchestration_state", "status", "operational_state")


def on_create(schema: Schema, body: Body) -> None:
    """CREATE_IN_PROGRESS, PENDING_CREATE, NO_STATE; what a hook has set already stays."""
    if schema.state_versioning:
        _set(schema, body, "orchestration_state", status.CREATE_IN_PROGRESS)
        if schema.statuses.otherwise.rule != "none":
            _set(schema, body, "status", status.PENDING_CREATE)
        _set(schema, body, "operational_state", status.NO_STATE)


def _set(schema: Schema, body: Body, name: str, value: str) -> None:
    if schema.has(name) and body.get(name) in (None, status.NO_STATE):
        body[name] = value


def on_update(schema: Schema, body: Body, sent: Mapping[str, Any], *, keep_orchestration: bool) -> None:
    """UPDATE_IN_PROGRESS, PENDING_UPDATE, INIT; what the change itself sets stays. PENDING_CREATE is left only by being
    done, and operational_state becomes INIT only where something has been seen already.
    """
    if not schema.state_versioning:
        return
    if schema.has("orchestration_state") and "orchestration_state" not in sent and not keep_orchestration:
        body["orchestration_state"] = status.UPDATE_IN_PROGRESS
    if schema.has("status") and "status" not in sent and schema.statuses.of(body).rule not in ("none", "mirror"):
        body["status"] = body["status"] if body.get("status") == status.PENDING_CREATE else status.PENDING_UPDATE
    if schema.has("operational_state") and "operational_state" not in sent:
        body["operational_state"] = (
            status.INIT if body.get("operational_state") not in (None, status.NO_STATE) else status.NO_STATE
        )


def on_delete(schema: Schema, body: Body) -> None:
    """DELETE_IN_PROGRESS, PENDING_DELETE, INIT."""
    if not schema.state_versioning:
        return
    words = (status.DELETE_IN_PROGRESS, status.PENDING_DELETE, status.INIT)
    for name, word in zip(COLUMNS, words, strict=True):
        if schema.has(name) and not (name == "status" and schema.statuses.otherwise.rule == "none"):
            body[name] = word
