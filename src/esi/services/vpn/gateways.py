"""A VPN gateway takes a place on two routers, and gives everything back when it is gone from them.

Create: a place is chosen, the VLANs are allocated (unique in the transaction, whoever races), the names follow, and the
counters of both interface pairs and of the router pair move. They move back at the physical delete, not before: until
then the routers still hold the gateway's units, and a VLAN sold twice would be refused there.
"""

from __future__ import annotations

from typing import Any

from esi.plugin import Body, Change, Conflict, Ref, Resource, Tx
from esi.services.vpn.checks import check_as_number, check_filled, check_vlan, refuse
from esi.services.vpn.placement import COUNTERS, Place, Wish, choose
from esi.services.vpn.routers import SIDES, found
from esi.services.vpn.vlans import VlanPool


def vlan_pool(ha_interface_id: str) -> str:
    """The name of the allocation pool that the VLANs of an interface pair come from."""
    return f"vlan:{ha_interface_id}"


async def place(tx: Tx, change: Change) -> None:
    """Find and take everything that a new gateway needs, and compute its names."""
    body = change.body
    check_filled(body, "vpn_service_id", "qos_option_id")
    check_as_number("local_as_number", body["local_as_number"])
    uplink_vlan = check_vlan("uplink_vlan_id", body["uplink_vlan_id"])
    given = body.get("downlink_vlan_id")
    downlink_vlan = check_vlan("downlink_vlan_id", given) if given is not None else None
    service = await found(tx, "vpn_service", body["vpn_service_id"], "vpn_service_id")
    qos = await _qos_option(tx, body)
    wish = Wish(
        bandwidth=int(qos["bandwidth"]),
        qos_type=qos["qos_type"],
        ha_router_id=qos.get("ha_router_id") or "",
        downlink_vlan=downlink_vlan,
        uplink_vlan=uplink_vlan,
        uplink_id=body.get("uplink_interface_id") or "",
    )
    chosen = await _choose(tx, wish, service)
    await _take_downlink(tx, body, chosen.downlink, wish)
    await _take_uplink(tx, body, chosen.uplink, uplink_vlan)
    router = await found(tx, "ha_router", chosen.downlink["ha_router_id"], "vpn_service_id")
    await tx.adjust(router.ref, {"available_gateways": router["available_gateways"] - 1})
    if body.get("maximum_static_routes") is None:
        body["maximum_static_routes"] = service["default_static_routes_per_gateway"]


async def _qos_option(tx: Tx, body: Body) -> Resource:
    qos = await found(tx, "qos_option", body["qos_option_id"], "qos_option_id")
    if qos.get("vpn_service_id") != body["vpn_service_id"]:
        raise refuse("qos_option_id", "is not an option of the vpn_service")
    return qos


async def _choose(tx: Tx, wish: Wish, service: Resource) -> Place:
    if wish.uplink_id and wish.uplink_id not in service["uplink_interfaces"]:
        raise refuse("uplink_interface_id", "is none of the vpn_service's uplink_interfaces")
    downlinks = await _all(tx, "ha_interface", service["downlink_interfaces"])
    uplinks = await _all(tx, "ha_interface", [wish.uplink_id] if wish.uplink_id else service["uplink_interfaces"])
    routers = await _all(tx, "ha_router", dict.fromkeys(item["ha_router_id"] for item in downlinks))
    return choose(wish, downlinks, uplinks, {router.id: router for router in routers})


async def _all(tx: Tx, schema: str, ids: Any) -> list[Resource]:
    resources = [await tx.get(Ref(schema, id)) for id in ids]
    return [resource for resource in resources if resource is not None]


async def _take_downlink(tx: Tx, body: Body, pair: Resource, wish: Wish) -> None:
    pool = VlanPool.decode(pair["vlan_pool_state"])
    number = next(pool.free()) if wish.downlink_vlan is None else wish.downlink_vlan
    await tx.allocate(vlan_pool(pair.id), number)
    pool.take(number)
    vlan = str(number)
    counter = COUNTERS[wish.qos_type]
    await tx.adjust(
        pair.ref,
        {
            **_pool_state(pool),
            counter: pair[counter] - wish.bandwidth,
            "gateway_instances_count": pair["gateway_instances_count"] + 1,
        },
    )
    body["downlink_interface_id"] = pair.id
    body["downlink_vlan_id"] = vlan
    body["vrf_name"] = f"vrf_gw_{pair['name']}_{vlan}"
    await _name_units(tx, body, "downlink", pair, vlan)


async def _take_uplink(tx: Tx, body: Body, pair: Resource, vlan: int) -> None:
    pool = VlanPool.decode(pair["vlan_pool_state"])
    await tx.allocate(vlan_pool(pair.id), vlan)
    pool.take(vlan)
    await tx.adjust(pair.ref, _pool_state(pool))
    body["uplink_interface_id"] = pair.id
    await _name_units(tx, body, "uplink", pair, str(vlan))


async def _name_units(tx: Tx, body: Body, link: str, pair: Resource, vlan: str) -> None:
    for side in SIDES:
        member = await found(tx, "er_physical_interface", pair[f"{side}_interface_id"], "vpn_service_id")
        body[f"{side}_logical_{link}_interface_name"] = f"{member['name']}.{vlan}"


def _pool_state(pool: VlanPool) -> Body:
    return {"vlan_pool_state": pool.encode(), "vlan_ids_available": pool.available}


async def change_qos(tx: Tx, change: Change) -> None:
    """Another QoS option: its policers must stand on the same routers, and the bandwidth moves from old to new."""
    if change.before is None or not change.changed("qos_option_id"):
        return
    check_filled(change.body, "qos_option_id")
    new = await _qos_option(tx, change.body)
    pair = await found(tx, "ha_interface", change.body["downlink_interface_id"], "downlink_interface_id")
    if new.get("ha_router_id") != pair["ha_router_id"]:
        raise refuse("qos_option_id", "is not on the gateway's router pair")
    old = await found(tx, "qos_option", change.before["qos_option_id"], "qos_option_id")
    counters = {name: pair.get(name) or 0 for name in COUNTERS.values()}
    counters[COUNTERS[old["qos_type"]]] += int(old["bandwidth"])
    counter, wanted = COUNTERS[new["qos_type"]], int(new["bandwidth"])
    if counters[counter] < wanted:
        left = counters[counter]
        raise Conflict(f"qos_option_id: {left} Mbps of {new['qos_type']} are left on the downlink, {wanted} are wanted")
    counters[counter] -= wanted
    await tx.adjust(pair.ref, counters)


async def keep_connected(tx: Tx, change: Change) -> None:
    connected = change.before["connected_vpn_interface"] if change.before is not None else ""
    if connected:
        raise Conflict(f"connected_vpn_interface: vpn_interface {connected} is still there; delete it first")


async def give_back(tx: Tx, change: Change) -> None:
    """Exactly what was taken. The allocations themselves end with the row."""
    if change.before is None:
        return
    gateway = change.before.body
    downlink = await tx.get(Ref("ha_interface", gateway["downlink_interface_id"]))
    if downlink is not None:
        qos = await tx.get(Ref("qos_option", gateway["qos_option_id"]))
        returned = _returned(downlink, gateway["downlink_vlan_id"])
        returned["gateway_instances_count"] = downlink["gateway_instances_count"] - 1
        if qos is not None:
            counter = COUNTERS[qos["qos_type"]]
            returned[counter] = downlink[counter] + int(qos["bandwidth"])
        await tx.adjust(downlink.ref, returned)
        router = await tx.get(Ref("ha_router", downlink["ha_router_id"]))
        if router is not None:
            await tx.adjust(router.ref, {"available_gateways": router["available_gateways"] + 1})
    uplink = await tx.get(Ref("ha_interface", gateway["uplink_interface_id"]))
    if uplink is not None:
        await tx.adjust(uplink.ref, _returned(uplink, gateway["uplink_vlan_id"]))


def _returned(pair: Resource, vlan: str) -> Body:
    pool = VlanPool.decode(pair["vlan_pool_state"])
    pool.give_back(int(vlan))
    return _pool_state(pool)
