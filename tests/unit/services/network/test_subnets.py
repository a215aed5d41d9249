"""Networks and subnets: what is computed, what is refused, what comes and goes with them."""

from __future__ import annotations

from typing import Any

import pytest

from esi.errors import Conflict, Invalid
from esi.identity import Identity
from unit.services.desk import TENANT
from unit.services.network.netdesk import NetDesk

ADMIN = Identity("root", TENANT, ("admin",), is_admin=True)


async def test_what_is_not_given_is_computed(desk: NetDesk) -> None:
    row = desk.subnet
    assert (row["gateway_ip"], row["dhcp_server_address"]) == ("192.0.2.1", "192.0.2.2")
    assert row["allocation_pools"] == [{"start": "192.0.2.2", "end": "192.0.2.14"}]
    assert row["status"] == "ACTIVE"


async def test_a_network_shows_its_subnets_and_keeps_none(desk: NetDesk) -> None:
    assert (await desk.life.show(desk.member, desk.network.ref))["subnets"] == [desk.subnet.id]
    assert (await desk.row(desk.network.ref))["subnets"] == []


async def test_a_dhcp_port_stands_for_the_server(desk: NetDesk) -> None:
    (port,) = await desk.all("port")
    assert port["fixed_ips"] == [{"subnet_id": desk.subnet.id, "ip_address": "192.0.2.2"}]
    assert (port["device_owner"], port["device_id"]) == ("network:dhcp", desk.subnet.id)
    assert (port["mac_address"], port["status"], port["segmentation_id"]) == ("00:00:5e:00:01:00", "ACTIVE", None)
    await desk.done(port.ref)
    port = await desk.row(port.ref)
    assert (port["status"], port["orchestration_state"]) == ("ACTIVE", "SYNC_COMPLETE")


@pytest.mark.parametrize(
    ("changes", "pools"),
    [
        ({"gateway_ip": None}, [("198.51.100.1", "198.51.100.6")]),
        ({"gateway_ip": "198.51.100.6"}, [("198.51.100.1", "198.51.100.5")]),
        ({"gateway_ip": "198.51.100.3"}, [("198.51.100.1", "198.51.100.2"), ("198.51.100.4", "198.51.100.6")]),
    ],
)
async def test_pools_leave_the_gateway_out(desk: NetDesk, changes: Any, pools: list[tuple[str, str]]) -> None:
    body = {"network_id": desk.network.id, "cidr": "198.51.100.0/29", "tenant_id": TENANT}
    row = await desk.create("subnet", desk.member, **body, **changes)
    assert [(pool["start"], pool["end"]) for pool in row["allocation_pools"]] == pools
    assert row["dhcp_server_address"] == "198.51.100.1"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"cidr": "198.51.100.1/24"}, "cidr"),
        ({"cidr": "2001:db8::/64"}, "cidr"),
        ({"cidr": "198.51.100.0/31"}, "cidr"),
        ({"cidr": "224.0.0.0/24"}, "cidr"),
        ({"cidr": "192.0.2.8/29"}, "cidr"),
        ({"cidr": "169.254.7.0/24"}, "cidr"),
        ({"cidr": "100.64.193.0/24"}, "cidr"),
        ({"gateway_ip": "203.0.113.1"}, "gateway_ip"),
        ({"gateway_ip": "198.51.100.0"}, "gateway_ip"),
        ({"gateway_ip": "198.51.100.255"}, "gateway_ip"),
        ({"allocation_pools": [{"start": "198.51.100.1", "end": "198.51.100.9"}]}, "allocation_pools[0]"),
        ({"allocation_pools": [{"start": "198.51.100.9", "end": "198.51.100.8"}]}, "allocation_pools[0].end"),
        ({"allocation_pools": [{"start": "198.51.100.9", "end": "198.51.101.8"}]}, "allocation_pools[0].end"),
        (
            {
                "allocation_pools": [
                    {"start": "198.51.100.9", "end": "198.51.100.20"},
                    {"start": "198.51.100.4", "end": "198.51.100.9"},
                ]
            },
            "allocation_pools",
        ),
        ({"ip_version": 6}, "ip_version"),
        ({"dhcp_server_address": "198.51.100.9"}, "dhcp_server_address"),
        ({"network_id": "00000000-0000-4000-8000-000000000000"}, "network_id"),
    ],
)
async def test_a_subnet_that_makes_no_sense_names_the_field(desk: NetDesk, changes: Any, path: str) -> None:
    body = {"network_id": desk.network.id, "cidr": "198.51.100.0/24", "tenant_id": TENANT, **changes}
    with pytest.raises(Invalid) as refused:
        await desk.create("subnet", desk.member, **body)
    assert [name for name, _ in refused.value.errors] == [path]
    assert len(await desk.all("subnet")) == 1


async def test_reserved_ranges_bind_tenants_by_their_own_row(desk: NetDesk) -> None:
    body = {"network_id": desk.network.id, "cidr": "100.64.193.0/24", "tenant_id": TENANT}
    await desk.create("subnet", ADMIN, **body)
    await desk.create("reserve_address", tenant_id=TENANT, subnets=["203.0.113.0/24"])
    await desk.create("subnet", desk.member, **{**body, "cidr": "169.254.7.0/24"})
    with pytest.raises(Invalid, match=r"203\.0\.113\.0/24, which is reserved"):
        await desk.create("subnet", desk.member, **{**body, "cidr": "203.0.113.0/25"})
    with pytest.raises(Invalid, match="without a host part"):
        await desk.create("reserve_address", tenant_id="t", subnets=["203.0.113.1/24"])


async def test_another_gateway_takes_its_address(desk: NetDesk) -> None:
    await desk.create("port", desk.member, **desk.port(fixed_ips=[{"ip_address": "192.0.2.5"}]))
    with pytest.raises(Invalid, match="holds the gateway_ip"):
        await desk.ask_change(desk.subnet.ref, gateway_ip="192.0.2.5")
    await desk.ask_change(desk.subnet.ref, gateway_ip=None)
    port = await desk.create("port", desk.member, **desk.port(fixed_ips=[{"ip_address": "192.0.2.1"}]))
    with pytest.raises(Conflict, match=r"192\.0\.2\.1 is in use"):
        await desk.ask_change(desk.subnet.ref, gateway_ip="192.0.2.1")
    await desk.delete(port.ref)
    await desk.done(port.ref)
    await desk.ask_change(desk.subnet.ref, gateway_ip="192.0.2.1")


async def test_dhcp_can_be_switched_off_and_on(desk: NetDesk) -> None:
    (port,) = await desk.all("port")
    await desk.ask_change(desk.subnet.ref, enable_dhcp=False)
    await desk.done(port.ref)
    assert await desk.gone(port.ref)
    with pytest.raises(Conflict, match=r"192\.0\.2\.2 is in use"):
        await desk.create("port", desk.member, **desk.port(fixed_ips=[{"ip_address": "192.0.2.2"}]))
    await desk.ask_change(desk.subnet.ref, enable_dhcp=True)
    (again,) = await desk.all("port")
    assert again["fixed_ips"] == port["fixed_ips"]


async def test_a_subnet_goes_with_its_dhcp_port_and_not_under_others(desk: NetDesk) -> None:
    port = await desk.made("port", desk.member, **desk.port())
    for ref, words in ((desk.subnet.ref, "fixed_ips.subnet_id"), (desk.network.ref, "network_id")):
        with pytest.raises(Conflict, match=words):
            await desk.delete(ref)
    await desk.delete(port.ref)
    await desk.told()
    await desk.delete(desk.subnet.ref)
    await desk.delete(desk.network.ref)
    assert await desk.told() == [("ports", 2), ("subnets", 2), ("networks", 2)]
    (dhcp,) = await desk.all("port", device_owner="network:dhcp")
    for ref in (dhcp.ref, port.ref, desk.subnet.ref, desk.network.ref):
        await desk.done(ref)
        assert await desk.gone(ref)
    made = await desk.create("network", desk.member, name="again", tenant_id=TENANT)
    await desk.create("subnet", desk.member, network_id=made.id, cidr="192.0.2.0/28", tenant_id=TENANT)
