"""Router pairs, interface pairs, services and QoS options: what does not fit together is refused, and by name."""

from typing import Any

import pytest

from esi.errors import Conflict, Forbidden, Invalid, NotFound
from esi.identity import SYSTEM, Identity
from esi.services.vpn.vlans import VlanPool
from unit.services.desk import OTHER, TENANT, Desk


async def test_a_router_pair_counts_its_gateways(bare: Desk) -> None:
    pair = await bare.router_pair(maximum_gateways=3)
    assert (pair["available_gateways"], pair["status"]) == (3, "ACTIVE")
    assert (await bare.life.update(SYSTEM, pair.ref, {"maximum_gateways": 5}))["available_gateways"] == 5


async def test_a_maximum_does_not_go_below_what_is_sold(desk: Desk) -> None:
    await desk.create("vpn_gateway", **desk.gateway())
    with pytest.raises(Conflict, match="maximum_gateways: 1 are in use already"):
        await desk.life.update(SYSTEM, desk.router_row.ref, {"maximum_gateways": 0})
    with pytest.raises(Conflict, match="maximum_ga_bandwidth: 10 are in use already"):
        await desk.life.update(SYSTEM, desk.downlink.ref, {"maximum_ga_bandwidth": 9})
    changed = await desk.life.update(SYSTEM, desk.downlink.ref, {"maximum_ga_bandwidth": 30})
    assert changed["available_ga_bandwidth"] == 20


async def test_two_different_routers_make_a_pair_and_each_is_in_one(bare: Desk) -> None:
    one = await bare.router("192.0.2.101")
    with pytest.raises(Invalid) as caught:
        await bare.create("ha_router", primary_router_id=one, secondary_router_id=one)
    assert "secondary_router_id" in dict(caught.value.errors)
    pair = await bare.router_pair()
    for body in (
        {"primary_router_id": one, "secondary_router_id": pair["primary_router_id"]},
        {"primary_router_id": pair["primary_router_id"], "secondary_router_id": one},
    ):
        with pytest.raises(Conflict):
            await bare.create("ha_router", **body)


async def test_an_interface_pair_starts_with_everything_free(bare: Desk) -> None:
    pair = await bare.interface_pair(await bare.router_pair(), "uplink", "ge-0/0/1", maximum_be_bandwidth=7)
    assert pair["vlan_ids_available"] == VlanPool.decode(pair["vlan_pool_state"]).available == 4094
    assert (pair["available_ga_bandwidth"], pair["available_be_bandwidth"]) == (0, 7)
    assert (pair["gateway_instances_count"], pair["admin_state_up"], pair["status"]) == (0, True, "ACTIVE")


async def test_the_recorded_slip_in_the_pool_comes_with_the_quirks(quirky: Desk) -> None:
    assert quirky.uplink["vlan_ids_available"] == 4093
    assert not VlanPool.decode(quirky.uplink["vlan_pool_state"]).is_free(31)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"restricted_vlans": "1-x"}, "restricted_vlans"),
        ({"name": "a b"}, "name"),
        ({"name": "a;b"}, "name"),
        ({"name": "a{"}, "name"),
        ({"ha_router_id": ""}, "ha_router_id"),
        ({"link_type": "sidelink"}, "link_type"),
        ({"vlan_pool_state": "x"}, "vlan_pool_state"),
        ({"maximum_ga_bandwidth": -1}, "maximum_ga_bandwidth"),
    ],
)
async def test_an_interface_pair_names_what_is_wrong(bare: Desk, changes: dict[str, Any], path: str) -> None:
    router = await bare.router_pair()
    members = [
        (await bare.made("er_physical_interface", name="ae1", device_id=router[f"{side}_router_id"])).id
        for side in ("primary", "secondary")
    ]
    body: dict[str, Any] = {
        "name": "d",
        "ha_router_id": router.id,
        "link_type": "downlink",
        "primary_interface_id": members[0],
        "secondary_interface_id": members[1],
    }
    admin = Identity("root", TENANT, ("admin",), is_admin=True)
    with pytest.raises(Invalid) as caught:
        await bare.create("ha_interface", admin, **{**body, **changes})
    assert path in dict(caught.value.errors)
    crossed = {**body, "primary_interface_id": members[1], "secondary_interface_id": members[0]}
    with pytest.raises(Invalid) as caught:
        await bare.create("ha_interface", admin, **crossed)
    assert caught.value.errors == [("primary_interface_id", "ae1 is not on the primary router of the ha_router")]


async def test_two_downlinks_of_one_name_would_share_routing_instances(desk: Desk) -> None:
    with pytest.raises(Conflict, match="already has a downlink 'downlink'"):
        await desk.interface_pair(desk.router_row, "downlink", "ae1")
    await desk.interface_pair(desk.router_row, "downlink", "ae2", name="second")


async def test_an_interface_stands_once_on_a_router(bare: Desk) -> None:
    device = await bare.router("192.0.2.77")
    await bare.create("er_physical_interface", name="xe-0/0/0:1", device_id=device)
    with pytest.raises(Conflict, match="already has an er_physical_interface xe-0/0/0:1"):
        await bare.create("er_physical_interface", name="xe-0/0/0:1", device_id=device)


@pytest.mark.parametrize("name", ["ae0.1", "ge-0/0", "ae0;", "ae 0", "", "AE0", "ge-0/0/1 { disable; }"])
async def test_an_interface_has_the_name_of_one(bare: Desk, name: str) -> None:
    device = await bare.router("192.0.2.78")
    with pytest.raises(Invalid) as caught:
        await bare.create("er_physical_interface", name=name, device_id=device)
    assert "name" in dict(caught.value.errors)


@pytest.mark.parametrize("number", ["0", "4294967296", "65001.1"])
async def test_a_routers_as_number_is_one(bare: Desk, number: str) -> None:
    with pytest.raises(Invalid) as caught:
        await bare.create(
            "edge_router", ip="192.0.2.9", login="esi", password="p", ssh_port=830, autonomous_system=number
        )
    assert "autonomous_system" in dict(caught.value.errors)


async def test_a_service_takes_downlinks_as_downlinks(desk: Desk) -> None:
    with pytest.raises(Invalid) as caught:
        await desk.create(
            "vpn_service", tenant_id=OTHER, downlink_interfaces=[desk.uplink.id], uplink_interfaces=[desk.uplink.id]
        )
    assert "downlink_interfaces[0]" in dict(caught.value.errors)
    with pytest.raises(Invalid) as caught:
        await desk.life.update(SYSTEM, desk.service.ref, {"uplink_interfaces": [desk.downlink.id]})
    assert "uplink_interfaces[0]" in dict(caught.value.errors)


async def test_a_qos_option_finds_the_router_pair_that_has_its_policers(desk: Desk) -> None:
    assert desk.qos["ha_router_id"] == desk.router_row.id
    assert desk.qos["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"vpn_service_id": ""}, "vpn_service_id"),
        ({"service_type": "aws"}, "aws_service_id"),
        ({"service_type": "aws", "aws_service_id": "00000000-0000-4000-8000-000000000000"}, "service_type"),
        ({"bandwidth": "0"}, "bandwidth"),
        ({"bandwidth": "10m"}, "bandwidth"),
        ({"incoming_policer_name": "a; b"}, "incoming_policer_name"),
        ({"qos_type": "gold"}, "qos_type"),
    ],
)
async def test_a_qos_option_names_what_is_wrong(desk: Desk, changes: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as caught:
        await desk.qos_option(**changes)
    assert path in dict(caught.value.errors)


async def test_a_tenant_sees_what_it_must_refer_to_and_no_more(desk: Desk) -> None:
    service = await desk.life.show(desk.member, desk.service.ref)
    assert service["zone"] is None
    assert "primary_ebgp_config_group" not in service
    qos = await desk.life.show(desk.member, desk.qos.ref)
    assert qos["bandwidth"] == "10"
    assert "incoming_policer_config" not in qos
    pair = await desk.life.show(desk.member, desk.uplink.ref)
    assert "vlan_pool_state" not in pair
    for ref in (desk.router_row.ref,):
        with pytest.raises((Forbidden, NotFound)):
            await desk.life.show(desk.member, ref)
    for schema in ("edge_router", "er_physical_interface", "resource_mapping", "heat_template", "tenant"):
        with pytest.raises((Forbidden, NotFound)):
            await desk.life.list(desk.member, schema)
    for ref in (desk.service.ref, desk.qos.ref, desk.uplink.ref):
        with pytest.raises((Forbidden, NotFound)):
            await desk.life.update(desk.member, ref, {"description": "mine"})
        with pytest.raises((Forbidden, NotFound)):
            await desk.life.delete(desk.member, ref)
