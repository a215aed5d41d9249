"""Heat's JSON: stacks, resources, events, outputs, errors. Secrets that a record carries are taken out of all of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid5

from esi.orchestration.index import Line, Whole
from esi.stacks.records import IDS, ResourceRecord
from esi.stacks.template import parse_yaml
from esi.stacks.wanted import Words
from esi.telemetry import masked

Body = dict[str, Any]

NAMES = {
    400: ("Bad Request", "HTTPBadRequest", "The server could not comply with the request since it is malformed."),
    403: ("Forbidden", "Forbidden", "Access was denied to this resource."),
    404: ("Not Found", "EntityNotFound", "The resource could not be found."),
    405: ("Method Not Allowed", "HTTPMethodNotAllowed", "The method is not allowed for this resource."),
    413: ("Request Entity Too Large", "RequestLimitExceeded", "The body of your request was too large."),
    500: ("Internal Server Error", "HTTPInternalServerError", "The server has erred."),
    503: ("Service Unavailable", "HTTPServiceUnavailable", "The server is currently unavailable. Please try again."),
}


class HeatError(Exception):
    """An answer with Heat's error body."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def body(self) -> Body:
        title, kind, explanation = NAMES.get(self.status, NAMES[500])
        error = {"message": str(self), "traceback": None, "type": kind}
        return {"code": self.status, "title": title, "explanation": explanation, "error": error}


@dataclass(frozen=True, slots=True)
class Links:
    """Where things are: `root` is this server's address as the caller sees it."""

    root: str

    def stack(self, line: Line) -> str:
        return f"{self.root}/v1/{line.tenant}/stacks/{line.name}/{line.id}"

    def resource(self, line: Line, name: str) -> str:
        return f"{self.stack(line)}/resources/{name}"


def stack_line(line: Line, links: Links) -> Body:
    """As a list shows it."""
    return {
        "id": line.id,
        "stack_name": line.name,
        "description": line.description,
        "stack_status": line.status,
        "stack_status_reason": line.reason,
        "creation_time": when(line.created),
        "updated_time": when(line.updated),
        "deletion_time": None,
        "stack_owner": None,
        "stack_user_project_id": line.tenant,
        "parent": None,
        "tags": None,
        "links": [{"href": links.stack(line), "rel": "self"}],
    }


class View:
    """One stack, as Heat tells it. `secrets` gives the names of the secret properties of a resource type."""

    def __init__(self, whole: Whole, links: Links, secrets: Callable[[str], frozenset[str]]) -> None:
        self.line = whole.line
        self._record, self._made, self._links = whole.record, whole.made, links
        self._words = Words(None)
        for item in self._record.resources.values():
            for old in (item, *(ResourceRecord(**raw) for raw in item.replaced)):
                for props in (old.props, *old.attempted):
                    self._words.add(props[name] for name in secrets(old.type) if name in props)

    def stack(self, *, outputs: bool) -> Body:
        body = {
            **stack_line(self.line, self._links),
            "stack_status_reason": self._words.masked(self.line.reason),
            "template_description": self.line.description,
            "timeout_mins": int(self._record.timeout // 60),
            "disable_rollback": True,
            "capabilities": [],
            "notification_topics": [],
            "parameters": self.parameters(),
        }
        return {**body, "outputs": self.outputs()} if outputs else body

    def parameters(self) -> dict[str, str]:
        """All values as text, as Heat tells them."""
        own = {
            "OS::project_id": self.line.tenant,
            "OS::stack_id": self.line.id,
            "OS::stack_name": self.line.name,
        }
        return {name: text(self._words.masked_in(value)) for name, value in self._made.parameters.items()} | own

    def outputs(self) -> list[Body]:
        return [dict(self._words.masked_in(output)) for output in self._record.outputs]

    def output(self, key: str) -> Body:
        for output in self.outputs():
            if output["output_key"] == key:
                return output
        raise HeatError(404, f"The specified output key {key} not found.")

    def template(self) -> Any:
        return parse_yaml(self._words.masked(self._made.template)) or {}

    def environment(self) -> Body:
        hidden = sorted(name for name, value in self._made.parameters.items() if value == "******")
        return {
            "parameters": self._words.masked_in(self._made.parameters),
            "encrypted_param_names": hidden,
            "parameter_defaults": {},
            "event_sinks": [],
            "resource_registry": {"resources": {}},
        }

    def resources(self) -> list[Body]:
        return [self._resource(name, item) for name, item in self._record.resources.items()]

    def resource(self, name: str) -> Body:
        item = self._record.resources.get(name)
        if item is None:
            raise HeatError(404, f"The Resource ({name}) could not be found in Stack {self.line.name}.")
        attributes = masked(self._words.masked_in(item.attributes))
        return {**self._resource(name, item), "attributes": attributes, "description": "", "parent_resource": None}

    def events(self, name: str | None = None) -> list[Body]:
        """What the record still knows: how each resource, and then the stack, has ended, or what is being done."""
        found = [self._event(one, item) for one, item in self._record.resources.items() if name in (None, one)]
        if name is not None:
            return found
        whole = ResourceRecord("", self.line.status, self.line.id, reason=self.line.reason)
        return [*found, self._event(self.line.name, whole)]

    def _event(self, name: str, item: ResourceRecord) -> Body:
        id_ = str(uuid5(IDS, f"{self.line.id} {name} {item.status} {self._when}"))
        href = f"{self._links.resource(self.line, name)}/events/{id_}"
        body = self._resource(name, item)
        links = [{"href": href, "rel": "self"}, *body["links"]]
        kept = {key: body[key] for key in body if key not in ("links", "required_by", "creation_time", "updated_time")}
        return {**kept, "id": id_, "event_time": self._when, "links": links}

    def _resource(self, name: str, item: ResourceRecord) -> Body:
        return {
            "resource_name": name,
            "logical_resource_id": name,
            "physical_resource_id": self._words.masked(item.physical_id),
            "resource_type": item.type,
            "resource_status": item.status,
            "resource_status_reason": self._words.masked(item.reason) or "state changed",
            "creation_time": when(self.line.created),
            "updated_time": self._when,
            "required_by": sorted(n for n, other in self._record.resources.items() if name in other.depends),
            "links": [
                {"href": self._links.resource(self.line, name), "rel": "self"},
                {"href": self._links.stack(self.line), "rel": "stack"},
            ],
        }

    @property
    def _when(self) -> str | None:
        """When the last operation began; of single steps no times are kept."""
        return when(self.line.updated or self.line.created)


def text(value: Any) -> str:
    """A parameter's value as Heat writes it."""
    if isinstance(value, Mapping) or (
        isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value)
    ):
        return json.dumps(value)
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def when(seconds: float) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None
