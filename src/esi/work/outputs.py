"""The params of a job as plain values; an output of another stack is read from the record of that stack.

{"type": "value", "value": …}                                           as it is
{"type": "list", "value": [param, …]}                                   each of them
{"type": "output_key", "value": {resource_type, resource_id, output_key}}   from /esi-worker/heat_stacks
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from esi.errors import TemplateError, TemporaryError
from esi.kv import KV
from esi.model.codec import loads_object
from esi.model.keys import heat_stack_key
from esi.model.resource import Ref

Outputs = Callable[[Ref], Awaitable[Mapping[str, Any] | None]]
"""The outputs of a resource's stack by key; None when there is no stack (yet)."""


class OutputMissing(TemporaryError):
    """Another stack has not given this output (yet)."""

    code = "output_missing"

    def __init__(self, ref: Ref, key: str) -> None:
        super().__init__(f"the stack of {ref} has no output {key!r}", ref=str(ref), key=key)


async def param_value(param: Mapping[str, Any], outputs: Outputs) -> Any:
    """What one param stands for. Raises OutputMissing, and TemplateError for a shape that was never recorded."""
    kind, value = param["type"], param["value"]
    if kind == "value":
        return value
    if kind == "list":
        return [await param_value(item, outputs) for item in value]
    if kind == "output_key":
        ref, key = Ref(value["resource_type"], value["resource_id"]), value["output_key"]
        known = await outputs(ref)
        if known is None or key not in known:
            raise OutputMissing(ref, key)
        return known[key]
    raise TemplateError(f"params.{param['param']}", f"unknown type {kind!r}")


class RecordedOutputs:
    """Outputs from the records under /esi-worker/heat_stacks. `path_of` gives a resource's API path."""

    def __init__(self, kv: KV, path_of: Callable[[Ref], str]) -> None:
        self._kv = kv
        self._path_of = path_of

    async def __call__(self, ref: Ref) -> Mapping[str, Any] | None:
        key = heat_stack_key(self._path_of(ref))
        entry = await self._kv.get(key)
        if entry is None:
            return None
        record = loads_object(entry.value, key)
        return {item["output_key"]: item["output_value"] for item in record.get("output") or ()}
