"""Router pairs, interface pairs, services and QoS options: consistent when they are made, counted while they are sold.

What is free stands in the same row as what there is: `available_gateways` on the router pair, the bandwidths and the
VLAN pool on the interface pair. Gateways change those numbers by `tx.adjust`, which is database-only, as recorded.
"""

from __future__ import annotations

from esi.plugin import Body, Change, Conflict, Query, Ref, Resource, Tx
from esi.services.vpn.checks import check_as_number, check_filled, refuse
from esi.services.vpn.vlans import VlanPool, parse_restricted

SIDES = ("primary", "secondary")


async def found(tx: Tx, schema: str, id: str, path: str) -> Resource:
    """The resource that a property refers to; Invalid naming the property when it is not there."""
    resource = await tx.get(Ref(schema, id))
    if resource is None:
        raise refuse(path, f"there is no {schema} {id!r}")
    return resource


async def check_edge_router(tx: Tx, change: Change) -> None:
    if change.body.get("autonomous_system"):
        check_as_number("autonomous_system", change.body["autonomous_system"])


async def check_router_interface(tx: Tx, change: Change) -> None:
    """A name stands once on a router."""
    body = change.body
    check_filled(body, "device_id")
    same = Query(filters={"device_id": [body["device_id"]], "name": [body["name"]]}, limit=1)
    if await tx.count("er_physical_interface", same):
        raise Conflict(f"name: the router already has an er_physical_interface {body['name']}", fields=["name"])


async def make_router_pair(tx: Tx, change: Change) -> None:
    body = change.body
    check_filled(body, "primary_router_id", "secondary_router_id")
    if body["primary_router_id"] == body["secondary_router_id"]:
        raise refuse("secondary_router_id", "is the same as primary_router_id")
    crossed = {"primary_router_id": [body["secondary_router_id"]], "secondary_router_id": [body["primary_router_id"]]}
    if await tx.count("ha_router", Query(filters=crossed, any_of=True, limit=1)):
        raise Conflict("primary_router_id, secondary_router_id: one of the routers is in another pair already")
    body["available_gateways"] = body["maximum_gateways"]


async def resize_router_pair(tx: Tx, change: Change) -> None:
    _resize(change, "maximum_gateways", "available_gateways")


async def resize_interface_pair(tx: Tx, change: Change) -> None:
    _resize(change, "maximum_ga_bandwidth", "available_ga_bandwidth")
    _resize(change, "maximum_be_bandwidth", "available_be_bandwidth")


def _resize(change: Change, maximum: str, available: str) -> None:
    """What is sold stays sold: the rest grows or shrinks with the maximum, but not below nothing."""
    if change.before is None or not change.changed(maximum):
        return
    sold = change.before[maximum] - change.before[available]
    if change.body[maximum] < sold:
        raise Conflict(f"{maximum}: {sold} are in use already", fields=[maximum])
    change.body[available] = change.body[maximum] - sold


class InterfacePairs:
    """`recorded_quirks` makes fresh VLAN pools as the recorded system made them."""

    def __init__(self, *, recorded_quirks: bool) -> None:
        self._quirks = recorded_quirks

    async def make(self, tx: Tx, change: Change) -> None:
        body = change.body
        check_filled(body, "ha_router_id", "primary_interface_id", "secondary_interface_id")
        pool = VlanPool.of(parse_restricted(body["restricted_vlans"], recorded_quirks=self._quirks))
        router = await found(tx, "ha_router", body["ha_router_id"], "ha_router_id")
        for side in SIDES:
            path = f"{side}_interface_id"
            member = await found(tx, "er_physical_interface", body[path], path)
            if member["device_id"] != router[f"{side}_router_id"]:
                raise refuse(path, f"{member['name']} is not on the {side} router of the ha_router")
        await _check_name(tx, body)
        body["vlan_pool_state"] = pool.encode()
        body["vlan_ids_available"] = pool.available
        body["gateway_instances_count"] = 0
        body["available_ga_bandwidth"] = body["maximum_ga_bandwidth"]
        body["available_be_bandwidth"] = body["maximum_be_bandwidth"]


async def _check_name(tx: Tx, body: Body) -> None:
    """Two downlinks of one name would give two gateways the same routing instance on the router pair."""
    if body["link_type"] != "downlink":
        return
    same = Query(
        filters={"ha_router_id": [body["ha_router_id"]], "name": [body["name"]], "link_type": ["downlink"]}, limit=1
    )
    if await tx.count("ha_interface", same):
        raise Conflict(f"name: the ha_router already has a downlink {body['name']!r}", fields=["name"])


async def keep_used_interface_pair(tx: Tx, change: Change) -> None:
    """A gateway that is still being deleted holds its VLANs on the routers, too."""
    users = {"downlink_interface_id": [change.id], "uplink_interface_id": [change.id]}
    await _refuse_used(tx, Query(filters=users, any_of=True), "ha_interface")


async def keep_used_qos_option(tx: Tx, change: Change) -> None:
    """The bandwidth of a gateway is given back by its QoS option: it must outlive the gateway."""
    await _refuse_used(tx, Query(filters={"qos_option_id": [change.id]}), "qos_option")


async def _refuse_used(tx: Tx, query: Query, schema: str) -> None:
    used_by = await tx.list("vpn_gateway", query)
    if used_by:
        names = ", ".join(sorted(gateway.id for gateway in used_by)[:5])
        raise Conflict(f"the {schema} is used by {len(used_by)} vpn_gateway: {names}")


async def check_vpn_service(tx: Tx, change: Change) -> None:
    for kind in ("downlink", "uplink"):
        name = f"{kind}_interfaces"
        if change.before is not None and not change.changed(name):
            continue
        for index, id in enumerate(change.body[name]):
            path = f"{name}[{index}]"
            pair = await found(tx, "ha_interface", id, path)
            if pair["link_type"] != kind:
                raise refuse(path, f"ha_interface {pair['name'] or id} is an {pair['link_type']}, not a {kind}")


async def make_qos_option(tx: Tx, change: Change) -> None:
    """The policers stand on the router pair that the service's downlinks belong to."""
    body = change.body
    wanted = f"{body['service_type']}_service_id"
    if not body.get(wanted):
        raise refuse(wanted, f"must be given when service_type is {body['service_type']}")
    if body["service_type"] != "vpn":
        raise refuse("service_type", f"this installation has no {body['service_type']} services; it has vpn")
    service = await found(tx, "vpn_service", body["vpn_service_id"], "vpn_service_id")
    pair = await found(tx, "ha_interface", service["downlink_interfaces"][0], "vpn_service_id")
    body["ha_router_id"] = pair["ha_router_id"]
