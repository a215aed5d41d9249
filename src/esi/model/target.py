"""A monitoring target: what somebody wants watched, and what was seen of it. The collector agent's wire shapes.

    request    {tenant_id, version, resource_id, resource_type, field_name, type, properties, syncer_properties}
    answer     request + {id, created_at, monitorer, link}; GET adds `values`, one element per value key
    value      {reporter, key, value, last_reported, last_changed, fail_counter}

`syncer_properties.etcd` maps a value key to its name under /monitoring: {"status": {"key": "interface"}}; it may carry
`hold_options`. `syncer_properties.tsdb` maps a value key to {metric, tags}.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

UP, FAIL = "UP", "FAIL"


@dataclass(frozen=True, slots=True)
class Target:
    """`resource_type` is the plural; `version` the config version of the resource when the target was made."""

    id: str
    tenant_id: str
    version: int
    resource_id: str
    resource_type: str
    field_name: str
    type: str
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False)
    syncer_properties: Mapping[str, Any] = field(default_factory=dict)
    created_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Observation:
    """What one look has seen: value key → value (`status` → "UP" or {"primary": "ESTABLISHED"}; `traffic.in` → 123).

    `reason` says in a sentence who sees what, when something is not as it should be; it holds no secret.
    """

    values: Mapping[str, Any]
    reason: str = ""
