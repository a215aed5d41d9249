"""The analytics API (8081): what agents tell of interfaces and networks, computed from the objects.

An interface is seen by an agent when a virtual machine or a logical interface holds it; until then there is only what
the config node tells. `l2_active` follows its faults, `active` its admin state, too: recorded ports of dummies are
UP, with their admin state down. Counters grow with the clock, and `if_stats` is the growth of one interval.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from esi.clock import Clock
from esi.lab.contrail.config import Config
from esi.lab.contrail.objects import Refused, Standing
from esi.lab.web import Answer, Asked, CloudFaults, as_json

SEND_SECONDS = 30.0
RATES = {"in_pkts": 10, "in_bytes": 1000, "out_pkts": 8, "out_bytes": 800}
"""Growth per second of every interface that is up."""

TABLES = ("virtual-network", "virtual-machine-interface")
FAULTS = {
    "inactive": "the agent says that an interface is down at layer 2 ([uuid], all without)",
    "no-agent": "no agent tells of an interface ([uuid], all without)",
}
PREFIX = "/analytics/uves"


class AnalyticsFace:
    """Implements esi.lab.web.Core."""

    def __init__(self, config: Config, faults: CloudFaults, clock: Clock) -> None:
        self.config = config
        self.faults = faults
        self._clock = clock

    def handle(self, asked: Asked) -> Answer:
        try:
            return self._routed(asked)
        except Refused as refused:
            return Answer(refused.status, refused.text.encode(), "text/html")

    def _routed(self, asked: Asked) -> Answer:
        path = asked.path.removeprefix(PREFIX)
        if not asked.path.startswith(PREFIX) or asked.method not in ("GET", "POST"):
            raise Refused(404, f"Not found: {asked.path!r}")
        table, _, name = path.strip("/").partition("/")
        if not table:
            rows = [{"name": f"{type}s", "href": f"{asked.base}{PREFIX}/{type}s"} for type in TABLES]
            return Answer(200, orjson.dumps(rows))
        if table.removesuffix("s") in TABLES and not name and asked.method == "GET":
            return self._listed(table.removesuffix("s"), asked.base)
        if table not in TABLES:
            raise Refused(404, f"Not found: {asked.path!r}")
        if asked.method == "POST":
            wanted = orjson.loads(asked.body or b"{}")
            return as_json({"value": self._matching(table, wanted.get("kfilt") or ["*"], wanted.get("cfilt") or [])})
        filters = [one for one in asked.query.get("cfilt", "").split(",") if one]
        if "*" in name:
            return as_json({"value": self._matching(table, [name], filters)})
        found = next((self._uve(one) for one in self.config.listed(table) if _key(one) == name), {})
        chosen = _chosen(found, filters)
        return as_json(chosen if filters or "flat" in asked.query else _unflat(chosen))

    def _listed(self, type: str, base: str) -> Answer:
        names = [_key(one) for one in self.config.listed(type) if _key(one)]
        return Answer(200, orjson.dumps([{"name": n, "href": f"{base}{PREFIX}/{type}/{n}?flat"} for n in names]))

    def _matching(self, type: str, patterns: Iterable[str], filters: Iterable[str]) -> list[dict[str, Any]]:
        wanted = re.compile("|".join(fnmatch.translate(pattern.replace("[", "[[]")) for pattern in patterns))
        rows = ((_key(one), self._uve(one)) for one in self.config.listed(type) if wanted.match(_key(one)))
        chosen = ((name, _chosen(value, list(filters))) for name, value in rows)
        return [{"name": name, "value": value} for name, value in chosen]

    def _uve(self, one: Standing) -> dict[str, Any]:
        elements = {"fq_name": orjson.dumps(list(one.fq_name)).decode(), "uuid": orjson.dumps(one.uuid).decode()}
        found: dict[str, Any] = {"ContrailConfig": {"elements": elements, "deleted": False}}
        if one.type == "virtual-network":
            objects = self.config.objects
            instances = [":".join(child.fq_name) for child in objects.children(one)]
            found["UveVirtualNetworkConfig"] = {"routing_instance_list": instances, "total_acl_rules": 0}
            seen = [_key(other) for other in objects.referrers(one, "virtual-machine-interface")]
            if seen:
                found["UveVirtualNetworkAgent"] = {"interface_list": seen, "total_acl_rules": 0}
            return found
        if self._held(one) and not self._broken("no-agent", one):
            found["UveVMInterfaceAgent"] = self._told(one)
        return found

    def _held(self, one: Standing) -> bool:
        return bool(one.ref("virtual-machine") or self.config.objects.referrers(one, "logical-interface"))

    def _told(self, one: Standing) -> dict[str, Any]:
        network = self.config.objects.get(one.ref("virtual-network"))
        enabled, up = bool(one.body["id_perms"].get("enable", True)), not self._broken("inactive", one)
        addresses = [other.body["instance_ip_address"] for other in self.config.objects.referrers(one, "instance-ip")]
        told: dict[str, Any] = {
            "active": up and enabled,
            "l2_active": up,
            "admin_state": enabled,
            "uuid": one.uuid,
            "mac_address": one.body["virtual_machine_interface_mac_addresses"]["mac_address"][0],
            "ip_address": addresses[0] if addresses else "0.0.0.0",
            "fixed_ip4_list": addresses,
            "virtual_network": ":".join(network.fq_name) if network is not None else "",
            "vm_uuid": one.ref("virtual-machine"),
        }
        if up and enabled and self._age(one) >= SEND_SECONDS:
            told["if_stats"] = {name: int(rate * SEND_SECONDS) for name, rate in RATES.items()}
        return told

    def _age(self, one: Standing) -> float:
        return self._clock.now() - datetime.fromisoformat(f"{one.created}+00:00").timestamp()

    def _broken(self, kind: str, one: Standing) -> bool:
        return any(kind == known and operand in ("", one.uuid) for known, operand in self.faults.lasting())


def _key(one: Standing) -> str:
    return ":".join(one.fq_name)


def _chosen(value: Mapping[str, Any], filters: list[str]) -> dict[str, Any]:
    """The structs and attributes of a cfilt; all without."""
    if not filters:
        return dict(value)
    found: dict[str, Any] = {}
    for one in filters:
        struct, _, attribute = one.partition(":")
        if struct not in value:
            continue
        if not attribute:
            found[struct] = value[struct]
        elif attribute in value[struct]:
            found.setdefault(struct, {})[attribute] = value[struct][attribute]
    return found


def _unflat(value: Mapping[str, Any]) -> dict[str, Any]:
    """The long form: every attribute of a struct with its type and who sent it."""
    names = {bool: "bool", int: "u64", str: "string", list: "list", dict: "struct"}
    source = "lab:contrail-vrouter-agent:Compute:0"
    return {
        struct: {
            name: [
                [{"@type": names[type(item)], "#text": str(item).lower() if item in (True, False) else item}, source]
            ]
            for name, item in body.items()
        }
        for struct, body in value.items()
    }


def _text(item: Any) -> Any:
    return str(item).lower() if isinstance(item, bool) else item
