"""A subnet: what is not given is computed, the gateway's and the DHCP server's addresses are taken, and with DHCP it
has a port that stands for the server.

Both addresses belong to the subnet, the DHCP port only shows one: they end with the subnet.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

from esi.plugin import Body, Change, Conflict, Query, Ref, Resource, Tx
from esi.services.network.addresses import (
    check_host,
    check_pools,
    hosts,
    parse_network,
    pools_around,
    ranges_of,
    refuse,
)

DHCP = "network:dhcp"
DHCP_MAC = "00:00:5e:00:01:00"
DEFAULT_RESERVED = Ref("reserve_address", "default")


def address_pool(subnet_id: str) -> str:
    """The allocation pool of a subnet's addresses, as numbers."""
    return f"address:{subnet_id}"


async def make(tx: Tx, change: Change) -> None:
    body = change.body
    network = parse_network("cidr", body["cidr"])
    if not change.identity.is_admin:
        await _check_reserved(tx, network, body.get("tenant_id"))
    await _check_apart(tx, network, body["network_id"])
    if "gateway_ip" not in body:
        body["gateway_ip"] = str(IPv4Address(hosts(network)[0]))
    gateway = body["gateway_ip"]
    if gateway is not None:
        check_host("gateway_ip", gateway, network)
    if body["allocation_pools"]:
        check_pools(body["allocation_pools"], network, gateway)
    else:
        body["allocation_pools"] = pools_around(network, gateway)
    body["dhcp_server_address"] = str(IPv4Address(ranges_of(body["allocation_pools"])[0][0]))
    for address in (gateway, body["dhcp_server_address"]):
        if address is not None:
            await tx.allocate(address_pool(change.id), int(IPv4Address(address)))


async def _check_reserved(tx: Tx, network: IPv4Network, tenant: Any) -> None:
    own = await tx.list("reserve_address", Query(filters={"tenant_id": [tenant]}, limit=1))
    row = own[0] if own else await tx.get(DEFAULT_RESERVED)
    for text in row["subnets"] if row is not None else ():
        if network.overlaps(IPv4Network(text, strict=False)):
            raise refuse("cidr", f"{network} overlaps {text}, which is reserved")


async def check_reserve(tx: Tx, change: Change) -> None:
    """What is reserved must be networks that a subnet's can be compared with."""
    for place, text in enumerate(change.body["subnets"]):
        try:
            IPv4Network(text)
        except ValueError:
            raise refuse(f"subnets[{place}]", f"{text!r} is no IPv4 network without a host part") from None


async def _check_apart(tx: Tx, network: IPv4Network, network_id: str) -> None:
    for other in await of_network(tx, network_id):
        if network.overlaps(IPv4Network(other["cidr"])):
            raise refuse("cidr", f"{network} overlaps {other['cidr']} of subnet {other.id} in the same network")


async def of_network(tx: Tx, network_id: str) -> list[Resource]:
    """The subnets of a network in the order of their addresses, those on their way out at the end of it."""
    found = await tx.list("subnet", Query(filters={"network_id": [network_id]}))
    return sorted(found, key=lambda subnet: (subnet.marked_for_deletion, IPv4Network(subnet["cidr"])))


async def make_dhcp_port(tx: Tx, change: Change) -> None:
    if change.body["enable_dhcp"]:
        await tx.create("port", _dhcp_port(change.id, change.body))


def _dhcp_port(id: str, subnet: Body) -> Body:
    return {
        "name": "dhcp-server-port",
        "description": "DHCP Server Port",
        "network_id": subnet["network_id"],
        "tenant_id": subnet.get("tenant_id"),
        "device_owner": DHCP,
        "device_id": id,
        "mac_address": DHCP_MAC,
        "segmentation_type": None,
        "segmentation_id": None,
        "fixed_ips": [{"subnet_id": id, "ip_address": subnet["dhcp_server_address"]}],
    }


async def change_subnet(tx: Tx, change: Change) -> None:
    """Another gateway takes its address and gives the old one back."""
    if change.before is None or not change.changed("gateway_ip"):
        return
    network, gateway = IPv4Network(change.body["cidr"]), change.body["gateway_ip"]
    if gateway is not None:
        number = check_host("gateway_ip", gateway, network)
        check_pools(change.body["allocation_pools"], network, gateway)
        try:
            await tx.allocate(address_pool(change.id), number)
        except Conflict:
            raise Conflict(f"gateway_ip: {gateway} is in use on the subnet", fields=["gateway_ip"]) from None
    if change.before["gateway_ip"] is not None:
        await tx.release(address_pool(change.id), int(IPv4Address(change.before["gateway_ip"])))


async def follow_dhcp(tx: Tx, change: Change) -> None:
    """DHCP switched on or off: its port comes or goes."""
    if not change.changed("enable_dhcp"):
        return
    if change.body["enable_dhcp"]:
        await make_dhcp_port(tx, change)
    else:
        await remove_dhcp_port(tx, change)


async def remove_dhcp_port(tx: Tx, change: Change) -> None:
    for port in await tx.list("port", Query(filters={"device_id": [change.id], "device_owner": [DHCP]})):
        await tx.delete(port.ref)
