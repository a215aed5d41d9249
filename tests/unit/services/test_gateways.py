"""A gateway takes a place, VLANs, names and bandwidth, and gives all of it back; what cannot be had is refused."""

from typing import Any

import pytest

from esi.errors import Conflict, Invalid
from esi.identity import SYSTEM
from esi.model.resource import Ref
from esi.services.vpn.vlans import VlanPool
from unit.services.desk import Desk

COUNTED = ("vlan_pool_state", "vlan_ids_available", "gateway_instances_count", "available_ga_bandwidth")


async def counters(desk: Desk) -> dict[str, Any]:
    rows = [await desk.row(ref) for ref in (desk.downlink.ref, desk.uplink.ref, desk.router_row.ref)]
    return {str(row.ref): row.body for row in rows}


async def test_a_gateway_is_placed_and_named(desk: Desk) -> None:
    body = (await desk.create("vpn_gateway", **desk.gateway())).body
    assert body["downlink_interface_id"] == desk.downlink.id
    assert body["uplink_interface_id"] == desk.uplink.id
    assert body["downlink_vlan_id"] == "100"
    assert body["vrf_name"] == "vrf_gw_downlink_100"
    for side in ("primary", "secondary"):
        assert body[f"{side}_logical_downlink_interface_name"] == "ae0.100"
        assert body[f"{side}_logical_uplink_interface_name"] == "ge-0/0/1.7"
    assert body["connected_vpn_interface"] == ""
    assert body["maximum_static_routes"] == 32


async def test_what_a_gateway_takes_is_counted_without_telling_the_workers(desk: Desk) -> None:
    await desk.store.outbox_done([row.id for row in await desk.store.outbox_batch(1000)])
    await desk.create("vpn_gateway", **desk.gateway())
    downlink, uplink, router = (await counters(desk)).values()
    assert downlink["available_ga_bandwidth"] == 90
    assert downlink["available_be_bandwidth"] == 50
    assert downlink["gateway_instances_count"] == 1
    assert downlink["vlan_ids_available"] == desk.downlink["vlan_ids_available"] - 1
    assert not VlanPool.decode(downlink["vlan_pool_state"]).is_free(100)
    assert uplink["gateway_instances_count"] == 0
    assert uplink["vlan_ids_available"] == 4093
    assert not VlanPool.decode(uplink["vlan_pool_state"]).is_free(7)
    assert router["available_gateways"] == 499
    paths = [row.path for row in await desk.store.outbox_batch(1000)]
    assert [path.split("/")[-2] for path in paths] == ["tenants", "vpn_gateways"]
    assert (await desk.row(desk.downlink.ref)).config_version == 1


async def test_everything_is_given_back_when_the_gateway_is_gone_and_not_before(desk: Desk) -> None:
    before = await counters(desk)
    gateway = await desk.made("vpn_gateway", **desk.gateway(downlink_vlan_id="200"))
    taken = await counters(desk)
    await desk.life.delete(SYSTEM, gateway.ref)
    assert await counters(desk) == taken
    with pytest.raises(Conflict):
        await desk.create("vpn_gateway", **desk.gateway(downlink_vlan_id="200", uplink_vlan_id="8"))
    await desk.done(gateway.ref)
    assert await desk.gone(gateway.ref)
    assert await counters(desk) == before
    await desk.create("vpn_gateway", **desk.gateway(downlink_vlan_id="200"))


async def test_the_next_gateway_gets_the_next_vlan(desk: Desk) -> None:
    await desk.create("vpn_gateway", **desk.gateway(downlink_vlan_id="101"))
    vlans = [
        (await desk.create("vpn_gateway", **desk.gateway(uplink_vlan_id=uplink)))["downlink_vlan_id"]
        for uplink in ("8", "9")
    ]
    assert vlans == ["100", "102"]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"uplink_vlan_id": "0"}, "uplink_vlan_id"),
        ({"uplink_vlan_id": "4095"}, "uplink_vlan_id"),
        ({"uplink_vlan_id": "seven"}, "uplink_vlan_id"),
        ({"downlink_vlan_id": "99"}, "downlink_vlan_id"),
        ({"downlink_vlan_id": "4094"}, "downlink_vlan_id"),
        ({"downlink_vlan_id": ""}, "downlink_vlan_id"),
        ({"local_as_number": "0"}, "local_as_number"),
        ({"local_as_number": "4294967296"}, "local_as_number"),
        ({"vpn_service_id": ""}, "vpn_service_id"),
        ({"qos_option_id": ""}, "qos_option_id"),
        ({"vpn_service_id": "00000000-0000-4000-8000-000000000000"}, "vpn_service_id"),
        ({"uplink_interface_id": "downlink"}, "uplink_interface_id"),
        ({"vrf_name": "mine"}, "vrf_name"),
        ({"downlink_interface_id": ""}, "downlink_interface_id"),
        ({"connected_vpn_interface": "x"}, "connected_vpn_interface"),
    ],
)
async def test_a_field_that_cannot_be_accepted_is_named_and_nothing_is_taken(
    desk: Desk, changes: dict[str, str], path: str
) -> None:
    before = await counters(desk)
    if changes.get("uplink_interface_id") == "downlink":
        changes = {"uplink_interface_id": desk.downlink.id}
    with pytest.raises(Invalid) as caught:
        await desk.create("vpn_gateway", desk.member, **desk.gateway(**changes))
    assert path in dict(caught.value.errors)
    assert await counters(desk) == before


async def test_a_vlan_is_given_once(desk: Desk) -> None:
    await desk.create("vpn_gateway", **desk.gateway(downlink_vlan_id="300"))
    with pytest.raises(Conflict, match="uplink_vlan_id: VLAN 7 is taken"):
        await desk.create("vpn_gateway", **desk.gateway())
    with pytest.raises(Conflict, match="downlink_vlan_id: VLAN 300 is taken"):
        await desk.create("vpn_gateway", **desk.gateway(uplink_vlan_id="8", downlink_vlan_id="300"))


async def test_bandwidth_that_is_not_there_is_not_sold(desk: Desk) -> None:
    big = await desk.qos_option("101")
    with pytest.raises(Conflict, match="qos_option_id: downlink downlink has 100 Mbps of guarantee left, 101"):
        await desk.create("vpn_gateway", **desk.gateway(qos_option_id=big.id))
    best = await desk.qos_option("50", "besteffort")
    await desk.create("vpn_gateway", **desk.gateway(qos_option_id=best.id))
    assert (await desk.row(desk.downlink.ref))["available_be_bandwidth"] == 0


async def test_a_qos_option_of_another_service_is_refused(desk: Desk) -> None:
    other = await desk.made(
        "vpn_service", tenant_id=desk.service["tenant_id"], downlink_interfaces=[desk.downlink.id],
        uplink_interfaces=[desk.uplink.id],
    )  # fmt: skip
    with pytest.raises(Invalid) as caught:
        await desk.create("vpn_gateway", **desk.gateway(vpn_service_id=other.id))
    assert caught.value.errors == [("qos_option_id", "is not an option of the vpn_service")]


async def test_another_qos_option_moves_the_bandwidth(desk: Desk) -> None:
    gateway = await desk.made("vpn_gateway", **desk.gateway())
    best = await desk.qos_option("20", "besteffort")
    await desk.life.update(desk.member, gateway.ref, {"qos_option_id": best.id})
    row = (await desk.row(desk.downlink.ref)).body
    assert (row["available_ga_bandwidth"], row["available_be_bandwidth"]) == (100, 30)
    bigger = await desk.qos_option("51", "besteffort")
    with pytest.raises(Conflict, match="50 Mbps of besteffort are left"):
        await desk.life.update(desk.member, gateway.ref, {"qos_option_id": bigger.id})
    await desk.done(gateway.ref)
    await desk.life.delete(desk.member, gateway.ref)
    await desk.done(gateway.ref)
    row = (await desk.row(desk.downlink.ref)).body
    assert (row["available_ga_bandwidth"], row["available_be_bandwidth"]) == (100, 50)


async def test_a_qos_option_and_an_interface_pair_outlive_their_gateways(desk: Desk) -> None:
    gateway = await desk.made("vpn_gateway", **desk.gateway())
    await desk.life.delete(SYSTEM, gateway.ref)
    for ref in (desk.qos.ref, desk.downlink.ref, desk.uplink.ref):
        with pytest.raises(Conflict):
            await desk.life.delete(SYSTEM, ref)
    await desk.done(gateway.ref)
    await desk.life.delete(SYSTEM, desk.qos.ref)


async def test_a_gateway_needs_a_place_that_works(desk: Desk) -> None:
    await desk.life.update(SYSTEM, desk.downlink.ref, {"admin_state_up": False})
    await desk.done(desk.downlink.ref)
    with pytest.raises(Conflict, match="administratively down"):
        await desk.create("vpn_gateway", **desk.gateway())


async def test_a_gateway_is_its_tenants_own(desk: Desk) -> None:
    gateway = await desk.create("vpn_gateway", desk.member, **desk.gateway())
    assert (await desk.life.show(desk.member, gateway.ref))["id"] == gateway.id
    assert (await desk.life.list(desk.stranger, "vpn_gateway")).rows == []
    with pytest.raises(Exception, match="not there"):
        await desk.life.show(desk.stranger, gateway.ref)
    assert Ref("vpn_gateway", gateway.id) == gateway.ref
