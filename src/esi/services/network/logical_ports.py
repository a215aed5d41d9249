"""The VLAN of a port on a switch: a port that ends on one has an ese_logical_port, made and removed with it.

When the switch has it (its stack is complete), the port becomes `attached`, in a version of its own.
"""

from __future__ import annotations

from esi.plugin import Body, Change, Conflict, Query, Ref, Resource, Tx
from esi.services.network.addresses import refuse

COMPLETE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


async def check_segment(tx: Tx, body: Body) -> Resource:
    """The switch port of a bare metal port, whose VLAN must be one that its physical port may use."""
    physical = await tx.get(Ref("physical_port", body.get("device_id") or ""))
    if physical is None:
        raise refuse("device_id", "there is no physical_port with this id")
    vlan = _vlan(body)
    ranges = physical["segmentation_ranges"]
    if not any(item["start"] <= vlan <= item["end"] for item in ranges):
        told = ", ".join(f"{item['start']} to {item['end']}" for item in ranges) or "none"
        raise refuse("segmentation_id", f"{vlan} is not allowed on the physical_port: it may use {told}")
    found = await tx.list("ese_physical_port", Query(filters={"connected_port_id": [physical.id]}))
    usable = [port for port in found if not port.marked_for_deletion]
    if not usable:
        raise Conflict("device_id: no ese_physical_port is connected to the physical_port", fields=["device_id"])
    return usable[0]


def _vlan(body: Body) -> int:
    vlan = body.get("segmentation_id")
    if body.get("segmentation_type") != "vlan" or not isinstance(vlan, int):
        raise refuse("segmentation_type", "must be vlan, with a segmentation_id")
    return vlan


async def make(tx: Tx, port_id: str, switch_port: Resource, connected: str, **more: str) -> None:
    """Make the logical port of a port on a switch port; `connected` says what the port is for."""
    port = await tx.get(Ref("port", port_id))
    if port is None:
        raise refuse("port_ids", f"there is no port {port_id}")
    body: Body = {
        "name": f"{switch_port['name']}.{port['segmentation_id']}",
        "description": f"ESE Logical port for Port {port_id}",
        "tenant_id": port["tenant_id"],
        "network_id": port["network_id"],
        "port_ids": [port_id],
        "type": "L2",
        "vlan_id": port["segmentation_id"],
        "connected_resource": connected,
        "ese_physical_port_id": switch_port.id,
        **more,
    }
    made = await tx.create("ese_logical_port", body)
    await tx.adjust(port.ref, {"ese_logical_port_id": made.id})


async def take_vlan(tx: Tx, change: Change) -> None:
    """A VLAN stands once on a switch port."""
    vlan = change.body["vlan_id"]
    try:
        await tx.allocate(f"vlan:{change.body['ese_physical_port_id']}", vlan)
    except Conflict:
        text = f"segmentation_id: VLAN {vlan} is in use on the ese_physical_port"
        raise Conflict(text, fields=["segmentation_id"]) from None


async def attach(tx: Tx, change: Change) -> None:
    """The switch has it: its ports are attached now."""
    if change.body.get("orchestration_state") not in COMPLETE:
        return
    for port_id in change.body["port_ids"] or ():
        port = await tx.get(Ref("port", port_id))
        if port is not None and not port["attached"] and not port.marked_for_deletion:
            await tx.update(port.ref, {"attached": True, "orchestration_state": "UPDATE_IN_PROGRESS"})
