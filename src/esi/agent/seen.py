"""What has been seen of one target so far, and which of it counts. Pure: looks and times in, values out.

A look that failed makes the value `status` FAIL, at once unless `patience` failed looks in a row are forgiven; other
values stay as they were, with their fail counter. A value that is held is one that does not count yet: until
`time_seconds` after the target was made only positive values count, and the first of them ends the hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from esi.agent.records import Kept, when
from esi.errors import EsiError
from esi.model.target import FAIL, Observation, Target

STATUS = "status"

HOLDS = {
    "bgp_pool": {
        "time_seconds": 10.0,
        "positive_status": [{"primary": "ESTABLISHED", "secondary": "ESTABLISHED"}],
    }
}
"""Holds of types whose targets bring none: a BGP session takes seconds to come up; that is no outage."""

REPORTERS = {
    "bgp_pool": "BGPAgent",
    "bgp_session": "BGPAgent",
    "vrrp_pool": "VRRPAgent",
    "vrrp_session": "VRRPAgent",
    "snmp_device": "SnmpDeviceAgent",
    "router": "SnmpDeviceAgent",
    "switch": "SnmpDeviceAgent",
    "snmp_device_lb": "SnmpDeviceAgent",
    "compute": "NovaAgent",
    "virtual_machine_interface": "contrail_vmi",
    "virtual_network": "contrail_vn",
}
"""Who reports, by type of target: the recorded names; everything else is a port."""


@dataclass(slots=True)
class Value:
    """Times are epoch seconds."""

    value: Any
    reported: float
    changed: float


@dataclass(slots=True)
class Seen:
    """`looks`: how many since the last change; the more, the longer until the next. `open`: the hold has ended."""

    values: dict[str, Value] = field(default_factory=dict)
    reason: str = ""
    failures: int = 0
    looks: int = 0
    open: bool = False

    def looked(self, seen: Observation | EsiError, now: float, *, patience: int = 0) -> bool:
        """Take in one look; whether a value other than a counter has changed."""
        if isinstance(seen, EsiError):
            self.failures += 1
            if self.failures <= patience and STATUS in self.values:
                return self._counted(False)
            self.reason = seen.message
            return self._counted(self._put(STATUS, FAIL, now))
        self.failures, self.reason = 0, seen.reason
        changed = [key for key, value in seen.values.items() if self._put(key, value, now)]
        return self._counted(any(key == STATUS or not isinstance(seen.values[key], int | float) for key in changed))

    def _put(self, key: str, value: Any, now: float) -> bool:
        known = self.values.get(key)
        changed = known is None or known.value != value
        self.values[key] = Value(value, now, now if changed or known is None else known.changed)
        return changed

    def _counted(self, changed: bool) -> bool:
        self.looks = 0 if changed else self.looks + 1
        return changed

    def counting(self, kept: Kept, now: float) -> dict[str, Any] | None:
        """What is to stand under /monitoring, by name; None while there is nothing that counts."""
        if kept.names and self.held(kept.target, now) > 0:
            return None
        found = {name: self.values[key].value for key, name in kept.names.items() if key in self.values}
        return found or None

    def held(self, target: Target, now: float) -> float:
        """For how many seconds yet the status does not count."""
        hold = hold_of(target)
        if not hold or STATUS not in self.values or self.open:
            return 0.0
        self.open = self.is_good(target)
        return 0.0 if self.open else max(0.0, target.created_at + float(hold["time_seconds"]) - now)

    def is_good(self, target: Target) -> bool:
        """Whether the status is one that the target is held for: nobody waits for another."""
        positive = (hold_of(target) or {}).get("positive_status", [])
        known = self.values.get(STATUS)
        return known is not None and known.value in (positive if isinstance(positive, list) else [positive])


def shown(target: Target, seen: Seen) -> list[Mapping[str, Any]]:
    """The values as the agent answers them."""
    return [
        {
            "reporter": REPORTERS.get(target.type, "SNMPPortPool"),
            "key": key,
            "value": one.value,
            "last_reported": when(one.reported),
            "last_changed": when(one.changed),
            "fail_counter": seen.failures,
            **({"reason": seen.reason} if key == STATUS and seen.reason else {}),
        }
        for key, one in seen.values.items()
    ]


def hold_of(target: Target) -> Mapping[str, Any] | None:
    """The hold that a target asks for, or its type's."""
    asked: Mapping[str, Any] | None = target.syncer_properties.get("etcd", {}).get("hold_options")
    return asked or HOLDS.get(target.type)
