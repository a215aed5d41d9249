"""A VPN interface occupies its gateway, which carries its id in a version of its own, right after the interface's.

The gateway is free again when the interface is gone from the routers (the physical delete), so that neither the gateway
nor a second interface can overtake what is still being removed.
"""

from __future__ import annotations

from ipaddress import IPv4Interface

from esi.plugin import Change, Conflict, Ref, Resource, Tx
from esi.services.vpn.checks import check_as_number, check_bgp_key, check_filled, check_sides, refuse
from esi.services.vpn.routers import SIDES, found

OCCUPIED = "vpn_gateway:connected"
"""The allocation pool of gateways that have their interface."""


async def check(tx: Tx, change: Change) -> None:
    """What both routers would accept, and what is missing from it."""
    body = change.body
    check_filled(body, "vpn_gw_id")
    remote_as = check_as_number("bgp_remote_as", body["bgp_remote_as"])
    check_bgp_key("bgp_md5", body["bgp_md5"])
    check_sides(body["primary"], body["secondary"])
    for side in SIDES:
        if not body[side].get("bgp_router_id"):
            body[side]["bgp_router_id"] = str(IPv4Interface(body[side]["ip_address"]).ip)
    if body["primary"]["bgp_router_id"] == body["secondary"]["bgp_router_id"]:
        raise refuse("secondary.bgp_router_id", "is the same as primary.bgp_router_id")
    gateway = await found(tx, "vpn_gateway", body["vpn_gw_id"], "vpn_gw_id")
    _check_gateway(gateway)
    if remote_as == int(gateway["local_as_number"]):
        raise refuse("bgp_remote_as", "is the gateway's own AS number; the sessions are external")
    await tx.allocate(OCCUPIED, gateway.id)


async def occupy(tx: Tx, change: Change) -> None:
    await tx.update(Ref("vpn_gateway", change.body["vpn_gw_id"]), {"connected_vpn_interface": change.id})


async def leave(tx: Tx, change: Change) -> None:
    """The row is gone. A gateway that is on its way out itself is left alone."""
    before = change.before
    gateway = await tx.get(Ref("vpn_gateway", before["vpn_gw_id"])) if before is not None else None
    if gateway is not None and gateway["connected_vpn_interface"] == change.id and not gateway.marked_for_deletion:
        await tx.update(gateway.ref, {"connected_vpn_interface": ""})


def _check_gateway(gateway: Resource) -> None:
    connected = gateway["connected_vpn_interface"]
    if connected:
        raise Conflict(f"vpn_gw_id: the gateway already has vpn_interface {connected}", fields=["vpn_gw_id"])
    if gateway.marked_for_deletion:
        raise Conflict("vpn_gw_id: the gateway is being deleted", fields=["vpn_gw_id"])
    if gateway["status"] == "ERROR":
        raise Conflict("vpn_gw_id: the gateway is in ERROR; update it to try it again", fields=["vpn_gw_id"])
