"""A network of a tenant, and its subnets, which stand inside the network's reference to its IPAM."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any, ClassVar
from uuid import NAMESPACE_URL, uuid5
from weakref import WeakValueDictionary

from esi.drivers.contrail import ConfigObject, Contrail
from esi.errors import Busy, Conflict, NotFound, TemplateError
from esi.stacks import Context, Live, Property, Props, Replace
from esi.stacks.resources.contrail.making import alike, project_id, settle

NETWORK, IPAM = "virtual-network", "network-ipam"
NOT_THE_ROUTER = "0.0.0.0"
"""The gateway of a subnet whose gateway is not the virtual router."""

TARGET = "target:"
ROUTER_OPTION, DNS_OPTION, NTP_OPTION, ROUTES_OPTION = "3", "6", "42", "121"
"""DHCP options by number, as Contrail names them."""


class VirtualNetwork:
    """Attributes: name, fq_name (joined by ":"), route_targets. The id is the property `uuid`."""

    type: ClassVar[str] = "OS::Contrail::VirtualNetwork"
    attributes: ClassVar[tuple[str, ...]] = ("name", "fq_name", "route_targets")
    properties: ClassVar[Mapping[str, Property]] = {
        "uuid": Property("string", required=True),
        "name": Property("string", required=True),
        "forwarding_mode": Property("string", default="l2_l3", values=("l2", "l3", "l2_l3")),
        "route_targets": Property("list", default=[]),
        "allow_transit": Property("boolean", default=False),
        "external": Property("boolean", default=False),
        "shared": Property("boolean", default=False),
        "admin_state_up": Property("boolean", default=True),
    }

    def __init__(self, contrail: Contrail) -> None:
        self._contrail = contrail

    def check(self, props: Props) -> None:
        return None

    def claims(self, props: Props) -> frozenset[str]:
        return frozenset({f"{NETWORK}\n{props['uuid']}\n"})

    async def create(self, ctx: Context, props: Props) -> Live:
        project = await self._contrail.read("project", project_id(ctx.tenant))
        targets = [str(target).removeprefix(TARGET) for target in props["route_targets"] if target]
        fields = {
            "parent_type": "project",
            "uuid": props["uuid"],
            "virtual_network_properties": {
                "forwarding_mode": props["forwarding_mode"],
                "allow_transit": props["allow_transit"],
                "rpf": "disable",
            },
            "route_target_list": {"route_target": [f"{TARGET}{target}" for target in targets]},
            "flood_unknown_unicast": True,
            "router_external": props["external"],
            "is_shared": props["shared"],
            "id_perms": {"enable": props["admin_state_up"]},
        }
        made = await settle(self._contrail, ctx, NETWORK, (*project.fq_name, props["name"]), fields)
        told = {"name": props["name"], "fq_name": ":".join(made.fq_name), "route_targets": targets}
        return Live(made.uuid, props, attributes=told)

    async def update(self, ctx: Context, live: Live, new: Props) -> Live:
        if new["uuid"] != live.props["uuid"]:
            raise Replace
        return await self.create(ctx, new)

    async def delete(self, ctx: Context, live: Live) -> None:
        await self._contrail.delete(NETWORK, live.props["uuid"])


class VnSubnet:
    """Attributes: name, network_id, ip_prefix, default_gateway, ipam. The id is a uuid of Contrail's, not the name.

    A network's subnets are one list, which is read and written as a whole: one at a time per network, and looked at
    again afterwards.
    """

    type: ClassVar[str] = "OS::Contrail::VnSubnet"
    attributes: ClassVar[tuple[str, ...]] = ("name", "network_id", "ip_prefix", "default_gateway", "ipam")
    properties: ClassVar[Mapping[str, Property]] = {
        "name": Property("string", required=True),
        "network_id": Property("string", required=True),
        "ip_prefix": Property("string", required=True),
        "default_gateway": Property("string"),
        "gateway_is_vrouter": Property("boolean", default=False),
        "ipam": Property("string", default="default-domain:default-project:default-network-ipam"),
        "enable_dhcp": Property("boolean", default=True),
        "dns_server_address": Property("string"),
        "dns_nameservers": Property("list", default=[]),
        "ntp_servers": Property("list", default=[]),
        "host_routes": Property("list", default=[]),
        "allocation_pools": Property("list", default=[]),
    }

    def __init__(self, contrail: Contrail) -> None:
        self._contrail = contrail
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def check(self, props: Props) -> None:
        subnet_row(props)

    def claims(self, props: Props) -> frozenset[str]:
        return frozenset({f"subnet\n{props['network_id']}\n{props['ip_prefix']}\n"})

    async def create(self, ctx: Context, props: Props) -> Live:
        row, network = subnet_row(props), props["network_id"]
        async with self._alone(network):
            standing = await self._contrail.read(NETWORK, network)
            ipam = await self._contrail.find(IPAM, props["ipam"].split(":"))
            rows = _rows(standing, ipam)
            if not any(alike(one, row) for one in rows if one["subnet_uuid"] == row["subnet_uuid"]):
                await self._put(network, ipam, [*_without(rows, row), row])
                there = _rows(await self._contrail.read(NETWORK, network), ipam)
                if all(one["subnet_uuid"] != row["subnet_uuid"] for one in there):
                    raise Busy(f"somebody else has changed the subnets of network {network} meanwhile", who="contrail")
        told = {name: props.get(name) for name in ("name", "network_id", "ip_prefix", "default_gateway")}
        return Live(row["subnet_uuid"], props, attributes={**told, "ipam": ipam})

    async def update(self, ctx: Context, live: Live, new: Props) -> Live:
        if _uuid(new) != _uuid(live.props):
            raise Replace
        return await self.create(ctx, new)

    async def delete(self, ctx: Context, live: Live) -> None:
        network, row = live.props["network_id"], {"subnet_uuid": _uuid(live.props)}
        async with self._alone(network):
            try:
                standing = await self._contrail.read(NETWORK, network)
                ipam = await self._contrail.find(IPAM, live.props["ipam"].split(":"))
            except NotFound:
                return
            rows = _rows(standing, ipam)
            left = _without(rows, row)
            try:
                if not left:
                    await self._contrail.release((NETWORK, network), (IPAM, ipam))
                elif len(left) < len(rows):
                    await self._put(network, ipam, left)
            except Conflict as error:  # its addresses go first
                raise Busy(error.message, who="contrail") from error

    async def _put(self, network: str, ipam: str, rows: list[Mapping[str, Any]]) -> None:
        attr = {"ipam_subnets": rows, "host_routes": None}
        await self._contrail.refer((NETWORK, network), (IPAM, ipam), attr)

    def _alone(self, network: str) -> asyncio.Lock:
        return self._locks.setdefault(network, asyncio.Lock())


def subnet_row(props: Props) -> dict[str, Any]:
    """A subnet as it stands in the list of its IPAM (services.md C.4). Raises TemplateError."""
    try:
        cidr = ip_network(props["ip_prefix"])
    except ValueError as error:
        raise TemplateError("ip_prefix", str(error)) from error
    gateway = props.get("default_gateway") or ""
    routes = [_route(raw, index) for index, raw in enumerate(props["host_routes"])]
    options = _options(props, gateway, routes)
    return {
        "subnet": {"ip_prefix": str(cidr.network_address), "ip_prefix_len": cidr.prefixlen},
        "subnet_uuid": _uuid(props),
        "subnet_name": props["name"],
        "default_gateway": gateway if props["gateway_is_vrouter"] and gateway else NOT_THE_ROUTER,
        "dns_server_address": props.get("dns_server_address") or None,
        "enable_dhcp": props["enable_dhcp"],
        "dns_nameservers": _texts(props["dns_nameservers"]),
        "allocation_pools": list(props["allocation_pools"]),
        "addr_from_start": True,
        "dhcp_option_list": {"dhcp_option": options} if options else None,
        "host_routes": {"route": routes} if routes else None,
    }


def _options(props: Props, gateway: str, routes: list[dict[str, str]]) -> list[dict[str, str]]:
    """What DHCP tells beside the address. Who gets option 121 does not look at option 3, so it names all routes."""
    found = {}
    if gateway:
        more = "".join(f"{route['prefix']} {route['next_hop']} " for route in routes)
        found[ROUTES_OPTION] = f"0.0.0.0/0 {gateway} {more}"
        found[ROUTER_OPTION] = gateway
    found[DNS_OPTION] = " ".join(_texts(props["dns_nameservers"]))
    found[NTP_OPTION] = " ".join(_texts(props["ntp_servers"]))
    return [{"dhcp_option_name": name, "dhcp_option_value": value} for name, value in found.items() if value]


def _route(raw: Any, index: int) -> dict[str, str]:
    if not isinstance(raw, Mapping) or not {"destination", "nexthop"} <= raw.keys():
        raise TemplateError(f"host_routes[{index}]", "must be a map with destination and nexthop")
    return {"prefix": str(raw["destination"]), "next_hop": str(raw["nexthop"])}


def _texts(values: list[Any]) -> list[str]:
    return [str(value) for value in values if value]


def _uuid(props: Props) -> str:
    """The same for the same subnet, whoever asks again."""
    return str(uuid5(NAMESPACE_URL, "\n".join(props[name] for name in ("network_id", "ipam", "name", "ip_prefix"))))


def _rows(network: ConfigObject, ipam: str) -> list[Mapping[str, Any]]:
    refs = (ref for ref in network.refs(IPAM) if ref.get("uuid") == ipam)
    return [row for ref in refs for row in (ref.get("attr") or {}).get("ipam_subnets") or ()]


def _without(rows: list[Mapping[str, Any]], row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in rows if one["subnet_uuid"] != row["subnet_uuid"]]
