"""What a gateway has towards the tenant's network: its interface there, and static routes.

The interface has a port per router on the switch port that the router's downlink ends on, made with it and removed with
it; the primary's port has the address that moves by VRRP, too.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

from esi.plugin import Body, Change, Conflict, Query, Ref, Resource, Tx
from esi.services.network import logical_ports
from esi.services.vpn.checks import check_filled, refuse
from esi.services.vpn.routers import SIDES, found

OWNER = "network:gw_interface"
IPV6 = ("gw_vipv6", "primary_ipv6", "secondary_ipv6")
ADDRESSES = ("gw_vipv4", "primary_ipv4", "secondary_ipv4")
MULTICAST = IPv4Network("224.0.0.0/4")


async def check_interface(tx: Tx, change: Change) -> None:
    body = change.body
    check_filled(body, "network_id")
    await _gateway(tx, body)
    for name in IPV6:
        if body.get(name):
            raise refuse(name, "gateway interfaces have no IPv6 addresses yet")
    for place, name in enumerate(ADDRESSES):
        if body[name] in [body[other] for other in ADDRESSES[:place]]:
            raise refuse(name, "is the same as another of its addresses")
    subnet = await _subnet(tx, body)
    if body["netmask"] != subnet.prefixlen:
        raise refuse("netmask", f"the mask length of {subnet} is {subnet.prefixlen}")
    for name in ADDRESSES:
        if IPv4Address(body[name]) not in subnet:
            raise refuse(name, f"{body[name]} does not lie in {subnet}, as gw_vipv4 does")


async def _gateway(tx: Tx, body: Body) -> Resource:
    """The gateway that the service type names; it must be one that works."""
    kind = body["service_type"]
    if kind != "vpn":
        raise refuse("service_type", f"this installation has no {kind} gateways; it has vpn")
    check_filled(body, "vpn_gw_id")
    gateway = await found(tx, "vpn_gateway", body["vpn_gw_id"], "vpn_gw_id")
    if gateway["status"] == "ERROR":
        raise Conflict("vpn_gw_id: the gateway is in ERROR; update it to try it again", fields=["vpn_gw_id"])
    return gateway


async def _subnet(tx: Tx, body: Body) -> IPv4Network:
    vip = IPv4Address(body["gw_vipv4"])
    for subnet in await tx.list("subnet", Query(filters={"network_id": [body["network_id"]]})):
        if vip in (network := IPv4Network(subnet["cidr"])) and not subnet.marked_for_deletion:
            return network
    raise refuse("gw_vipv4", f"{vip} lies in no subnet of the network")


async def connect(tx: Tx, change: Change) -> None:
    """A port on the network for each router, and its VLAN on the switch."""
    body = change.body
    gateway = await _gateway(tx, body)
    pair = await found(tx, "ha_interface", gateway["downlink_interface_id"], "vpn_gw_id")
    for side in SIDES:
        member = await found(tx, "er_physical_interface", pair[f"{side}_interface_id"], "vpn_gw_id")
        switch_port = await tx.get(Ref("ese_physical_port", member.get("connected_ese_port_id") or ""))
        if switch_port is None:
            text = f"vpn_gw_id: the gateway's {side} downlink {member['name']} is connected to no ese_physical_port"
            raise Conflict(text, fields=["vpn_gw_id"])
        names = ("gw_vipv4", "primary_ipv4") if side == "primary" else ("secondary_ipv4",)
        port = await tx.create("port", _port(change.id, body, switch_port, gateway, [body[name] for name in names]))
        await logical_ports.make(tx, port.id, switch_port, "gw_interface", gw_interface_id=change.id)


def _port(id: str, body: Body, switch_port: Resource, gateway: Resource, addresses: list[Any]) -> Body:
    return {
        "name": f"Port for : {switch_port.id}",
        "network_id": body["network_id"],
        "tenant_id": body.get("tenant_id"),
        "fixed_ips": [{"ip_address": address} for address in addresses],
        "device_owner": OWNER,
        "device_id": id,
        "segmentation_type": "vlan",
        "segmentation_id": int(gateway["downlink_vlan_id"]),
        "managed_by_service": True,
    }


async def disconnect(tx: Tx, change: Change) -> None:
    for port in await tx.list("port", Query(filters={"device_id": [change.id], "device_owner": [OWNER]})):
        await tx.delete(port.ref)


async def check_route(tx: Tx, change: Change) -> None:
    """A destination stands once on a gateway, and a gateway has so many routes."""
    body = change.body
    gateway = await _gateway(tx, body)
    destination = _destination(body["destination"])
    hop = IPv4Address(body["nexthop"])
    if hop in MULTICAST or hop.is_loopback or hop.is_unspecified or hop.is_reserved:
        raise refuse("nexthop", f"{hop} cannot be a next hop")
    service = await found(tx, "vpn_service", gateway["vpn_service_id"], "vpn_gw_id")
    most = gateway.get("maximum_static_routes")
    most = service["default_static_routes_per_gateway"] if most is None else most
    if await tx.count("static_route", Query(filters={"vpn_gw_id": [gateway.id]})) >= most:
        raise Conflict(f"vpn_gw_id: the gateway may have {most:g} static routes, and has them", fields=["vpn_gw_id"])
    try:
        await tx.allocate(f"route:{gateway.id}", str(destination))
    except Conflict:
        raise Conflict(f"destination: the gateway has a route to {destination}", fields=["destination"]) from None


def _destination(text: str) -> IPv4Network:
    try:
        destination = IPv4Network(text, strict=False)
    except ValueError:
        raise refuse("destination", f"{text!r} is no IPv4 network or address") from None
    if "/" in text and str(destination) != text:
        raise refuse("destination", f"write it as {str(destination)!r}")
    if destination.overlaps(MULTICAST) and destination.prefixlen:
        raise refuse("destination", f"{destination} is multicast")
    return destination
