"""Gateway interfaces and static routes: the ports that come with them, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from esi.errors import Conflict, Invalid, QuotaExceeded
from esi.model.resource import Body, Ref, Resource
from unit.services.desk import TENANT
from unit.services.network.netdesk import NetDesk

NOBODY = "00000000-0000-4000-8000-000000000000"


class GatewayDesk(NetDesk):
    """A gateway whose downlinks end on two ports of a switch."""

    async def furnish(self, *, connected: bool = True) -> None:
        await super().furnish()
        switch = await self.made("ese_device", hostname="leaf", name="leaf", existing="existing", tenant_id=TENANT)
        pair = await self.router_pair()
        members: Body = {}
        for side, name in (("primary", "xe-0/0/3"), ("secondary", "xe-0/0/4")):
            port = await self.made("ese_physical_port", ese_device_id=switch.id, name=name, tenant_id=TENANT)
            body: Body = {"name": "ae0", "device_id": pair[f"{side}_router_id"]}
            body |= {"connected_ese_port_id": port.id} if connected else {}
            members[f"{side}_interface_id"] = (await self.made("er_physical_interface", **body)).id
        room = {"restricted_vlans": "0-1024", "maximum_ga_bandwidth": 100}
        made: Body = {"ha_router_id": pair.id, "link_type": "downlink", "name": "d", **members, **room}
        self.downlink = await self.made("ha_interface", **made)
        self.uplink = await self.interface_pair(pair, "uplink", "ge-0/0/1")
        both: Body = {"downlink_interfaces": [self.downlink.id], "uplink_interfaces": [self.uplink.id]}
        self.service = await self.made("vpn_service", tenant_id=TENANT, **both)
        self.qos = await self.qos_option()
        self.gateway_row = await self.made("vpn_gateway", **self.gateway())
        assert self.gateway_row["status"] == "ACTIVE"

    def gw_interface(self, **changes: Any) -> Body:
        body = {"network_id": self.network.id, "vpn_gw_id": self.gateway_row.id, "service_type": "vpn", "vrid": 20}
        addresses = {"gw_vipv4": "192.0.2.1", "primary_ipv4": "192.0.2.12", "secondary_ipv4": "192.0.2.13"}
        return {**body, **addresses, "netmask": 28, "tenant_id": TENANT, **changes}

    def route(self, **changes: Any) -> Body:
        body = {"vpn_gw_id": self.gateway_row.id, "service_type": "vpn", "tenant_id": TENANT}
        return {**body, "destination": "198.51.100.0/24", "nexthop": "192.0.2.5", **changes}

    async def ports_of(self, made: Resource) -> list[Resource]:
        found = await self.all("port", device_id=made.id)
        return sorted(found, key=lambda port: len(port["fixed_ips"]), reverse=True)


@pytest.fixture
async def desk() -> AsyncIterator[GatewayDesk]:
    desk = GatewayDesk()
    await desk.furnish()
    yield desk
    await desk.store.close()


async def test_a_gateway_interface_comes_and_goes_with_its_ports(desk: GatewayDesk) -> None:
    await desk.told()
    made = await desk.create("gw_interface", desk.member, **desk.gw_interface())
    pair = [("ports", 1), ("ese_logical_ports", 1)]
    assert await desk.told() == [("gw_interfaces", 1), *pair, *pair]
    first, second = await desk.ports_of(made)
    assert [item["ip_address"] for item in first["fixed_ips"]] == ["192.0.2.1", "192.0.2.12"]
    assert [item["ip_address"] for item in second["fixed_ips"]] == ["192.0.2.13"]
    logical = await desk.row(Ref("ese_logical_port", first["ese_logical_port_id"]))
    assert (logical["name"], logical["vlan_id"], logical["gw_interface_id"]) == ("xe-0/0/3.1025", 1025, made.id)
    assert (logical["connected_resource"], logical["port_ids"]) == ("gw_interface", [first.id])
    assert first["name"] == f"Port for : {logical['ese_physical_port_id']}"
    await desk.done(made.ref)
    assert await desk.status(made.ref) == "ACTIVE"
    for port in (first, second):
        await desk.done(port.ref)
        await desk.done(Ref("ese_logical_port", port["ese_logical_port_id"]))
        await desk.done(port.ref)
        assert await desk.status(port.ref) == "ACTIVE"
    with pytest.raises(Conflict, match=f"belongs to network:gw_interface {made.id}"):
        await desk.life.delete(desk.member, first.ref)
    with pytest.raises(Conflict, match="fixed_ips"):
        await desk.ask_change(second.ref, fixed_ips=[])
    for ref, words in ((desk.gateway_row.ref, "gw_interface"), (desk.network.ref, "gw_interface")):
        with pytest.raises(Conflict, match=words):
            await desk.delete(ref)
    await desk.told()
    await desk.life.delete(desk.member, made.ref)
    gone = [("ese_logical_ports", 2), ("ports", 3)]
    assert await desk.told() == [*gone, *gone, ("gw_interfaces", 2)]
    rows = [row for kind in ("ese_logical_port", "port", "gw_interface") for row in await desk.all(kind)]
    for row in rows:
        if row.marked_for_deletion:
            await desk.done(row.ref)
    assert await desk.gone(made.ref)
    assert await desk.ports_of(made) == []
    await desk.create("gw_interface", desk.member, **desk.gw_interface())


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"service_type": "aws"}, "service_type"),
        ({"service_type": "carrier"}, "service_type"),
        ({"vpn_gw_id": ""}, "vpn_gw_id"),
        ({"vpn_gw_id": NOBODY}, "vpn_gw_id"),
        ({"network_id": ""}, "network_id"),
        ({"gw_vipv4": "198.51.100.1"}, "gw_vipv4"),
        ({"primary_ipv4": "198.51.100.1"}, "primary_ipv4"),
        ({"primary_ipv4": "192.0.2.1"}, "primary_ipv4"),
        ({"secondary_ipv4": "192.0.2.12"}, "secondary_ipv4"),
        ({"secondary_ipv4": "192.0.2.15"}, "fixed_ips[0].ip_address"),
        ({"netmask": 24}, "netmask"),
        ({"vrid": 0}, "vrid"),
        ({"vrid": 256}, "vrid"),
        ({"gw_vipv6": "2001:db8::1"}, "gw_vipv6"),
    ],
)
async def test_a_gateway_interface_that_makes_no_sense_names_the_field(
    desk: GatewayDesk, changes: Any, path: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await desk.create("gw_interface", desk.member, **desk.gw_interface(**changes))
    assert [name for name, _ in refused.value.errors] == [path]
    assert [port["device_owner"] for port in await desk.all("port")] == ["network:dhcp"]


async def test_what_a_gateway_interface_needs_and_others_have(desk: GatewayDesk) -> None:
    await desk.create("port", desk.member, **desk.port(fixed_ips=[{"ip_address": "192.0.2.13"}]))
    with pytest.raises(Conflict, match=r"192\.0\.2\.13 is in use"):
        await desk.create("gw_interface", desk.member, **desk.gw_interface())
    await desk.create("gw_interface", desk.member, **desk.gw_interface(secondary_ipv4="192.0.2.14"))
    with pytest.raises(Conflict, match="vpn_gw_id"):
        await desk.create("gw_interface", desk.member, **desk.gw_interface(gw_vipv4="192.0.2.9"))


async def test_a_downlink_without_a_switch_carries_no_network() -> None:
    desk = GatewayDesk()
    await desk.furnish(connected=False)
    with pytest.raises(Conflict, match="primary downlink ae0 is connected to no ese_physical_port"):
        await desk.create("gw_interface", desk.member, **desk.gw_interface())
    await desk.store.close()


async def test_a_gateway_in_error_takes_no_interface(desk: GatewayDesk) -> None:
    await desk.change(desk.gateway_row.ref, description="again")
    await desk.done(desk.gateway_row.ref, "no")
    for kind, body in (("gw_interface", desk.gw_interface()), ("static_route", desk.route())):
        with pytest.raises(Conflict, match="in ERROR"):
            await desk.create(kind, desk.member, **body)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"service_type": "interdc"}, "service_type"),
        ({"vpn_gw_id": ""}, "vpn_gw_id"),
        ({"destination": "198.51.100.1/24"}, "destination"),
        ({"destination": "2001:db8::/64"}, "destination"),
        ({"destination": "239.0.0.0/8"}, "destination"),
        ({"nexthop": "0.0.0.0"}, "nexthop"),
        ({"nexthop": "224.0.0.1"}, "nexthop"),
        ({"nexthop": "127.0.0.1"}, "nexthop"),
    ],
)
async def test_a_route_that_makes_no_sense_names_the_field(desk: GatewayDesk, changes: Any, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        await desk.create("static_route", desk.member, **desk.route(**changes))
    assert [name for name, _ in refused.value.errors] == [path]


async def test_a_gateway_has_one_route_to_a_place_and_so_many_in_all(desk: GatewayDesk) -> None:
    route = await desk.made("static_route", desk.member, **desk.route(destination="198.51.100.7"))
    assert route["status"] == "ACTIVE"
    with pytest.raises(Conflict, match=r"has a route to 198\.51\.100\.7/32"):
        await desk.create("static_route", desk.member, **desk.route(destination="198.51.100.7/32"))
    await desk.change(desk.gateway_row.ref, maximum_static_routes=2)
    await desk.create("static_route", desk.member, **desk.route(destination="0.0.0.0/0"))
    with pytest.raises(Conflict, match="may have 2 static routes"):
        await desk.create("static_route", desk.member, **desk.route(destination="203.0.113.0/24"))
    await desk.delete(route.ref)
    await desk.done(route.ref)
    await desk.create("static_route", desk.member, **desk.route(destination="198.51.100.7"))


async def test_gateways_have_a_quota(desk: GatewayDesk) -> None:
    await desk.change(Ref("quota", "default"), vpn_gateway=1)
    with pytest.raises(QuotaExceeded, match="may have 1 vpn_gateways"):
        await desk.create("vpn_gateway", desk.member, **desk.gateway(uplink_vlan_id="8"))
