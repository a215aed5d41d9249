"""The record of one VPN interface: what stood before it, the request, and what was shown and configured after it.

The ids, names and values are those of the recorded flow of 2017. Prerequisites come in groups: what is in one group
needs only the groups before it.
"""

from __future__ import annotations

from typing import Any

from esi.cli.demo.stage import Put

TENANT = "0b576f6f4cbf414f829cd12f008bf08f"
LOGIN, PASSWORD = "esi", "esiesi0000"
BGP_KEY = "test"

SWITCH = "5314fffc-6c86-4410-a64b-5386286ac629"
PORT_PRIMARY = "eec156b0-7317-48dd-b76c-019c0758e99d"
PORT_SECONDARY = "176ec475-e9e8-4605-8b41-802fbc6220c1"
ROUTER_PRIMARY = "792c7a6d-19b5-4d6f-b9f6-1e5b1eb45198"
ROUTER_SECONDARY = "3ca3a59a-4f92-4a8a-9ec1-1c55a97c794e"
HA_ROUTER = "f01ed0a6-7094-4e54-b14b-94657fff1efb"
UPLINK_PRIMARY = "6e8f473f-47ec-4b54-8f0f-d459d440393b"
UPLINK_SECONDARY = "f87c6efe-f590-4c29-8fc9-2f914e1eb362"
DOWNLINK_PRIMARY = "8ff57ce4-55f9-40d4-82ed-1f00c9051678"
DOWNLINK_SECONDARY = "6b160a8d-fdad-4fe7-aaed-3ff5f729d6c8"
UPLINK = "5e552b8f-cd5a-454c-a224-33f7da0afa24"
DOWNLINK = "a3a62a37-5657-4822-98e0-991ab63f0e96"
SERVICE = "72b05fe5-88c6-4888-a6fb-feb793fffae8"
QOS = "4f59680b-52b6-41da-b15a-09946c155efd"
GATEWAY = "4fab887d-8f73-40e6-b2d8-2426255231bf"
VRF = "vrf_gw_sample-ha-router-downlink_1025"


def _router(id: str, number: int, ip: str) -> Put:
    body = {"autonomous_system": "65101", "description": f"MX80 #{number}", "ip": ip, "name": f"vMX-router-0{number}"}
    return Put("edge_router", id, body | {"login": LOGIN, "password": PASSWORD, "ssh_port": 830})


def _interface(id: str, name: str, router: str, port: str = "") -> Put:
    connected = {"connected_ese_port_id": port} if port else {}
    return Put("er_physical_interface", id, {"device_id": router, "name": name, **connected})


def _port(id: str, name: str) -> Put:
    body = {"name": name, "ese_device_id": SWITCH, "connected_port_id": "", "connected_port_owner": "mx_downlink"}
    return Put("ese_physical_port", id, body)


PREREQUISITES: tuple[tuple[Put, ...], ...] = (
    (
        Put("ese_device", SWITCH, {
            "name": "QFX-NW02", "hostname": "QFX-NW02", "type": "tor", "existing": "existing",
            "management_ip_address": "10.161.0.34", "public_ip_address": "10.161.0.34",
            "username": LOGIN, "password": "password",
        }),
        _router(ROUTER_PRIMARY, 2, "10.79.5.185"),
        _router(ROUTER_SECONDARY, 1, "10.79.5.184"),
    ),
    (
        _port(PORT_PRIMARY, "xe-0/0/3"),
        _port(PORT_SECONDARY, "xe-0/0/4"),
        Put("ha_router", HA_ROUTER, {
            "name": "sample-ha-router", "description": "sample_ha_router",
            "primary_router_id": ROUTER_PRIMARY, "secondary_router_id": ROUTER_SECONDARY,
        }),
    ),
    (
        _interface(UPLINK_PRIMARY, "ge-0/0/1", ROUTER_PRIMARY),
        _interface(DOWNLINK_PRIMARY, "ae0", ROUTER_PRIMARY, PORT_PRIMARY),
        _interface(DOWNLINK_SECONDARY, "ae0", ROUTER_SECONDARY, PORT_SECONDARY),
        _interface(UPLINK_SECONDARY, "ge-0/0/1", ROUTER_SECONDARY),
    ),
    (
        Put("ha_interface", UPLINK, {
            "ha_router_id": HA_ROUTER, "link_type": "uplink", "name": "sample-ha-router-uplink",
            "primary_interface_id": UPLINK_PRIMARY, "secondary_interface_id": UPLINK_SECONDARY,
        }),
        Put("ha_interface", DOWNLINK, {
            "ha_router_id": HA_ROUTER, "link_type": "downlink", "name": "sample-ha-router-downlink",
            "primary_interface_id": DOWNLINK_PRIMARY, "secondary_interface_id": DOWNLINK_SECONDARY,
            "maximum_be_bandwidth": 500, "maximum_ga_bandwidth": 500, "restricted_vlans": "0-1024,4094",
        }),
    ),
    (
        Put("vpn_service", SERVICE, {
            "name": "sample-vpn-service", "zone": "jp1-zone1",
            "uplink_interfaces": [UPLINK], "downlink_interfaces": [DOWNLINK],
            "neighbour_prefix": "BGP-VIRTUAL-ROUTER-PEERS", "default_static_routes_per_gateway": 32,
            "be_forwarding_class": "FC-VPN-BE", "ga_forwarding_class": "FC-VPN-GA",
            "primary_downlink_vrrp_config_group": "VPNGW1-VRRP", "secondary_downlink_vrrp_config_group": "VPNGW2-VRRP",
            "primary_ebgp_config_group": "VPNGW1-RI-EBGP", "secondary_ebgp_config_group": "VPNGW2-RI-EBGP",
            "primary_ibgp_config_group": "VPNGW1-RI-IBGP", "secondary_ibgp_config_group": "VPNGW2-RI-IBGP",
        }),
    ),
    (
        Put("qos_option", QOS, {
            "name": "10Mbps-Guaranteed", "bandwidth": "10", "qos_type": "guarantee", "service_type": "vpn",
            "vpn_service_id": SERVICE,
            "incoming_policer_name": "10M-GA-UP-VPN", "outgoing_policer_name": "10M-GA-DOWN-VPN",
            "incoming_policer_config": "action { loss-priority high then discard; } single-rate { color-blind; "
            "committed-information-rate 10m; committed-burst-size 187500000; excess-burst-size 187500000; }",
            "outgoing_policer_config": "if-exceeding { bandwidth-limit 10m; burst-size-limit 187500000; } "
            "then discard;",
        }),
    ),
)  # fmt: skip

GATEWAY_REQUEST: dict[str, Any] = {
    "name": "sample-vpn-gateway",
    "description": "this resource is vpn-gateway",
    "local_as_number": "65101",
    "maximum_static_routes": 32,
    "qos_option_id": QOS,
    "uplink_vlan_id": "122",
    "vpn_service_id": SERVICE,
}

INTERFACE_REQUEST: dict[str, Any] = {
    "bgp_md5": BGP_KEY,
    "bgp_remote_as": "9598",
    "description": "Sample Vpn-interface",
    "name": "sample-vpn-interface",
    "primary": {"bgp_peer_ip": "192.168.8.1", "bgp_router_id": "192.168.8.2", "ip_address": "192.168.8.2/30"},
    "secondary": {"bgp_peer_ip": "192.168.8.5", "bgp_router_id": "192.168.8.6", "ip_address": "192.168.8.6/30"},
    "vpn_gw_id": GATEWAY,
    "tenant_id": TENANT,
}

GATEWAY_SHOWN: dict[str, Any] = {
    **GATEWAY_REQUEST,
    "id": GATEWAY,
    "status": "ACTIVE",
    "tenant_id": TENANT,
    "uplink_interface_id": UPLINK,
    "downlink_interface_id": DOWNLINK,
    "downlink_vlan_id": "1025",
    "vrf_name": VRF,
    "primary_logical_downlink_interface_name": "ae0.1025",
    "primary_logical_uplink_interface_name": "ge-0/0/1.122",
    "secondary_logical_downlink_interface_name": "ae0.1025",
    "secondary_logical_uplink_interface_name": "ge-0/0/1.122",
}
"""As shown at the end, but for `connected_vpn_interface`, which is the id that the interface got."""


def router_change(group: str, address: str, peer: str) -> list[str]:
    """What the interface's commit changed on a router, as JUNOS compares it; the BGP key stands in clear."""
    return [
        "[edit interfaces ge-0/0/1 unit 122]",
        "+     family inet {",
        f"+         address {address}/30;",
        "+     }",
        f"[edit routing-instances {VRF}]",
        "+    routing-options {",
        f"+        router-id {address};",
        "+        autonomous-system 65101;",
        "+    }",
        "+    protocols {",
        "+        bgp {",
        "+            group CloudGW1 {",
        f"+                apply-groups {group};",
        f"+                local-address {address};",
        "+                peer-as 9598;",
        f"+                neighbor {peer} {{",
        f'+                    authentication-key "{BGP_KEY}"; ## SECRET-DATA',
        "+                }",
        "+            }",
        "+        }",
        "+    }",
    ]


CHANGES: dict[str, tuple[str, list[str]]] = {
    "vMX-router-02": ("MX-2, 10.79.5.185, primary", router_change("VPNGW1-RI-EBGP", "192.168.8.2", "192.168.8.1")),
    "vMX-router-01": ("MX-1, 10.79.5.184, secondary", router_change("VPNGW2-RI-EBGP", "192.168.8.6", "192.168.8.5")),
}
