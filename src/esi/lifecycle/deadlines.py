"""How long a change may be pending, and how long a look at a device counts. Pure; everything is known when esi starts.

A change is done by workers whose own limit is the template's `heat_timeout`. They shall have the first word, because
they know what a device said, so the deadline here is that limit and `pending_seconds` more; without a template it is
`pending_seconds`. What has been done must then be seen working within `pending_seconds`. A monitoring value whose
report says when it was `seen` is unknown once that is `age_seconds` ago.

A row carries the time at which it must be looked at again (`Resource.due`); the store keeps them in an index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from esi.errors import TemplateError
from esi.model.resource import Resource
from esi.model.status import FAIL, PENDING, UP
from esi.render.mapping import template_id
from esi.schema import Schema

PENDING_SECONDS, AGE_SECONDS = 600.0, 300.0


@dataclass(frozen=True, slots=True)
class Deadlines:
    """All in seconds. `timeouts` maps the id of a template to its `heat_timeout`; `monitoring`: whether anybody looks.

    No deadline is shorter than `pending_seconds`.
    """

    pending_seconds: float = PENDING_SECONDS
    age_seconds: float = AGE_SECONDS
    timeouts: Mapping[str, float] = field(default_factory=dict)

    def of(self, schema: Schema, body: Mapping[str, Any]) -> float:
        """How long a change of this resource may take."""
        return self.pending_seconds + max((self._timeout(text, schema, body) for text in _paths(schema)), default=0.0)

    def _timeout(self, expression: Any, schema: Schema, body: Mapping[str, Any]) -> float:
        try:
            return self.timeouts.get(template_id(expression, dict(body), schema.id) or "", 0.0)
        except TemplateError:  # told by the workers, as the failure of this resource
            return 0.0


def _paths(schema: Schema) -> Iterable[Any]:
    return schema.template_path.values()


def timeouts(templates: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Template id → seconds, for those heat_template bodies whose heat_timeout is a constant number of minutes."""
    found: dict[str, float] = {}
    for template in templates:
        given = (template.get("parameter_mappings") or {}).get("heat_timeout")
        text = given.get("constant") if isinstance(given, Mapping) else str(given or "").removeprefix("C")
        try:
            found[str(template["id"])] = float(str(text)) * 60.0
        except ValueError:
            continue
    return found


def begin(deadlines: Deadlines, schema: Schema, row: Resource, now: float) -> float | None:
    """When a change that begins now must be over."""
    if row.body.get("status") not in PENDING or not _own(schema, row):
        return row.due
    return now + deadlines.of(schema, row.body)


def follow(deadlines: Deadlines, schema: Schema, row: Resource, now: float, *, watched: bool) -> float | None:
    """When a row must be looked at again after a report; `watched`: whether anybody looks at devices at all."""
    if row.body.get("status") in PENDING:
        if not _own(schema, row):
            return None
        return row.due if row.due is not None else now + deadlines.pending_seconds
    seen = row.state_monitoring.get("seen")
    ages = watched and schema.statuses.of(row.body).rule == "monitored" and not row.state_error
    if ages and seen is not None and row.body.get("operational_state") in (UP, FAIL):
        return float(seen) + deadlines.age_seconds
    return None


def _own(schema: Schema, row: Resource) -> bool:
    """Whether a pending word is the row's own; mirrors show another's, who has a deadline."""
    rule = schema.statuses.of(row.body).rule
    return rule not in ("none", "mirror") or (rule == "mirror" and row.marked_for_deletion)


def shown(at: float) -> str:
    """Epoch seconds for people."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
