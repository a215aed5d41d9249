"""Values and resources of the recorded jobs of both flows, from mappings that carry the same facts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from esi.model.resource import Body
from esi.render.mapping import Mapping
from unit.render.samples import relation, vpn_gateway_objects, vpn_gateway_shorts, vpn_interface_mixed

CASES = Path(__file__).parents[4] / "shared/spec/cases"
SCHEMAS = {
    "edge_routers": "edge_router",
    "ha_routers": "ha_router",
    "er_physical_interfaces": "er_physical_interface",
    "ha_interfaces": "ha_interface",
    "vpn_services": "vpn_service",
    "qos_options": "qos_option",
    "vpn_gateways": "vpn_gateway",
    "vpn_interfaces": "vpn_interface",
}

pytestmark = [
    pytest.mark.recorded,
    pytest.mark.skipif(not CASES.exists(), reason="the recorded cases do not stand beside this checkout"),
]


def load(name: str) -> Any:
    return json.loads((CASES / name).read_text())


def bodies(entries: list[dict[str, Any]]) -> dict[tuple[str, str, int], Body]:
    found = {}
    for entry in entries:
        _, _, _, plural, id_ = entry["key"].split("/")
        if plural in SCHEMAS:
            found[SCHEMAS[plural], id_, entry["value"]["version"]] = entry["value"]["body"]
    return found


def chain(flow: str) -> dict[tuple[str, str, int], Body]:
    """Every recorded body of a flow. The old flow recorded only two: the rest are the new ones under the old ids."""
    new = bodies(load("vpn_chain/etcd_config.json"))
    if flow == "new":
        return new
    own = bodies(load("vpn/etcd_config.json")["old"])
    ids = _old_ids(load("vpn/jobs.json"))
    text = json.dumps([[list(key), body] for key, body in new.items()])
    for fresh, old in ids.items():
        text = text.replace(fresh, old)
    renamed = {(schema, id_, version): body for (schema, id_, version), body in json.loads(text)}
    return renamed | own


def _old_ids(jobs: Any) -> dict[str, str]:
    """New id → old id, told by the resources that the same parameter of the same job was read from."""
    pairs: dict[str, str] = {}
    for old in jobs["old"]:
        for new in jobs["new"]:
            if (old["resource"], old["version"]) != (new["resource"], new["version"]):
                continue
            pairs[new["resource_id"]] = old["resource_id"]
            for name in old["params"].keys() & new["params"].keys():
                for one, other in zip(
                    sorted(new["params"][name]["via"]), sorted(old["params"][name]["via"]), strict=True
                ):
                    pairs[one.split(":")[1]] = other.split(":")[1]
    return pairs


CASE_LIST = [
    (flow, resource, version, notation)
    for flow in ("old", "new")
    for resource, version, notation in (
        ("vpn_gateway", 1, "objects"),
        ("vpn_gateway", 1, "shorts"),
        ("vpn_gateway", 2, "objects"),
        ("vpn_interface", 1, "mixed"),
    )
]


@pytest.mark.parametrize(("flow", "resource", "version", "notation"), CASE_LIST)
def test_params_are_those_recorded(flow: str, resource: str, version: int, notation: str) -> None:
    (job,) = [
        job
        for job in load("vpn/jobs.json")[flow]
        if (job["resource"], job["version"], job["handler"]) == (resource, version, "heat_worker")
    ]
    raw = {
        "objects": vpn_gateway_objects(),
        "shorts": vpn_gateway_shorts(),
        "mixed": vpn_interface_mixed(2017 if flow == "old" else 2018),
    }[notation]
    known = chain(flow)
    latest = {(schema, id_): body for (schema, id_, _), body in sorted(known.items(), key=lambda item: item[0][2])}
    mapping = Mapping.compile(raw, resource, relation)
    body = known[resource, job["resource_id"], version]

    def lookup(schema: str, id_: str) -> Body | None:
        return latest.get((schema, id_))

    params = mapping.evaluate(body, version, lookup)
    if job["action"] == "modify":
        params = mapping.evaluate_change((known[resource, job["resource_id"], 1], 1), params, lookup)
    found = {
        param["param"]: {
            "type": param["type"],
            "value": param["value"],
            "via": sorted(f"{item['resource_type']}:{item['resource_id']}" for item in param["resources"]),
        }
        for param in params
    }
    assert found == {
        name: {"type": param["type"], "value": param["value"], "via": sorted(param["via"])}
        for name, param in job["params"].items()
    }
