"""A job: one action of one handler on one version of one resource, as recorded under /jobs/all/.

    [handler, body, retries]

Two kinds of edges. `dependency` lists every job that must be over first, as recorded. `after` (our own key beside it)
lists those of them that are order only: a job *needs* dependency minus after, and fails when one of those fails.
`workflow` (our own, too) is what all jobs of one resource version do together: create, modify or logical_delete.
`resource_input` stays a dict of the config body at that version; the worker resolves the template from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from esi.errors import Broken
from esi.model.codec import dumps, loads
from esi.model.resource import Body, Ref

CREATE, MODIFY, DELETE, LOGICAL_DELETE = "create", "modify", "delete", "logical_delete"


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    action: str
    handler: str
    resource_type: str
    resource_id: str
    version: int
    resource_input: Body
    params: Sequence[Mapping[str, Any]]
    dependency: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    workflow: str = CREATE
    is_first: bool = True
    is_last: bool = True
    on_failure: str = "fail"
    retries: int = 0

    @property
    def ref(self) -> Ref:
        return Ref(self.resource_type, self.resource_id)

    @property
    def job_name(self) -> str:
        return f"{self.resource_type}:{self.resource_id}:{self.version}"

    @property
    def needs(self) -> frozenset[str]:
        return frozenset(self.dependency) - frozenset(self.after)

    def encode(self) -> bytes:
        body = {
            "id": self.id,
            "job_name": self.job_name,
            "action": self.action,
            "handler": self.handler,
            "resource_type": self.resource_type,
            "resource_id": self.resource_id,
            "version": self.version,
            "resource_input": self.resource_input,
            "params": list(self.params),
            "dependency": list(self.dependency),
            "after": list(self.after),
            "workflow": self.workflow,
            "is_first": self.is_first,
            "is_last": self.is_last,
            "on_failure": self.on_failure,
        }
        return dumps([self.handler, body, self.retries])

    @classmethod
    def decode(cls, value: bytes, key: str = "job") -> Job:
        raw = loads(value, key)
        try:
            _, body, retries = raw
            return cls(
                id=body["id"],
                action=body["action"],
                handler=body["handler"],
                resource_type=body["resource_type"],
                resource_id=body["resource_id"],
                version=body["version"],
                resource_input=body["resource_input"],
                params=body["params"],
                dependency=tuple(body["dependency"]),
                after=tuple(body.get("after", ())),
                workflow=body.get("workflow", body["action"]),
                is_first=body["is_first"],
                is_last=body["is_last"],
                on_failure=body["on_failure"],
                retries=retries,
            )
        except (TypeError, ValueError, KeyError) as error:
            raise Broken(f"{key} is not a job: {error!r}") from error


def job_ref(id: str) -> tuple[str, str, int] | None:
    """Schema, id and version of the resource that a job's id names; None when it is no job's id."""
    parts = id.split(":", 3)
    if len(parts) < 4:
        return None
    resource, _, version = parts[3].rpartition(":")[0].rpartition(":")
    return (parts[2], resource, int(version)) if resource and version.isdecimal() else None


def job_id(action: str, handler: str, ref: Ref, version: int, nonce: str) -> str:
    """`<action>:<handler>:<resource_type>:<resource_id>:<version>:<nonce>`; the nonce is 5 characters of [a-z0-9]."""
    return f"{action}:{handler}:{ref.schema}:{ref.id}:{version}:{nonce}"
