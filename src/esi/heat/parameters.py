"""The params of a job, split for their readers: Jinja, Heat, and the stack's timeout (pipeline.md 5.3).

    jinja_*        Jinja's context only
    heat_timeout   minutes, taken out
    all others     Heat parameters, typed as they are

An output_key param is the output of another resource's stack, read from the record of that stack.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from esi.errors import TemplateError, TemporaryError
from esi.kv import KV
from esi.model.codec import loads_object
from esi.model.keys import heat_stack_key
from esi.model.resource import Ref

DEFAULT_TIMEOUT_SECONDS = 3600.0
"""For templates without a heat_timeout: Heat's own default."""

Outputs = Callable[[Ref], Awaitable[Mapping[str, Any] | None]]
"""The outputs of a resource's stack by key; None when there is no stack (yet)."""


class OutputMissing(TemporaryError):
    """Another stack has not given this output (yet)."""

    code = "output_missing"

    def __init__(self, ref: Ref, key: str) -> None:
        super().__init__(f"the stack of {ref} has no output {key!r}", ref=str(ref), key=key)


@dataclass(slots=True)
class Parameters:
    """`timeout` in seconds."""

    heat: dict[str, Any] = field(default_factory=dict, repr=False)
    jinja: dict[str, Any] = field(default_factory=dict, repr=False)
    timeout: float = DEFAULT_TIMEOUT_SECONDS


async def split_params(params: Iterable[Mapping[str, Any]], outputs: Outputs) -> Parameters:
    """Raises OutputMissing, and TemplateError for a param that is not of a recorded shape."""
    found = Parameters()
    for param in params:
        name = param["param"]
        value = await _value(param, outputs)
        if name == "heat_timeout":
            found.timeout = _seconds(value)
        elif name.startswith("jinja_"):
            found.jinja[name] = value
        else:
            found.heat[name] = value
    return found


async def _value(param: Mapping[str, Any], outputs: Outputs) -> Any:
    kind, value = param["type"], param["value"]
    if kind == "value":
        return value
    if kind == "list":
        return [await _value(item, outputs) for item in value]
    if kind == "output_key":
        ref, key = Ref(value["resource_type"], value["resource_id"]), value["output_key"]
        known = await outputs(ref)
        if known is None or key not in known:
            raise OutputMissing(ref, key)
        return known[key]
    raise TemplateError(f"params.{param['param']}", f"unknown type {kind!r}")


def _seconds(minutes: Any) -> float:
    try:
        seconds = float(minutes) * 60.0
    except (TypeError, ValueError) as error:
        raise TemplateError("params.heat_timeout", "is no number of minutes") from error
    if not 0.0 < seconds < float("inf"):
        raise TemplateError("params.heat_timeout", "is no number of minutes")
    return seconds


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
