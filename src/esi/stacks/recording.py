"""The collector agent's door with a recorder. A target that is dropped is told of when this process has made it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from esi.clock import Clock
from esi.schema import Catalogue
from esi.stacks import Targets
from esi.telemetry import Message, Named, Recorder

KEPT = 10_000


class RecordingTargets:
    """Passes everything on to `targets`."""

    def __init__(self, targets: Targets, recorder: Recorder, catalogue: Catalogue, clock: Clock) -> None:
        self._targets = targets
        self._recorder = recorder
        self._clock = clock
        self._schemas = {schema.plural: schema.id for schema in catalogue}
        self._made: OrderedDict[str, Named] = OrderedDict()

    async def create(self, target: Mapping[str, Any], *, key: str) -> Mapping[str, Any]:
        at, began = self._clock.now(), self._clock.monotonic()
        made = await self._targets.create(target, key=key)
        ref = self._named(target)
        self._tell("POST /targets", {"target": dict(target), "answer": dict(made)}, at, began, ref)
        if ref is not None:
            self._made[str(made.get("id"))] = ref
            if len(self._made) > KEPT:
                self._made.popitem(last=False)
        return made

    async def delete(self, id: str) -> None:
        at, began = self._clock.now(), self._clock.monotonic()
        await self._targets.delete(id)
        self._tell(f"DELETE /targets/{id}", None, at, began, self._made.pop(id, None))

    def _named(self, target: Mapping[str, Any]) -> Named | None:
        schema, version = self._schemas.get(str(target.get("resource_type"))), target.get("version")
        if schema is None or not isinstance(version, int):
            return None
        return schema, str(target.get("resource_id")), version

    def _tell(self, subject: str, body: Any, at: float, began: float, ref: Named | None) -> None:
        took = self._clock.monotonic() - began
        refs = (ref,) if ref is not None else ()
        self._recorder.message(Message("target", "heat worker", "agent", subject, body, at, took, refs))
