"""A VPN gateway and everything it stands on, as requests with fixed ids: the chain that scenarios and simulations use.

The first router pair has the management addresses 10.79.5.185 (primary) and 10.79.5.184 (secondary); they are data
that a driver maps, never dialled.
"""

from __future__ import annotations

from typing import Any, NamedTuple

PRIMARY_IP, SECONDARY_IP = "10.79.5.185", "10.79.5.184"
TENANT = "0b576f6f4cbf414f829cd12f008bf08f"


class Wish(NamedTuple):
    """One resource that is asked for under an id of the caller's choice."""

    schema: str
    id: str
    body: dict[str, Any]


def _id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


PRIMARY, SECONDARY, PAIR = _id(1), _id(2), _id(3)
P_UP, P_DOWN, S_DOWN, S_UP = _id(4), _id(5), _id(6), _id(7)
DOWNLINK, UPLINK, SERVICE, QOS = _id(8), _id(9), _id(10), _id(11)
GATEWAY, INTERFACE = _id(12), _id(13)


def _router(id: str, name: str, ip: str) -> Wish:
    return Wish(
        "edge_router",
        id,
        {
            "name": name,
            "description": "an MX of the lab",
            "ip": ip,
            "login": "esi",
            "password": "esiesi0000",
            "ssh_port": 830,
            "autonomous_system": "65101",
            "tenant_id": TENANT,
        },
    )


def _port(id: str, router: str, name: str) -> Wish:
    return Wish("er_physical_interface", id, {"name": name, "device_id": router, "tenant_id": TENANT})


def _pair(id: str, name: str, sides: tuple[str, str], link: str, **more: Any) -> Wish:
    body = {
        "name": name,
        "ha_router_id": PAIR,
        "primary_interface_id": sides[0],
        "secondary_interface_id": sides[1],
        "link_type": link,
        "tenant_id": TENANT,
        **more,
    }
    return Wish("ha_interface", id, body)


def prerequisites() -> list[Wish]:
    """From the routers to the quality-of-service option, in an order that can be created."""
    return [
        _router(PRIMARY, "vMX-router-02", PRIMARY_IP),
        _router(SECONDARY, "vMX-router-01", SECONDARY_IP),
        Wish(
            "ha_router",
            PAIR,
            {
                "name": "sample-ha-router",
                "primary_router_id": PRIMARY,
                "secondary_router_id": SECONDARY,
                "tenant_id": TENANT,
            },
        ),
        _port(P_UP, PRIMARY, "ge-0/0/1"),
        _port(P_DOWN, PRIMARY, "ae0"),
        _port(S_DOWN, SECONDARY, "ae0"),
        _port(S_UP, SECONDARY, "ge-0/0/1"),
        _pair(
            DOWNLINK,
            "sample-ha-router-downlink",
            (P_DOWN, S_DOWN),
            "downlink",
            restricted_vlans="0-1024,4094",
            maximum_ga_bandwidth=500,
            maximum_be_bandwidth=500,
        ),
        _pair(UPLINK, "sample-ha-router-uplink", (P_UP, S_UP), "uplink"),
        Wish(
            "vpn_service",
            SERVICE,
            {
                "name": "sample-vpn-service",
                "uplink_interfaces": [UPLINK],
                "downlink_interfaces": [DOWNLINK],
                "zone": "jp1-zone1",
                "tenant_id": TENANT,
            },
        ),
        Wish(
            "qos_option",
            QOS,
            {
                "name": "10M-GA",
                "qos_type": "guarantee",
                "service_type": "vpn",
                "vpn_service_id": SERVICE,
                "bandwidth": "10",
                "incoming_policer_name": "10M-GA-UP-VPN",
                "incoming_policer_config": "single-rate { committed-information-rate 10m; }",
                "outgoing_policer_name": "10M-GA-DOWN-VPN",
                "outgoing_policer_config": "if-exceeding { bandwidth-limit 10m; } then discard;",
                "tenant_id": TENANT,
            },
        ),
    ]


def gateway() -> Wish:
    body = {
        "name": "sample-vpn-gateway",
        "description": "a gateway of the lab",
        "vpn_service_id": SERVICE,
        "qos_option_id": QOS,
        "uplink_vlan_id": "122",
        "local_as_number": "65101",
        "maximum_static_routes": 32,
        "tenant_id": TENANT,
    }
    return Wish("vpn_gateway", GATEWAY, body)


def interface() -> Wish:
    body = {
        "name": "sample-vpn-interface",
        "description": "both sides of the lab",
        "vpn_gw_id": GATEWAY,
        "bgp_md5": "test",
        "bgp_remote_as": "9598",
        "primary": {"bgp_peer_ip": "192.168.8.1", "bgp_router_id": "192.168.8.2", "ip_address": "192.168.8.2/30"},
        "secondary": {"bgp_peer_ip": "192.168.8.5", "bgp_router_id": "192.168.8.6", "ip_address": "192.168.8.6/30"},
        "tenant_id": TENANT,
    }
    return Wish("vpn_interface", INTERFACE, body)
