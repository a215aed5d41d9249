"""Slots: the port that is plugged into one, and what instance and configuration hold of it at the slot's place.

A slot without a network stands in the template's dummy network, so that the guest's interfaces keep their order. A port
that is taken out of its slot is deleted when Nova has let it go (`fake_delete` cleared); one that Nova may never have
seen carries a note and goes as soon as its server has been brought up to date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from esi.plugin import Body, Conflict, Invalid, Ref, Resource, Tx
from esi.services.load_balancer.asking import found, of, refuse

MANAGEMENT, USER, DUMMY = "management", "user", "dummy"
EMPTY = "network:empty"


@dataclass(frozen=True, slots=True)
class Plug:
    """A port of a slot, and the subnet that it stands in. `kind` as in a configuration: user or dummy."""

    port: Resource
    subnet: Resource
    kind: str

    @property
    def address(self) -> str:
        return str(self.port["fixed_ips"][0]["ip_address"])

    @property
    def mask(self) -> str:
        return str(IPv4Network(self.subnet["cidr"]).netmask)

    @property
    def entry(self) -> Body:
        """What stands in a configuration's networks."""
        return {"type": self.kind, "cidr": self.subnet["cidr"], "ip_address": self.address}


@dataclass(frozen=True, slots=True)
class Wish:
    """Where a slot shall stand: in a network, at an address ("" for any), beside a virtual address."""

    network_id: str
    address: str = ""
    pairs: Sequence[Body] = ()


def interface_name(slot: int) -> str:
    """The appliance's own name of a slot, as it is shown."""
    return f"Interface 1/{slot}" if slot else "Interface 0/1"


async def management(tx: Tx, network_id: str, tenant: str) -> Plug:
    body = {"name": "load_balancer-management-port", "admin_state_up": True, "fake_delete": True}
    return await _plug(tx, Wish(network_id), {**body, "tenant_id": tenant}, USER)


async def dummy(tx: Tx, network_id: str, tenant: str) -> Plug:
    body = {"name": "load_balancer-user-port", "admin_state_up": False, "fake_delete": True}
    return await _plug(tx, Wish(network_id), {**body, "tenant_id": tenant}, DUMMY)


async def user(tx: Tx, wish: Wish, tenant: str) -> Plug:
    body = {"name": "load_balancer-user-port", "admin_state_up": True, "fake_delete": True}
    return await _plug(tx, wish, {**body, "tenant_id": tenant}, USER)


async def address_only(tx: Tx, network_id: str, tenant: str, name: str) -> Plug:
    """An address that the appliance uses beside those of its slots: a port that is never plugged in."""
    return await _plug(tx, Wish(network_id), {"name": name, "tenant_id": tenant, "device_owner": EMPTY}, USER)


async def _plug(tx: Tx, wish: Wish, body: Body, kind: str) -> Plug:
    wanted: Body = {**body, "network_id": wish.network_id}
    if wish.address:
        wanted["fixed_ips"] = [{"ip_address": wish.address}]
    if wish.pairs:
        wanted["allowed_address_pairs"] = list(wish.pairs)
    try:
        port = await tx.create("port", wanted)
    except Invalid as error:
        raise Invalid(
            "the request cannot be accepted", [(_field(path), text) for path, text in error.errors]
        ) from error
    except Conflict as error:
        path, _, text = str(error).partition(": ")
        raise Conflict(f"{_field(path)}: {text} (network {wish.network_id})", fields=[_field(path)]) from error
    if not port["fixed_ips"]:
        raise refuse("network_id", f"network {wish.network_id} has no subnet; make one first")
    return Plug(port, await found(tx, "subnet", port["fixed_ips"][0]["subnet_id"], "network_id"), kind)


def _field(path: str) -> str:
    """Where a port's complaint about its addresses stands in what the user has sent."""
    if not path.startswith("fixed_ips"):
        return path
    return "ip_address" if path.endswith("ip_address") else "network_id"


async def replaced(tx: Tx, slot: int, plug: Plug | None, instance: Resource, conf: Resource) -> None:
    """Put `plug` at the place of a slot, behind the last one, or take the last one off (None)."""
    ports, networks = list(instance["networks"]), list(conf["networks"])
    for items, item in ((ports, plug and {"port": plug.port.id}), (networks, plug and plug.entry)):
        items[slot : slot + 1] = [item] if item is not None else []
    check_gateway(conf["default_gateway"], networks)
    await tx.update(instance.ref, {"networks": ports})
    await tx.update(conf.ref, {"networks": networks})


async def let_go(tx: Tx, port_id: str, instance: Resource) -> None:
    """A port is out of its slot. Whether its server has ever seen it is known only of one that is up to date."""
    change: Body = {"fake_delete": False}
    if instance.state_version != instance.config_version or instance.state_error:
        change["description"] = left_by(instance.id)
    await tx.adjust(Ref("port", port_id), change)


def left_by(instance_id: str) -> str:
    return f"left by vnf_instance {instance_id}"


async def delete_port(tx: Tx, port: Resource | None) -> None:
    """Delete a port for good, whoever still holds it."""
    if port is not None:
        await tx.adjust(port.ref, {"fake_delete": False})
        await tx.delete(port.ref)


async def delete_left(tx: Tx, instance: Resource, *, unused: bool) -> None:
    """Ports that the server has left: all, or those that are not plugged in."""
    for port in await of(tx, "port", tenant_id=instance["tenant_id"], description=left_by(instance.id)):
        if not (unused and port["device_id"]):
            await delete_port(tx, port)


def check_gateway(gateway: str | None, networks: Sequence[Body]) -> None:
    """The default gateway must lie in a network that the appliance has an address in."""
    if not gateway:
        return
    for item in networks:
        if item["type"] == USER and IPv4Address(gateway) in IPv4Network(item["cidr"]):
            if gateway == item["ip_address"]:
                raise refuse("default_gateway", "is the load balancer's own address")
            return
    raise Conflict(
        f"default_gateway: {gateway} lies in no network of an interface; set network and gateway in this order, "
        "clear them the other way round",
        fields=["default_gateway"],
    )


def check_apart(slot: int, plug: Plug, networks: Sequence[Any]) -> None:
    """An appliance cannot stand in two networks that overlap."""
    wanted = IPv4Network(plug.subnet["cidr"])
    for other, item in enumerate(networks):
        if other != slot and item["type"] == USER and wanted.overlaps(IPv4Network(item["cidr"])):
            text = f"network_id: {wanted} overlaps {item['cidr']} of {interface_name(other)}"
            raise Conflict(text, fields=["network_id"])
