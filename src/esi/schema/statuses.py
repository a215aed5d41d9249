"""`metadata.status` of a schema: by which rule (esi.model.status) the status of its rows is derived, and from whose.

    status: {rule: pair, of: [primary_id, secondary_id]}          rows that its relations name
    status: {rule: connected, by: [ese_physical_port.connected_port_id]}    rows that name it
    status:
      rule: waits
      cases:                                                      the first whose `when` holds for the row counts
        - {when: {device_owner: "network:.*", attached: true}, rule: monitored, of: [ese_logical_port_id]}

A text in `when` is a pattern for the whole value, where null counts as ""; anything else must be equal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from esi.schema.model import Property, Relation, Rule, Statuses, StatusRule

RULES = frozenset(get_args(Rule))
NEED_OTHERS = {"gateway": "of", "pair": "of", "mirror": "of", "connected": "by"}


def build_statuses(
    metadata: Mapping[str, Any], properties: Mapping[str, Property], links: Sequence[Relation], faults: list[str]
) -> Statuses:
    """The rules of one schema; faults are added to the list."""
    data = metadata.get("status")
    if data is None:
        known = "status" in properties and bool(metadata.get("state_versioning"))
        return Statuses(StatusRule("default" if known else "none"))
    data = data if isinstance(data, dict) else {"rule": data}
    cases = data.get("cases") or []
    paths = {link.path for link in links}
    found = [
        _rule(case, properties, paths, faults) if isinstance(case, dict) and case.get("when") else _no_case(faults)
        for case in (cases if isinstance(cases, list) else [cases])
    ]
    return Statuses(_rule(data, properties, paths, faults), tuple(found))


def _no_case(faults: list[str]) -> StatusRule:
    faults.append("metadata.status.cases is a list of rules, each with when: {property: pattern or value}")
    return StatusRule()


def _rule(
    data: Mapping[str, Any], properties: Mapping[str, Property], paths: set[str], faults: list[str]
) -> StatusRule:
    rule, of, by = data.get("rule", "default"), data.get("of") or [], data.get("by") or []
    if rule not in RULES or not isinstance(of, list) or not isinstance(by, list):
        faults.append(f"metadata.status: rule {rule!r} is not known; rules are {', '.join(sorted(RULES))}")
        return StatusRule()
    faults.extend(f"metadata.status.of names {name!r}, which is no relation" for name in of if name not in paths)
    need = NEED_OTHERS.get(rule)
    if need and not data.get(need):
        faults.append(f"metadata.status: rule {rule} needs {need}: [relation]")
    if rule != "none" and "status" not in properties:
        faults.append("metadata.status needs a property status")
    referring = tuple((schema, name) for schema, _, name in (str(word).partition(".") for word in by))
    return StatusRule(cast(Rule, rule), tuple(of), referring, _when(data.get("when") or {}, properties, faults))


def _when(
    data: Mapping[str, Any], properties: Mapping[str, Property], faults: list[str]
) -> tuple[tuple[str, Any], ...]:
    found: list[tuple[str, Any]] = []
    for name, value in data.items():
        if name not in properties:
            faults.append(f"metadata.status: when names {name!r}, which is no property")
            continue
        try:
            found.append((name, re.compile(value) if isinstance(value, str) else value))
        except re.error as error:
            faults.append(f"metadata.status: {value!r} is no pattern: {error}")
    return tuple(found)
