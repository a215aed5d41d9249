"""One POST makes all that a load balancer is made of, in one transaction, each before what refers to it:

    ports of the slots → instance → its interfaces → internet port → configuration → load balancer → its interfaces

Instance and configuration are changed through the load balancer; a change of it carries along what has failed below it.
A delete marks everything in the opposite order; the ports go when the server is gone (instances.py).
"""

from __future__ import annotations

import secrets
import string
from typing import Any

from esi.plugin import Body, Change, Ref, Resource, Tx
from esi.services.load_balancer import slots
from esi.services.load_balancer.asking import found, of, refuse
from esi.services.load_balancer.plans import PLAN, Offer, check_same_appliance, sold
from esi.services.load_balancer.slots import MANAGEMENT, USER, Plug

PASSWORD_CHARACTERS = 12
ALPHABET = string.ascii_letters + string.digits
USERS = ("admin", "user", "other")
COPIED = (PLAN, "default_gateway", *(f"{user}_password" for user in USERS), "other_username")
"""What the configuration holds as the load balancer does."""
REFERRING = ("load_balancer_interface", "load_balancer_syslog_server")
SHOWN = (
    "id", "ip_address", "name", "network_id", "operational_state", "orchestration_state", "slot_number", "status",
    "type", "virtual_ip_address", "virtual_ip_properties", "vnf_interface_id",
)  # fmt: skip
"""What a shown load balancer tells of its interfaces."""


def new_password() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(PASSWORD_CHARACTERS))


async def make(tx: Tx, change: Change) -> None:
    """All that stands before the load balancer itself."""
    body, tenant = change.body, change.body["tenant_id"]
    offer = await sold(tx, body[PLAN], tenant)
    check_other_user(body, offer.template)
    plugs = [await slots.management(tx, offer.template["management_networks"][0], tenant)]
    for _slot in range(1, offer.size["default_interface_number"]):
        plugs.append(await slots.dummy(tx, offer.template["dummy_networks"][0], tenant))
    slots.check_gateway(body.get("default_gateway"), [plug.entry for plug in plugs])
    instance = await _make_instance(tx, change, offer, plugs)
    for slot, plug in enumerate(plugs):
        await make_slot(tx, instance, slot, plug)
    internet = await slots.address_only(tx, plugs[0].port["network_id"], tenant, "internet_port")
    body["admin_password"], body["user_password"] = new_password(), new_password()
    body["vnf_instance_id"], body["internet_port_id"] = instance.id, internet.port.id
    conf = await tx.create(
        "load_balancer_conf",
        {
            **{name: body[name] for name in COPIED if name in body},
            "tenant_id": tenant,
            "vnf_instance_id": instance.id,
            "management_gateway": plugs[0].subnet["gateway_ip"] or "",
            "networks": [plug.entry for plug in plugs],
            "internet_port": {"ip_address": internet.address, "mask": internet.mask},
        },
    )
    body["load_balancer_conf_id"] = conf.id


async def _make_instance(tx: Tx, change: Change, offer: Offer, plugs: list[Plug]) -> Resource:
    tenant, first = change.body["tenant_id"], plugs[0]
    told = (first.subnet["gateway_ip"] or "", first.address, first.mask) if offer.template["user_data_template"] else ""
    names = ("management_gateway", "management_ip", "management_mask")
    body: Body = {
        "name": f"load_balancer-{change.id}",
        "tenant_id": tenant,
        "owner_tenant_id": tenant,
        "vnf_plan_id": offer.size.id,
        "vnf_template_id": offer.template.id,
        "management_ip": first.address,
        "networks": [{"port": plug.port.id} for plug in plugs],
        "user_data_parameters": dict(zip(names, told or ("", "", ""), strict=True)),
    }
    if "availability_zone" in change.body:
        body["availability_zone"] = change.body["availability_zone"]
    return await tx.create("vnf_instance", body)


async def make_slot(tx: Tx, instance: Resource, slot: int, plug: Plug) -> Resource:
    """The server's side of a slot."""
    body: Body = {
        "name": f"interface-{slot}",
        "tenant_id": instance["tenant_id"],
        "vnf_instance_id": instance.id,
        "slot_number": slot,
        "type": USER if slot else MANAGEMENT,
        "network_id": None,
        "port_id": plug.port.id,
    }
    if plug.kind == USER:
        body |= {"network_id": plug.port["network_id"], "ip_address": plug.address}
    return await tx.create("vnf_interface", body)


async def equip(tx: Tx, change: Change) -> None:
    """The interfaces of a new load balancer, the management interface last."""
    sides = await of(tx, "vnf_interface", vnf_instance_id=change.body["vnf_instance_id"])
    for side in sorted(sides, key=lambda side: side["slot_number"] or len(sides)):
        slot = side["slot_number"]
        body: Body = {
            "name": slots.interface_name(slot),
            "tenant_id": change.body["tenant_id"],
            "load_balancer_id": change.id,
            "slot_number": slot,
            "type": side["type"],
            "vnf_interface_id": side.id,
        }
        if side["network_id"]:
            body |= {"network_id": side["network_id"], "ip_address": side["ip_address"]}
        await tx.create("load_balancer_interface", body)


def check_other_user(body: Body, template: Resource) -> None:
    """A third user has a name of its own and a password, or neither."""
    name = body.get("other_username") or ""
    if bool(name) != bool(body.get("other_password")):
        raise refuse("other_username", "other_username and other_password stand together or not at all")
    if name in (body.get("admin_username"), body.get("user_username"), template["credentials"]["username"]):
        raise refuse("other_username", f"{name!r} is another user's name already")


async def change(tx: Tx, change: Change) -> None:
    """What the configuration must hold, too, and another try for what has failed below."""
    before = change.before
    if before is None or change.cause is not None:
        return
    copied = {name: change.body[name] for name in COPIED if change.changed(name)}
    conf = await found(tx, "load_balancer_conf", before["load_balancer_conf_id"], "load_balancer_conf_id")
    if change.changed(PLAN):
        await check_same_appliance(tx, before[PLAN], await sold(tx, change.body[PLAN], before["tenant_id"]))
    if copied.keys() & {"other_username", "other_password"}:
        plan = await found(tx, "load_balancer_plan", change.body[PLAN], PLAN)
        check_other_user(change.body, await found(tx, "vnf_template", plan["vnf_template_id"], PLAN))
    for user in ("admin", "user"):
        if not change.body[f"{user}_password"]:
            raise refuse(f"{user}_password", "must not be empty")
    slots.check_gateway(copied.get("default_gateway"), conf["networks"])
    await mend(tx, before, copied)


async def mend(tx: Tx, balancer: Resource, changes: Body) -> None:
    """Another try for what has failed below a load balancer; its configuration gets `changes`."""
    instance = await tx.get(Ref("vnf_instance", balancer["vnf_instance_id"]))
    ports = [Ref("port", item["port"]) for item in instance["networks"]] if instance is not None else []
    for row in [*[await tx.get(ref) for ref in ports], instance]:
        if row is not None and row.state_error:
            await tx.update(row.ref, {})
    conf = await tx.get(Ref("load_balancer_conf", balancer["load_balancer_conf_id"]))
    if conf is not None and (changes or conf.state_error):
        await tx.update(conf.ref, changes)


async def follow(tx: Tx, change: Change) -> None:
    """Another try for what refers to a load balancer, once that is tried again itself."""
    if change.cause is not None:
        return
    for schema in REFERRING:
        for row in await of(tx, schema, load_balancer_id=change.id):
            if row.state_error and not row.marked_for_deletion:
                await tx.update(row.ref, {})


async def take_down(tx: Tx, change: Change) -> None:
    """Who refers to the load balancer goes before it."""
    for schema in REFERRING:
        for row in await of(tx, schema, load_balancer_id=change.id):
            await tx.delete(row.ref)


async def take_down_rest(tx: Tx, change: Change) -> None:
    """What the load balancer refers to goes after it. The internet port is the configuration's from now on: its address
    must not be given to another while the appliance has it.
    """
    body = change.body
    conf, instance = (
        Ref("load_balancer_conf", body["load_balancer_conf_id"]),
        Ref("vnf_instance", body["vnf_instance_id"]),
    )
    if await tx.get(conf) is not None:
        await tx.adjust(Ref("port", body["internet_port_id"]), {"device_id": conf.id})
        await tx.delete(conf)
    for side in await of(tx, "vnf_interface", vnf_instance_id=instance.id):
        await tx.delete(side.ref)
    if await tx.get(instance) is not None:
        await tx.delete(instance)


async def show(tx: Tx, change: Change) -> None:
    """Its interfaces by slot, and its syslog servers."""
    if "interfaces" in change.body:
        rows = await of(tx, "load_balancer_interface", load_balancer_id=change.id)
        rows.sort(key=lambda row: row["slot_number"])
        change.body["interfaces"] = [{name: row[name] for name in SHOWN} for row in rows]
    if "syslog_servers" in change.body:
        servers = await of(tx, "load_balancer_syslog_server", load_balancer_id=change.id)
        change.body["syslog_servers"] = [server.body for server in servers] or None


async def reboot(tx: Tx, change: Change) -> None:
    await tx.update(Ref("vnf_instance", change.body["vnf_instance_id"]), {"reboot": change.sent["type"]})


async def reset_password(tx: Tx, change: Change) -> None:
    """The new password is told here and never again."""
    body, sent = change.body, change.sent
    user = next((user for user in USERS if body[f"{user}_username"] == sent["username"]), None)
    if user is None:
        known = ", ".join(filter(None, (body[f"{user}_username"] for user in USERS)))
        raise refuse("username", f"is no user of the load balancer; it has {known}")
    password: Any = sent.get("password") or new_password()
    changed = {f"{user}_password": password}
    await tx.update(Ref("load_balancer_conf", body["load_balancer_conf_id"]), changed)
    await tx.update(change.ref, changed)
    change.response = {"username": sent["username"], "new_password": password}
