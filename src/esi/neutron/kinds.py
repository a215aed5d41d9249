"""The kinds of resources that are told as Neutron's, and their bodies on both sides. Pure.

A body is told as the API tells it, with what newer clients look for beside it: `project_id`, Neutron's word for a
status that is still pending, tags as a list (`name=text`), and what never differs here (`constants`). What is taken is
Neutron's body without what means nothing here: the host that a port is bound on, and constants as they were told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from esi.identity.accounts import HOME
from esi.model.resource import Body

BUILDING = frozenset({"NO_STATE", "PENDING_CREATE", "PENDING_UPDATE"})
BUILD = "BUILD"
"""Neutron's word for all of these: clients wait until it is another one."""

BOUND = "binding:"
"""How the names of properties begin that say where a port is bound. Nova sends them; nothing is made of them."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`schema` is the API's id; `title` begins the names of errors; `constants` are told, and have one value only."""

    schema: str
    singular: str
    plural: str
    title: str
    constants: Mapping[str, Any] = field(default_factory=dict)

    @property
    def in_words(self) -> str:
        return self.singular.replace("_", " ").capitalize()


NETWORK = Kind("network", "network", "networks", "Network", {"router:external": False})
SUBNET = Kind("subnet", "subnet", "subnets", "Subnet", {"subnetpool_id": None})
PORT = Kind("port", "port", "ports", "Port")
SECURITY_GROUP = Kind("security_group", "security_group", "security_groups", "SecurityGroup", {"stateful": True})

KINDS: Mapping[str, Kind] = {
    "networks": NETWORK,
    "subnets": SUBNET,
    "ports": PORT,
    "security-groups": SECURITY_GROUP,
    "security_groups": SECURITY_GROUP,
}
"""By the name of their collection in a path."""

NONE_HERE: Mapping[str, str] = {
    "floatingips": "FloatingIP",
    "routers": "Router",
    "availability_zones": "AvailabilityZone",
    "agents": "Agent",
    "subnetpools": "SubnetPool",
    "security-group-rules": "SecurityGroupRule",
}
"""Collections that clients look into and that are always empty, with the beginning of their errors' names."""


def as_neutron(kind: Kind, row: Body) -> Body:
    """A shown body of the API, as Neutron tells it."""
    body: Body = {**kind.constants, **row}
    if "tenant_id" in row:
        body["tenant_id"] = body["project_id"] = row.get("tenant_id") or HOME
    if isinstance(row.get("tags"), dict):
        body["tags"] = sorted(f"{name}={text}" if text else name for name, text in row["tags"].items())
    if row.get("status") in BUILDING:
        body["status"] = BUILD
    if kind is SECURITY_GROUP:
        body["security_group_rules"] = [_rule(body, place, rule) for place, rule in enumerate(row.get("rules") or ())]
    return body


def _rule(group: Body, place: int, rule: Mapping[str, Any]) -> Body:
    """Neutron keeps rules one by one; ours have no id of their own, so theirs is their group's and their place."""
    protocol = str(rule.get("protocol", "ANY")).lower()
    ports = protocol in ("tcp", "udp")
    return {
        "id": f"{group['id']}-{place}",
        "security_group_id": group["id"],
        "tenant_id": group.get("tenant_id"),
        "project_id": group.get("project_id"),
        "direction": str(rule.get("direction", "Ingress")).lower(),
        "ethertype": rule.get("ethertype", "IPv4"),
        "protocol": None if protocol == "any" else protocol,
        "port_range_min": rule.get("port_range_min") if ports else None,
        "port_range_max": rule.get("port_range_max") if ports else None,
        "remote_ip_prefix": rule.get("address"),
        "remote_group_id": None,
        "description": "",
    }


def as_ours(kind: Kind, sent: Body) -> Body:
    """A body of Neutron's, as the API takes it. What is not known stays: the API names it in its refusal."""
    body = {
        name: value
        for name, value in sent.items()
        if not (name.startswith(BOUND) or (name in kind.constants and value == kind.constants[name]))
    }
    if isinstance(tags := body.get("tags"), list):
        parts = [tag.partition("=") for tag in tags if isinstance(tag, str)]
        body["tags"] = {name: text for name, _, text in parts}
    project = body.pop("project_id", None)
    if project is not None and body.get("tenant_id") is None:
        body["tenant_id"] = project
    return body
