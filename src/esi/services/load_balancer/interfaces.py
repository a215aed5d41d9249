"""An interface is plugged into a network, moved to another, or taken out of it (network_id null).

The parts change in the order in which they are done: a new port, the server's slot, the server, its configuration, the
load balancer, the interface itself. The old port goes when Nova has let it go.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

from esi.plugin import Body, Change, Conflict, Ref, Resource, Tx
from esi.services.load_balancer import slots
from esi.services.load_balancer.asking import found, refuse
from esi.services.load_balancer.balancers import make_slot, mend
from esi.services.load_balancer.plans import PLAN, Offer
from esi.services.load_balancer.slots import MANAGEMENT, USER, Plug, Wish

VIRTUAL = ("virtual_ip_address", "virtual_ip_properties")
PLACE = ("network_id", "ip_address", *VIRTUAL)
PARENT = "load_balancer_id"


class Chain:
    """A load balancer with what stands under its interfaces."""

    def __init__(self, balancer: Resource, instance: Resource, conf: Resource, offer: Offer) -> None:
        self.balancer = balancer
        self.instance = instance
        self.conf = conf
        self.offer = offer

    @property
    def slots(self) -> int:
        return len(self.conf["networks"])


async def _chain(tx: Tx, balancer: Resource) -> Chain:
    plan = await found(tx, "load_balancer_plan", balancer[PLAN], PARENT)
    size = await found(tx, "vnf_plan", plan["vnf_plan_id"], PARENT)
    template = await found(tx, "vnf_template", plan["vnf_template_id"], PARENT)
    return Chain(
        balancer,
        await found(tx, "vnf_instance", balancer["vnf_instance_id"], PARENT),
        await found(tx, "load_balancer_conf", balancer["load_balancer_conf_id"], PARENT),
        Offer(plan, size, template),
    )


async def _plug(tx: Tx, chain: Chain, slot: int, body: Body) -> Plug:
    """A port for a slot where `body` wants it; without a network a dummy."""
    tenant = chain.balancer["tenant_id"]
    if not body.get("network_id"):
        return await slots.dummy(tx, chain.offer.template["dummy_networks"][0], tenant)
    wish = Wish(body["network_id"], body.get("ip_address") or "", pairs_of(body))
    plug = await slots.user(tx, wish, tenant)
    slots.check_apart(slot, plug, chain.conf["networks"])
    check_virtual(body, plug)
    return plug


def pairs_of(body: Body) -> list[Body]:
    """What beside its own address a port may send from: the virtual address, with the MAC of its VRRP group."""
    if not body.get("virtual_ip_address"):
        return []
    group = body["virtual_ip_properties"]["vrid"]
    return [{"ip_address": body["virtual_ip_address"], "mac_address": f"00:00:5e:00:01:{group:02x}"}]


def check_together(body: Body) -> None:
    """What cannot stand without the other."""
    if bool(body.get("virtual_ip_address")) != bool(body.get("virtual_ip_properties")):
        raise refuse("virtual_ip_properties", "stands together with virtual_ip_address or not at all")
    for name in ("ip_address", "virtual_ip_address"):
        if body.get(name) and not body.get("network_id"):
            raise refuse(name, "needs a network_id")


def check_virtual(body: Body, plug: Plug) -> None:
    if not body.get("virtual_ip_address"):
        return
    address, network = IPv4Address(body["virtual_ip_address"]), IPv4Network(plug.subnet["cidr"])
    if address not in network or address in (network.network_address, network.broadcast_address):
        raise refuse("virtual_ip_address", f"{address} is no host's address of {network}")
    if str(address) in (plug.address, plug.subnet["gateway_ip"], plug.subnet["dhcp_server_address"]):
        raise refuse("virtual_ip_address", f"{address} is in use in {network}")


async def add(tx: Tx, change: Change) -> None:
    """Somebody adds an interface: the next slot, if the plan allows it. A new load balancer comes with its own."""
    body = change.body
    if change.cause is not None:
        return
    chain = await _chain(tx, await found(tx, "load_balancer", body[PARENT], PARENT))
    slot, limit = body["slot_number"], chain.offer.size["interface_limit"]
    if chain.slots >= limit:
        raise Conflict(
            f"slot_number: the plan allows {limit} interfaces, and there are as many", fields=["slot_number"]
        )
    if slot != chain.slots:
        raise refuse("slot_number", f"the next slot is {chain.slots}")
    check_together(body)
    plug = await _plug(tx, chain, slot, body)
    body.update(type=USER, tenant_id=chain.balancer["tenant_id"])
    body.setdefault("name", slots.interface_name(slot))
    body["vnf_interface_id"] = (await make_slot(tx, chain.instance, slot, plug)).id
    if plug.kind == USER:
        body["ip_address"] = plug.address
    await slots.replaced(tx, slot, plug, chain.instance, chain.conf)
    await tx.update(chain.balancer.ref, {})


async def change(tx: Tx, change: Change) -> None:
    """Move an interface, or give it another virtual address; else try again what has failed below it."""
    body, before = change.body, change.before
    if before is None:
        return
    if before["type"] == MANAGEMENT and any(change.changed(name) for name in PLACE):
        raise refuse("network_id", "the management interface stays where it is")
    moved = change.changed("network_id")
    for name in PLACE[1:] if moved else ():
        if name not in change.sent:
            body[name] = None
    if not moved and body["network_id"] and not body["ip_address"]:
        body["ip_address"] = before["ip_address"]
    check_together(body)
    chain = await _chain(tx, await found(tx, "load_balancer", body[PARENT], PARENT))
    if moved or change.changed("ip_address"):
        await _move(tx, chain, before, body)
    elif any(change.changed(name) for name in VIRTUAL):
        await _take_over(tx, body)
    elif change.cause is None:
        await mend(tx, chain.balancer, {})
        if chain.balancer.state_error:
            await tx.update(chain.balancer.ref, {})


async def _move(tx: Tx, chain: Chain, before: Resource, body: Body) -> None:
    slot = before["slot_number"]
    plug = await _plug(tx, chain, slot, body)
    body["ip_address"] = plug.address if plug.kind == USER else None
    side = await found(tx, "vnf_interface", before["vnf_interface_id"], "vnf_interface_id")
    await tx.update(side.ref, {**_place(body), "port_id": plug.port.id, "status": "PENDING_UPDATE"})
    await slots.replaced(tx, slot, plug, chain.instance, chain.conf)
    await slots.let_go(tx, side["port_id"], chain.instance)
    await tx.update(chain.balancer.ref, {})


async def _take_over(tx: Tx, body: Body) -> None:
    """Another virtual address concerns the port alone."""
    side = await found(tx, "vnf_interface", body["vnf_interface_id"], "vnf_interface_id")
    port = await found(tx, "port", side["port_id"], "network_id")
    subnet = await found(tx, "subnet", port["fixed_ips"][0]["subnet_id"], "network_id")
    check_virtual(body, Plug(port, subnet, USER))
    await tx.update(port.ref, {"allowed_address_pairs": pairs_of(body)})
    await tx.update(side.ref, _place(body))


def _place(body: Body) -> dict[str, Any]:
    return {name: body[name] for name in PLACE}


async def keep_order(tx: Tx, change: Change) -> None:
    """Only the last of the interfaces that were added can go before the load balancer does."""
    balancer = await _standing(tx, change)
    if balancer is None:
        return
    chain = await _chain(tx, balancer)
    first, slot = chain.offer.size["default_interface_number"], change.body["slot_number"]
    if slot < first or slot != chain.slots - 1:
        text = f"{slots.interface_name(slot)} cannot be deleted: only the last one, from slot {first} on"
        raise Conflict(f"{text}; set network_id to null to take it out of its network")


async def take_out(tx: Tx, change: Change) -> None:
    """An interface that was added is on its way out: its slot goes from server and configuration."""
    balancer = await _standing(tx, change)
    if balancer is None or change.before is None or change.before.marked_for_deletion:
        return
    chain = await _chain(tx, balancer)
    side = await found(tx, "vnf_interface", change.body["vnf_interface_id"], "vnf_interface_id")
    await slots.replaced(tx, change.body["slot_number"], None, chain.instance, chain.conf)
    await slots.let_go(tx, side["port_id"], chain.instance)
    await tx.delete(side.ref)
    await tx.update(balancer.ref, {})


async def _standing(tx: Tx, change: Change) -> Resource | None:
    """The load balancer of an interface that somebody deletes; None when it goes with all the rest."""
    if change.cause is not None:
        return None
    balancer = await tx.get(Ref("load_balancer", change.body[PARENT]))
    return None if balancer is None or balancer.marked_for_deletion else balancer
