"""An effect: what must be told to the outside once a transaction stands, as under /esi-worker/effects/.

    {"kind": "server_event", "body": {…}, "resource": [schema, id, version]}

`kind` says who is told how; `resource` is what the change was made to that told of it. An effect becomes a job of the
handler `effects` for that resource version. It is done at least once, in order for each resource, and changes no state.
"""

from __future__ import annotations

from dataclasses import dataclass

from esi.errors import Broken
from esi.model.codec import dumps, loads_object
from esi.model.job import Job, job_id
from esi.model.resource import Body, Ref

EFFECT = "effect"
"""The action of such a job."""

EFFECTS = "effects"
"""The handler of such a job."""


@dataclass(frozen=True, slots=True)
class Effect:
    kind: str
    body: Body
    ref: Ref
    version: int

    def encode(self) -> bytes:
        return dumps({"kind": self.kind, "body": self.body, "resource": [*self.ref, self.version]})

    @classmethod
    def decode(cls, value: bytes, key: str = "effect") -> Effect:
        raw = loads_object(value, key)
        try:
            schema, id_, version = raw["resource"]
            return cls(str(raw["kind"]), dict(raw["body"]), Ref(schema, id_), int(version))
        except (KeyError, TypeError, ValueError) as error:
            raise Broken(f"{key} is no effect: {error!r}") from error

    def job(self, nonce: str, before: tuple[str, ...] = ()) -> Job:
        """The job that does it, after the jobs of earlier effects of the same resource."""
        return Job(
            id=job_id(EFFECT, EFFECTS, self.ref, self.version, nonce),
            action=EFFECT,
            handler=EFFECTS,
            resource_type=self.ref.schema,
            resource_id=self.ref.id,
            version=self.version,
            resource_input={"kind": self.kind, "body": self.body},
            params=[],
            dependency=before,
            after=before,
            workflow=EFFECT,
            is_first=False,
            is_last=False,
            on_failure="ignore",
        )
