"""The params of a job, split for their readers: Jinja, Heat, and the stack's timeout (pipeline.md 5.3).

jinja_*        Jinja's context only
heat_timeout   minutes, taken out
all others     Heat parameters, typed as they are
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from esi.errors import TemplateError
from esi.work.outputs import OutputMissing, Outputs, RecordedOutputs, param_value

__all__ = ["OutputMissing", "Outputs", "Parameters", "RecordedOutputs", "split_params"]

DEFAULT_TIMEOUT_SECONDS = 3600.0
"""For templates without a heat_timeout: Heat's own default."""


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
        value = await param_value(param, outputs)
        if name == "heat_timeout":
            found.timeout = _seconds(value)
        elif name.startswith("jinja_"):
            found.jinja[name] = value
        else:
            found.heat[name] = value
    return found


def _seconds(minutes: Any) -> float:
    try:
        seconds = float(minutes) * 60.0
    except (TypeError, ValueError) as error:
        raise TemplateError("params.heat_timeout", "is no number of minutes") from error
    if not 0.0 < seconds < float("inf"):
        raise TemplateError("params.heat_timeout", "is no number of minutes")
    return seconds
