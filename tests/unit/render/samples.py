"""Templates that carry the facts of services.md A.12 and A.13, written for these tests (both notations)."""

from __future__ import annotations

from typing import Any

RELATIONS = {
    ("vpn_gateway", "vpn_service_id"): "vpn_service",
    ("vpn_gateway", "qos_option_id"): "qos_option",
    ("vpn_gateway", "downlink_interface_id"): "ha_interface",
    ("vpn_gateway", "uplink_interface_id"): "ha_interface",
    ("vpn_interface", "vpn_gw_id"): "vpn_gateway",
    ("ha_interface", "ha_router_id"): "ha_router",
    ("ha_interface", "primary_interface_id"): "er_physical_interface",
    ("ha_interface", "secondary_interface_id"): "er_physical_interface",
    ("ha_router", "primary_router_id"): "edge_router",
    ("ha_router", "secondary_router_id"): "edge_router",
    ("port", "fixed_ips.subnet_id"): "subnet",
    ("port", "network_id"): "network",
}


def relation(schema: str, name: str) -> str | None:
    return RELATIONS.get((schema, name))


ROLES = ("primary", "secondary")
DEVICE_FIELDS = (("ip", "ip"), ("port", "ssh_port"), ("username", "login"), ("password", "password"))


def vpn_gateway_objects() -> dict[str, Any]:
    """The gateway's mappings in the object notation."""
    raw: dict[str, Any] = {
        "downlink_vlan": {"field": "downlink_vlan_id"},
        "uplink_vlan": {"field": "uplink_vlan_id"},
        "vrf_name": {"field": "vrf_name"},
        "heat_timeout": {"constant": "60"},
    }
    for way, policer in (("input", "incoming"), ("output", "outgoing")):
        name = {"field": f"{policer}_policer_name", "path": ["qos_option_id"]}
        raw[f"{way}_filter_name"] = {"concatenate": ["FILTER_", name]}
    for role in ROLES:
        for param, field in DEVICE_FIELDS:
            path = ["downlink_interface_id", "ha_router_id", f"{role}_router_id"]
            raw[f"{role}_device_{param}"] = {"field": field, "path": path}
        for side in ("downlink", "uplink"):
            raw[f"{role}_device_logical_{side}_interface"] = {"field": f"{role}_logical_{side}_interface_name"}
            path = [f"{side}_interface_id", f"{role}_interface_id"]
            raw[f"{role}_device_physical_{side}_interface"] = {"field": "name", "path": path}
        group = f"{role}_downlink_vrrp_config_group"
        raw[group] = {"field": group, "path": ["vpn_service_id"]}
    return raw


def vpn_gateway_shorts() -> dict[str, Any]:
    """The same in short strings."""
    raw: dict[str, Any] = {
        "downlink_vlan": "Pdownlink_vlan_id",
        "uplink_vlan": "Puplink_vlan_id",
        "vrf_name": "Pvrf_name",
        "heat_timeout": "C60",
        "input_filter_name": "ACFILTER_&Fqos_option+qos_option_id:incoming_policer_name",
        "output_filter_name": "ACFILTER_&Fqos_option+qos_option_id:outgoing_policer_name",
    }
    for role in ROLES:
        for param, field in DEVICE_FIELDS:
            steps = f"ha_interface+downlink_interface_id:ha_router+ha_router_id:edge_router+{role}_router_id"
            raw[f"{role}_device_{param}"] = f"F{steps}:{field}"
        for side in ("downlink", "uplink"):
            raw[f"{role}_device_logical_{side}_interface"] = f"P{role}_logical_{side}_interface_name"
            steps = f"ha_interface+{side}_interface_id:er_physical_interface+{role}_interface_id"
            raw[f"{role}_device_physical_{side}_interface"] = f"F{steps}:name"
        group = f"{role}_downlink_vrrp_config_group"
        raw[group] = f"Fvpn_service+vpn_service_id:{group}"
    return raw


def vpn_interface_mixed(flow: int) -> dict[str, Any]:
    """The interface's mappings, both notations in one template; flow 2018 adds what its monitors need."""
    raw: dict[str, Any] = {
        "bgp_group_name": {"constant": "CloudGW1"},
        "heat_timeout": "C60",
        "local_as": "Fvpn_gateway+vpn_gw_id:local_as_number",
        "uplink_vlan": {"field": "uplink_vlan_id", "path": ["vpn_gw_id"]},
        "vrf_name": {"field": "vrf_name", "path": ["vpn_gw_id"]},
        "md5": "Pbgp_md5",
        "remote_as": {"field": "bgp_remote_as"},
    }
    for role in ROLES:
        for param, field in DEVICE_FIELDS:
            path = ["vpn_gw_id", "downlink_interface_id", "ha_router_id", f"{role}_router_id"]
            raw[f"{role}_device_{param}"] = {"field": field, "path": path}
        raw[f"{role}_device_physical_interface"] = {
            "field": "name",
            "path": ["vpn_gw_id", "uplink_interface_id", f"{role}_interface_id"],
        }
        service = "Fvpn_gateway+vpn_gw_id:vpn_service+vpn_service_id"
        raw[f"{role}_ebgp_config_group"] = f"{service}:{role}_ebgp_config_group"
        raw[f"{role}_peer_ip"] = f"O{role}:bgp_peer_ip"
        raw[f"{role}_router_id"] = {"nested": [role, "bgp_router_id"]}
        raw[f"jinja_{role}_uplink_ip"] = f"O{role}:ip_address"
        if flow == 2018:
            name = f"{role}_logical_uplink_interface_name"
            raw[f"{role}_device_logical_interface"] = {"field": name, "path": ["vpn_gw_id"]}
    if flow == 2018:
        raw |= {"gohan_id": "Pid", "tenant_id": "Ptenant_id", "version": {"version": "auto_filled"}}
    return raw
