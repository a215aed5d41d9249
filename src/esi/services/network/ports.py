"""A port: what it takes when it is made, how it comes to be attached, and what a delete means.

By `device_owner`:

    ""                        nobody's yet
    compute:*                 of a server; attached when its stack is done, which Nova is told (`network-vif-plugged`)
    physical_port             of a machine on a switch: it has an ese_logical_port, and is attached when that is done
    network:gw_interface      of a gateway, likewise; made by the gateway interface, which makes the logical port, too
    network:dhcp              stands for a subnet's DHCP server
    network:empty             an address, and nothing else

`fake_delete`: a DELETE (Nova's, when a server lets go) only detaches.
"""

from __future__ import annotations

from esi.plugin import Body, Change, Conflict, Ref, Resource, Tx
from esi.services.network import logical_ports
from esi.services.network.addresses import refuse
from esi.services.network.placing import give_back, parse_mac, take_addresses, take_mac
from esi.services.network.subnets import DHCP

BARE_METAL, COMPUTE = "physical_port", "compute"
NETWORK, EMPTY, GATEWAY = "network:", "network:empty", "network:gw_interface"
PLUGGED, UNPLUGGED = "network-vif-plugged", "network-vif-unplugged"


async def make(tx: Tx, change: Change) -> None:
    body = change.body
    owner = body.get("device_owner") or ""
    if change.cause is None and owner.startswith(NETWORK) and owner != EMPTY:
        raise refuse("device_owner", f"{owner} is for ports that the system makes itself")
    if owner == BARE_METAL:
        await logical_ports.check_segment(tx, body)
    _check_pairs(body)
    if owner == DHCP:  # shows what its subnet has taken, and is as good as that
        body.update(status="ACTIVE", orchestration_state="NO_STATE", operational_state="")
        return
    body["mac_address"] = await take_mac(tx, body["network_id"], body.get("mac_address"))
    gateway = owner == GATEWAY
    body["fixed_ips"] = await take_addresses(tx, body["network_id"], body.get("fixed_ips"), gateway=gateway)


async def made(tx: Tx, change: Change) -> None:
    if change.body.get("device_owner") == BARE_METAL:
        switch_port = await logical_ports.check_segment(tx, change.body)
        await logical_ports.make(tx, change.id, switch_port, "port")


def _check_pairs(body: Body) -> None:
    for place, pair in enumerate(body["allowed_address_pairs"]):
        if pair.get("mac_address"):
            parse_mac(f"allowed_address_pairs[{place}].mac_address", pair["mac_address"])


async def change_port(tx: Tx, change: Change) -> None:
    body, before = change.body, change.before
    if before is None:
        return
    _check_pairs(body)
    if change.cause is None:
        _check_owner(change, before)
    if (change.changed("device_owner") or change.changed("device_id")) and not change.changed("attached"):
        body["attached"] = False
    if change.changed("fixed_ips"):
        old, wanted = before["fixed_ips"] or [], body["fixed_ips"] or []
        await give_back(tx, [item for item in old if item not in wanted])
        taken = iter(await take_addresses(tx, body["network_id"], [item for item in wanted if item not in old]))
        body["fixed_ips"] = [item if item in old else next(taken) for item in wanted]


def _check_owner(change: Change, before: Resource) -> None:
    """Who holds a port on a switch, or one of the system's own, stays; the others take their turns."""
    for name in ("device_owner", "device_id", "segmentation_id", "segmentation_type"):
        if change.changed(name) and (before["ese_logical_port_id"] or before["device_owner"] == DHCP):
            raise Conflict(f"{name}: stays as it is while the port is {before['device_owner']}", fields=[name])
    if change.changed("fixed_ips") and (before["managed_by_service"] or before["device_owner"] == DHCP):
        raise Conflict(f"fixed_ips: are {before['device_owner']}'s business", fields=["fixed_ips"])
    owner = change.body.get("device_owner") or ""
    if change.changed("device_owner") and (owner == BARE_METAL or (owner.startswith(NETWORK) and owner != EMPTY)):
        raise refuse("device_owner", f"a port is {owner} from the beginning, or never")


async def attach(tx: Tx, change: Change) -> None:
    """The port of a server is done: it is attached in a version of its own, and Nova may go on."""
    body = change.body
    if not _of_server(body) or body["attached"] or body["orchestration_state"] not in logical_ports.COMPLETE:
        return
    await tx.update(change.ref, {"attached": True, "orchestration_state": "UPDATE_IN_PROGRESS"})
    tell_server(tx, change.id, body, PLUGGED)


def _of_server(body: Body) -> bool:
    return (body.get("device_owner") or "").partition(":")[0] == COMPUTE


def tell_server(tx: Tx, port_id: str, body: Body, event: str) -> None:
    """Nova waits for the word of its network service."""
    tx.effect("server_event", {"name": event, "server_uuid": body["device_id"], "tag": port_id})


async def detach(tx: Tx, change: Change) -> None:
    """A delete of a port that its service keeps: only the server lets go."""
    before = change.before
    if before is not None and before["fake_delete"] and not before.marked_for_deletion:
        change.stays = True
        await tx.update(change.ref, {"device_id": "", "device_owner": "", "attached": False})


async def check_delete(tx: Tx, change: Change) -> None:
    """What a service has made, that service removes. The logical port goes first."""
    before = change.before
    if before is None:
        return
    if change.cause is None and (before["managed_by_service"] or before["device_owner"] == DHCP):
        text = f"the port belongs to {before['device_owner']} {before['device_id']}; delete that"
        raise Conflict(text, fields=["managed_by_service"])
    logical = Ref("ese_logical_port", before["ese_logical_port_id"] or "")
    if await tx.get(logical) is not None:
        await tx.adjust(change.ref, {"ese_logical_port_id": None})
        await tx.delete(logical)


async def gone(tx: Tx, change: Change) -> None:
    if change.before is not None and _of_server(change.before.body):
        tell_server(tx, change.id, change.before.body, UNPLUGGED)
