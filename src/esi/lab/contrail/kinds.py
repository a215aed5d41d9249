"""What Contrail's config API knows: types with their parents, what they may refer to, values that a field may have."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """`parents`: one of these types stands above; none for a type at the top. `refs`: what it may refer to."""

    parents: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = {
    "domain": Kind(),
    "global-system-config": Kind(),
    "project": Kind(("domain",)),
    "network-ipam": Kind(("project",)),
    "network-policy": Kind(("project",)),
    "route-table": Kind(("project",)),
    "security-group": Kind(("project",)),
    "virtual-network": Kind(("project",), ("network-ipam", "network-policy", "route-table")),
    "routing-instance": Kind(("virtual-network",), ("routing-instance",)),
    "virtual-machine": Kind(),
    "virtual-machine-interface": Kind(
        ("project", "virtual-machine", "virtual-router"),
        ("virtual-network", "security-group", "virtual-machine", "routing-instance", "virtual-machine-interface"),
    ),
    "instance-ip": Kind((), ("virtual-network", "virtual-machine-interface", "physical-router")),
    "virtual-router": Kind(("global-system-config",), ("virtual-machine",)),
    "physical-router": Kind(("global-system-config",), ("virtual-network", "virtual-router")),
    "physical-interface": Kind(("physical-router",), ("physical-interface",)),
    "logical-interface": Kind(("physical-interface", "physical-router"), ("virtual-machine-interface",)),
}

COMMON = frozenset({"fq_name", "uuid", "name", "href", "parent_type", "parent_uuid", "parent_href"})
"""Fields that no update changes."""

_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")


def _one_of(*words: str) -> Callable[[Any], bool]:
    return lambda value: value in words


def _address(value: Any) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return False
    return isinstance(value, str)


def _truth(value: Any) -> bool:
    return isinstance(value, bool)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _pairs(value: Any) -> bool:
    listed = value.get("allowed_address_pair", []) if isinstance(value, dict) else None
    return isinstance(listed, list) and all(_pair(one) for one in listed)


def _pair(one: Any) -> bool:
    ip = one.get("ip") if isinstance(one, dict) else None
    if not isinstance(ip, dict) or not _address(ip.get("ip_prefix")) or not _whole(ip.get("ip_prefix_len")):
        return False
    mac, mode = one.get("mac"), one.get("address_mode", "active-standby")
    return (not mac or bool(_MAC.fullmatch(str(mac)))) and mode in ("active-active", "active-standby")


def _macs(value: Any) -> bool:
    listed = value.get("mac_address") if isinstance(value, dict) else None
    return isinstance(listed, list) and all(_MAC.fullmatch(str(one)) for one in listed)


def _properties_of_network(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    mode, rpf = value.get("forwarding_mode"), value.get("rpf")
    return mode in (None, "l2", "l3", "l2_l3") and rpf in (None, "enable", "disable")


def _targets(value: Any) -> bool:
    listed = value.get("route_target", []) if isinstance(value, dict) else None
    return isinstance(listed, list) and all(str(one).startswith("target:") for one in listed)


FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "virtual_network_properties": _properties_of_network,
    "route_target_list": _targets,
    "is_shared": _truth,
    "router_external": _truth,
    "flood_unknown_unicast": _truth,
    "port_security_enabled": _truth,
    "virtual_machine_interface_mac_addresses": _macs,
    "virtual_machine_interface_allowed_address_pairs": _pairs,
    "instance_ip_address": _address,
    "instance_ip_family": _one_of("v4", "v6"),
    "instance_ip_mode": _one_of("active-active", "active-standby"),
    "physical_router_management_ip": _address,
    "physical_router_dataplane_ip": _address,
    "physical_router_vnc_managed": _truth,
    "logical_interface_type": _one_of("l2", "l3"),
    "logical_interface_vlan_tag": _whole,
}
"""Which values a field may have; others take what comes. Null is always allowed: it is no value."""
