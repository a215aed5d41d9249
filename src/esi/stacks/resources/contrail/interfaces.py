"""A port of a network, and the addresses that it has there."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_interface
from typing import Any, ClassVar

from esi.drivers.contrail import Contrail
from esi.errors import Busy, Conflict, TemplateError
from esi.stacks import Context, Live, Property, Props, Replace
from esi.stacks.resources.contrail.making import PERMIT_ANY, drop, project_id, settle

INTERFACE, MACHINE, NETWORK, ADDRESS = "virtual-machine-interface", "virtual-machine", "virtual-network", "instance-ip"
COMPUTE = "compute"
"""Owners of ports that are servers begin with this; only they are virtual machines to Contrail."""

PAIRS = "virtual_machine_interface_allowed_address_pairs"
MACS = "virtual_machine_interface_mac_addresses"


class VirtualMachineInterface:
    """Attributes: name, fq_name (joined by ":"), mac_address, allowed_address_pairs, virtual_network (names of the
    networks, as lists). The id is the property `uuid`."""

    type: ClassVar[str] = "OS::Contrail::VirtualMachineInterface"
    attributes: ClassVar[tuple[str, ...]] = (
        "name",
        "fq_name",
        "mac_address",
        "allowed_address_pairs",
        "virtual_network",
    )
    properties: ClassVar[Mapping[str, Property]] = {
        "uuid": Property("string", required=True),
        "name": Property("string", required=True),
        "virtual_networks": Property("list", required=True),
        "virtual_machine": Property("string", default=""),
        "device_owner": Property("string", default=""),
        "admin_state_up": Property("boolean", default=True),
        "security_groups": Property("list", default=[]),
        MACS: Property("list", default=[]),
        PAIRS: Property("json"),
    }

    def __init__(self, contrail: Contrail) -> None:
        self._contrail = contrail

    def check(self, props: Props) -> None:
        read_pairs(props.get(PAIRS))

    def claims(self, props: Props) -> frozenset[str]:
        return frozenset({f"{INTERFACE}\n{props['uuid']}\n"})

    async def create(self, ctx: Context, props: Props) -> Live:
        contrail, pairs = self._contrail, read_pairs(props.get(PAIRS))
        project = await contrail.read("project", project_id(ctx.tenant))
        networks = [await contrail.read(NETWORK, str(uuid)) for uuid in props["virtual_networks"]]
        groups = [str(uuid) for uuid in props["security_groups"]] or [await contrail.find("security-group", PERMIT_ANY)]
        machine = machine_of(props)
        if machine:
            await contrail.create(MACHINE, (machine,), {"uuid": machine})
        macs = [str(mac) for mac in props[MACS] if mac]
        fields = {
            "parent_type": "project",
            "uuid": props["uuid"],
            "virtual_network_refs": [{"uuid": one.uuid, "to": list(one.fq_name)} for one in networks],
            "security_group_refs": [{"uuid": uuid} for uuid in groups],
            "virtual_machine_refs": [{"uuid": machine}] if machine else [],
            "virtual_machine_interface_device_owner": props["device_owner"],
            PAIRS: {"allowed_address_pair": pairs},
            "id_perms": {"enable": props["admin_state_up"]},
            **({MACS: {"mac_address": macs}} if macs else {}),
        }
        made = await settle(contrail, ctx, INTERFACE, (*project.fq_name, props["name"]), fields)
        if not macs:  # Contrail has made one
            macs = (await contrail.read(INTERFACE, made.uuid)).body[MACS]["mac_address"]
        told = {
            "name": props["name"],
            "fq_name": ":".join(made.fq_name),
            "mac_address": macs,
            "allowed_address_pairs": {"allowed_address_pair": pairs},
            "virtual_network": [list(one.fq_name) for one in networks],
        }
        return Live(made.uuid, props, attributes=told)

    async def update(self, ctx: Context, live: Live, new: Props) -> Live:
        if new["uuid"] != live.props["uuid"]:
            raise Replace
        changed = await self.create(ctx, new)
        await self._leave(live, stays=machine_of(new))
        return changed

    async def delete(self, ctx: Context, live: Live) -> None:
        await self._contrail.delete(INTERFACE, live.props["uuid"])
        await self._leave(live)

    async def _leave(self, live: Live, *, stays: str = "") -> None:
        """The machines that it was plugged into go with the last of their interfaces."""
        for machine in sorted({machine_of(props) for props in (live.props, *live.attempted)} - {"", stays}):
            try:
                await self._contrail.delete(MACHINE, machine)
            except Busy:
                continue


class InstanceIp:
    """An address of interfaces. No attributes."""

    type: ClassVar[str] = "OS::Contrail::InstanceIp"
    attributes: ClassVar[tuple[str, ...]] = ()
    properties: ClassVar[Mapping[str, Property]] = {
        "name": Property("string", required=True),
        "ip_address": Property("string", required=True),
        "subnet_id": Property("string", required=True),
        "network_id": Property("string", required=True),
        "virtual_machine_interfaces": Property("list", default=[]),
    }

    def __init__(self, contrail: Contrail) -> None:
        self._contrail = contrail

    def check(self, props: Props) -> None:
        return None

    def claims(self, props: Props) -> frozenset[str]:
        return frozenset({f"{ADDRESS}\n{props['network_id']}\n{props['ip_address']}\n"})

    async def create(self, ctx: Context, props: Props) -> Live:
        fields = {
            "instance_ip_address": props["ip_address"],
            "instance_ip_family": "v6" if ":" in props["ip_address"] else "v4",
            "subnet_uuid": props["subnet_id"],
            "virtual_network_refs": [{"uuid": props["network_id"]}],
            "virtual_machine_interface_refs": [{"uuid": str(uuid)} for uuid in props["virtual_machine_interfaces"]],
        }
        try:
            made = await settle(self._contrail, ctx, ADDRESS, (props["name"],), fields)
        except Conflict as error:
            raise Conflict(f"{error.message} ({props['ip_address']} of {props['name']})") from error
        return Live(made.uuid, props)

    async def update(self, ctx: Context, live: Live, new: Props) -> Live:
        """Of an address that stands only its interfaces change."""
        for old in (live.props, *live.attempted):
            if any(old[name] != new[name] for name in ("name", "ip_address", "subnet_id", "network_id")):
                here = {"instance_ip_address": new["ip_address"], "subnet_uuid": new["subnet_id"]}
                unless = here if old["name"] == new["name"] else None
                await drop(self._contrail, ctx, ADDRESS, (old["name"],), unless=unless)
        return await self.create(ctx, new)

    async def delete(self, ctx: Context, live: Live) -> None:
        for props in (live.props, *live.attempted):
            await drop(self._contrail, ctx, ADDRESS, (props["name"],))


def machine_of(props: Props) -> str:
    """The server that an interface is plugged into, "" for none."""
    return props["virtual_machine"] if props["device_owner"].partition(":")[0] == COMPUTE else ""


def read_pairs(raw: Any) -> list[dict[str, Any]]:
    """Allowed address pairs as Contrail writes them, from our own ({ip_address, mac_address}) or from its form."""
    rows = raw.get("allowed_address_pair") if isinstance(raw, Mapping) else raw
    if rows is not None and not isinstance(rows, list):
        raise TemplateError(PAIRS, "must be a list of pairs")
    return [_pair(row, f"{PAIRS}[{index}]") for index, row in enumerate(rows or [])]


def _pair(row: Any, where: str) -> dict[str, Any]:
    if isinstance(row, Mapping) and isinstance(row.get("ip"), Mapping):
        text, mac = f"{row['ip'].get('ip_prefix')}/{row['ip'].get('ip_prefix_len')}", row.get("mac")
    elif isinstance(row, Mapping):
        text, mac = str(row.get("ip_address")), row.get("mac_address")
    else:
        raise TemplateError(where, "must be a map with ip_address")
    try:
        address = ip_interface(text)
    except ValueError as error:
        raise TemplateError(f"{where}.ip_address", str(error)) from error
    ip = {"ip_prefix": str(address.ip), "ip_prefix_len": address.network.prefixlen}
    mode = row.get("address_mode") or "active-standby"
    return {"ip": ip, **({"mac": str(mac)} if mac else {}), "address_mode": mode}
