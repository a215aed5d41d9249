"""Heat's classes for our resource types.

Heat calls handle_create, handle_update and handle_delete in a thread for each resource; they block until ours is done.
What Heat does not keep, what was attempted and did not end well, stands as one record (esi.stacks.records) in the
resource's data, encrypted there because properties may be secrets. A failed resource is tried again, never thrown away
unseen: every type is idempotent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from heat.engine import attributes, properties, resource

from esi.bootstrap.heat_engine import Hands, open_hands, read_settings, types_inside
from esi.clock import SystemClock
from esi.errors import EsiError
from esi.heat_engine.thread import LoopThread
from esi.model.job import job_ref
from esi.render.marks import normal, stripped
from esi.stacks import Context, Property, Props, StackResource
from esi.stacks.actions import Errand, Outcome, carry_out
from esi.stacks.checking import check_props
from esi.stacks.heat.hot import from_tags
from esi.stacks.plan import Action, decide
from esi.stacks.properties import typed_properties
from esi.stacks.records import COMPLETE, FAILED, IN_PROGRESS, ResourceRecord
from esi.stacks.wanted import SHORTEST_SECRET
from esi.telemetry import MASK

RECORD = "esi"
"""The key of our record in a resource's data."""

MARGIN_SECONDS = 5.0
"""So long before the stack's own timeout a step gives up, so that its words are the reason."""

THREAD: LoopThread[Hands] = LoopThread(open_hands)

KINDS: Mapping[str, str] = {
    "string": properties.Schema.STRING,
    "number": properties.Schema.NUMBER,
    "integer": properties.Schema.INTEGER,
    "boolean": properties.Schema.BOOLEAN,
    "list": properties.Schema.LIST,
    "map": properties.Schema.MAP,
    "json": properties.Schema.ANY,
}


class Refused(Exception):
    """What a resource could not do, in its own words."""


class Adapted(resource.Resource):  # type: ignore[misc]  # Heat has no types
    """The part that all share; subclasses name `ours`."""

    ours: ClassVar[StackResource]

    def needs_replace_failed(self) -> bool:
        return False

    def _needs_update(self, *args: Any, **kwargs: Any) -> bool:
        """Also what has failed with the properties that it has now."""
        return bool(super()._needs_update(*args, **kwargs)) or self.status == self.FAILED

    def handle_create(self) -> None:
        self._make(self._props(self.properties))

    def handle_update(self, json_snippet: Any, tmpl_diff: Any, prop_diff: Any) -> None:
        self._make(self._props(json_snippet.properties(self.properties_schema, self.context)))

    def handle_delete(self) -> None:
        record = self._record()
        if not record.touched:
            return
        record.status = f"DELETE_{IN_PROGRESS}"
        self._keep(record)
        self._judge(self._carry_out(Action.DELETE, record, {}), record, {}, "DELETE")
        self._keep(None)

    def _resolve_attribute(self, name: str) -> Any:
        return stripped(self._record().attributes.get(name))

    def _make(self, props: dict[str, Any]) -> None:
        """From what is recorded to a resource with `props`."""
        record = self._record()
        action = decide(record if record.status else None, self.ours.type, props)
        if action is Action.RECREATE and record.touched:
            self._judge(self._carry_out(Action.DELETE, record, {}), record, props, "CREATE")
            record = ResourceRecord(self.ours.type, "")
        if action in (Action.CREATE, Action.RECREATE, Action.UPDATE):
            action = Action.UPDATE if action is Action.UPDATE else Action.CREATE
            verb = action.upper()
            record.attempt(props)
            record.status = f"{verb}_{IN_PROGRESS}"
            self._keep(record)
            outcome = self._carry_out(action, record, props)
            if outcome.replace:
                record.attempted.remove(props)
                self._keep(record)
                raise resource.UpdateReplace(self.name)
            self._judge(outcome, record, props, verb)
            assert outcome.live is not None
            record.stands(outcome.live, f"{verb}_{COMPLETE}")
            self._keep(record)
            self.resource_id_set(record.physical_id)

    def _judge(self, outcome: Outcome, record: ResourceRecord, props: Props, verb: str) -> None:
        """Raises Refused for a fault; secrets are taken out of its words."""
        if not outcome.fault:
            return
        record.status = f"{verb}_{FAILED}"
        self._keep(record)
        words = outcome.fault
        for given in (props, *record.attempted, record.props):
            for name, item in self.ours.properties.items():
                secret = given.get(name)
                if item.secret and isinstance(secret, str) and len(secret) >= SHORTEST_SECRET:
                    words = words.replace(secret, MASK)
        raise Refused(words)

    def _carry_out(self, action: Action, record: ResourceRecord, props: Props) -> Outcome:
        trouble: list[str] = []

        async def work(hands: Hands) -> Outcome:
            errand = Errand(action, record, props, self._context(hands))
            return await carry_out(hands.types, hands.clock, errand, lambda words: trouble.append(words))

        left = float(self.stack.time_remaining() or self.stack.timeout_secs()) - MARGIN_SECONDS
        try:
            return THREAD.run(work, seconds=max(left, MARGIN_SECONDS))
        except EsiError as error:
            return Outcome(fault=error.message + (f": {trouble[-1]}" if trouble else ""))

    def _context(self, hands: Hands) -> Context:
        operation, tenant = from_tags(self.stack.tags or ())
        operation = operation or f"{self.stack.id}:{self.stack.current_traversal}"
        given = (hands.devices, hands.targets, job_ref(operation))
        return Context(self.stack.name, self.name, operation, tenant, *given, until=hands.until)

    def _props(self, written: Mapping[str, Any]) -> dict[str, Any]:
        """Raises Refused."""

        def value(name: str) -> Any:
            found = written[name]
            return normal(found) if self.ours.properties[name].marked else found

        try:
            props = typed_properties(self.ours, value, "properties")
            check_props(self.ours, props, "properties")
        except EsiError as error:
            raise Refused(error.message) from error
        return props

    def _record(self) -> ResourceRecord:
        kept = self.data().get(RECORD)
        return ResourceRecord(**json.loads(kept)) if kept else ResourceRecord(self.ours.type, "")

    def _keep(self, record: ResourceRecord | None) -> None:
        if record is None:
            self.data_delete(RECORD)
        else:
            self.data_set(RECORD, json.dumps(asdict(record)), redact=True)


def resource_mapping() -> dict[str, type]:
    """What Heat asks a plug-in for: its classes by HOT type."""
    types = types_inside(read_settings(), SystemClock())
    return {name: _adapted(types.get(name)) for name in types.names()}


def _adapted(type_: StackResource) -> type:
    name = type_.type.rpartition("::")[2]
    body = {
        "ours": type_,
        "__doc__": type_.__doc__,
        "__module__": __name__,
        "properties_schema": {name: _schema(item) for name, item in type_.properties.items()},
        "attributes_schema": {name: attributes.Schema(name) for name in type_.attributes},
    }
    return type(name, (Adapted,), body)


def _schema(item: Property) -> Any:
    return properties.Schema(KINDS[item.type], required=item.required, update_allowed=True)
