"""The record of one load balancer: what stood before it, the request, what was shown, and what an appliance got.

The ids, names and values are those of the recorded flow. In the record two of its ports were not seen UP, because its
Contrail answered the same for every port; here they are. What the appliance was told is not recorded: that is ours.
"""

from __future__ import annotations

from typing import Any

from esi.cli.demo.stage import Put

TENANT = "fe3a4a1a72c04479bb6c19c2c0ccba4c"
LOGIN, PASSWORD = "vlbadmin", "password"

DUMMY, DUMMY_SUBNET = "ce9a7a92-d11a-4fc6-8ae7-18061b62c98f", "6f5f33d6-2cfe-47c1-a91a-3f3d44972b1a"
ADMIN, ADMIN_SUBNET = "168c1535-9001-49c7-bb05-21844570a83c", "707847d0-89d9-4b98-93a2-8b376709c5f3"
TEMPLATE = "f2123d79-e953-4b61-8aee-a217bee284af"
VNF_PLAN = "043fed11-ce3d-48fb-aa8d-13aad5804d83"
PLAN = "f2fcb624-bac7-4601-a444-007d4a01bc6a"
IMAGE, FLAVOR = "NSVPX-KVM-10.5-57.7_nc", "m1.xlarge"


def _network(id: str, name: str, description: str) -> Put:
    return Put("network", id, {"name": name, "description": description, "plane": "data", "admin_state_up": True})


def _subnet(id: str, name: str, network: str, cidr: str, **more: Any) -> Put:
    return Put("subnet", id, {"name": name, "network_id": network, "cidr": cidr, "ip_version": 4, **more})


PREREQUISITES: tuple[tuple[Put, ...], ...] = (
    (
        _network(DUMMY, "dummy-net", "dummy network for load_balancer"),
        _network(ADMIN, "adminpod-net", "adminpod network"),
    ),
    (
        _subnet(DUMMY_SUBNET, "dummy-subnet", DUMMY, "10.121.232.0/24"),
        _subnet(
            ADMIN_SUBNET, "adminpod-subnet", ADMIN, "100.64.193.0/24",
            host_routes=[{"destination": "172.26.10.0/24", "nexthop": "100.64.193.1"}],
        ),
    ),
    (
        Put("vnf_template", TEMPLATE, {
            "name": "NetScaler VPX", "description": "dummy_vnf_templates", "function": "load_balancer",
            "vendor": "citrix", "version": "NetScaler 10.5", "image": IMAGE, "init_config": {},
            "credentials": {"username": LOGIN, "password": PASSWORD}, "security_group": "permit-any",
            "management_networks": [ADMIN], "dummy_networks": [DUMMY],
        }),
        Put("vnf_plan", VNF_PLAN, {
            "name": "vLB_plan", "description": "dummy_vnf_plans", "function": "load_balancer", "vendor": "citrix",
            "flavor": FLAVOR, "default_interface_number": 3, "interface_limit": 5,
        }),
    ),
    (
        Put("load_balancer_plan", PLAN, {
            "name": "Citrix_NetScaler_VPX_10.5-57.7_Standard_Edition_50Mbps_2CPU-8GB-4IF", "is_public": True,
            "vendor": "citrix", "version": "10.5-57.7", "license_code": "LA-0001969526-49522",
            "model": {"edition": "Standard", "size": "10"}, "vnf_plan_id": VNF_PLAN, "vnf_template_id": TEMPLATE,
        }),
    ),
)  # fmt: skip

REQUEST: dict[str, Any] = {"availability_zone": "nova", "load_balancer_plan_id": PLAN, "tenant_id": TENANT}

SHOWN: dict[str, Any] = {
    **REQUEST,
    "admin_username": "user-admin",
    "user_username": "user-read",
    "other_username": "",
    "default_gateway": None,
    "description": "",
    "name": "",
    "networks": [],
    "syslog_servers": None,
    "operational_state": "UP",
    "orchestration_state": "CREATE_COMPLETE",
    "status": "ACTIVE",
}


def _interface(name: str, slot: int, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "slot_number": slot,
        "type": "user",
        "network_id": None,
        "ip_address": None,
        "virtual_ip_address": None,
        "virtual_ip_properties": None,
        "operational_state": "UP",
        "orchestration_state": "CREATE_COMPLETE",
        "status": "ACTIVE",
        **more,
    }


INTERFACES = [
    _interface("Interface 0/1", 0, type="management", network_id=ADMIN, ip_address="100.64.193.3"),
    _interface("Interface 1/1", 1),
    _interface("Interface 1/2", 2),
]

PORTS = {
    "10.121.232.3": ("load_balancer-user-port", "compute:nova", "ACTIVE"),
    "10.121.232.4": ("load_balancer-user-port", "compute:nova", "ACTIVE"),
    "100.64.193.3": ("load_balancer-management-port", "compute:nova", "ACTIVE"),
    "100.64.193.4": ("internet_port", "network:empty", "DOWN"),
}
"""Address → name, owner, status; those of DHCP servers stood before."""

ADDRESSES = {"adminpod-net": ["100.64.193.3"], "dummy-net": ["10.121.232.3", "10.121.232.4"]}
"""Of the server, as Nova tells them: network → addresses in the order of the slots."""

APPLIANCE: dict[str, list[dict[str, str]]] = {
    "systemuser": [{"username": name} for name in ("nsroot", LOGIN, "user-admin", "user-read")],
    "nsip": [
        {"ipaddress": "100.64.193.3", "netmask": "255.255.255.0", "type": "NSIP"},
        {"ipaddress": "100.64.193.4", "netmask": "255.255.255.0", "type": "SNIP"},
    ],
    "route": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "100.64.193.1"}],
    "Interface": [{"id": name, "state": "ENABLED"} for name in ("0/1", "1/1", "1/2")],
    "snmpcommunity": [{"communityname": "LOAD_BALANCER_COMMUNITY", "permissions": "ALL"}],
    "nscapacity": [{"edition": "Standard", "unit": "Mbps", "bandwidth": "10"}],
}
"""Kind of NITRO → what the appliance has of it, as far as it was told or came with it."""
