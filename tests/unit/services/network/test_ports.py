"""Ports: addresses, MACs, how they come to be attached, and what a delete means."""

from __future__ import annotations

from typing import Any

import pytest

from esi.errors import Conflict, Forbidden, Invalid
from esi.model.resource import Ref
from unit.services.desk import OTHER, TENANT
from unit.services.network.netdesk import NetDesk

SERVER = "11111111-1111-4111-8111-111111111111"


def addresses(row: Any) -> list[str]:
    return [item["ip_address"] for item in row["fixed_ips"]]


async def test_the_lowest_free_address_is_taken(desk: NetDesk) -> None:
    first, second = [await desk.made("port", desk.member, **desk.port()) for _ in range(2)]
    assert (addresses(first), addresses(second)) == (["192.0.2.3"], ["192.0.2.4"])
    assert first["fixed_ips"][0]["subnet_id"] == desk.subnet.id
    assert first["mac_address"] != second["mac_address"]
    assert first["mac_address"].startswith("fa:16:3e:")
    await desk.delete(first.ref)
    assert addresses(await desk.create("port", desk.member, **desk.port())) == ["192.0.2.5"]
    await desk.done(first.ref)
    assert addresses(await desk.create("port", desk.member, **desk.port())) == ["192.0.2.3"]


async def test_addresses_may_be_named_in_every_way(desk: NetDesk) -> None:
    wanted = [{"ip_address": "192.0.2.9"}, {"subnet_id": desk.subnet.id}]
    row = await desk.create("port", desk.member, **desk.port(fixed_ips=wanted))
    assert addresses(row) == ["192.0.2.9", "192.0.2.3"]
    assert addresses(await desk.create("port", desk.member, **desk.port(fixed_ips=[]))) == []
    changed = await desk.ask_change(row.ref, fixed_ips=[{"ip_address": "192.0.2.8"}, row["fixed_ips"][0]])
    assert addresses(changed) == ["192.0.2.8", "192.0.2.9"]
    assert addresses(await desk.create("port", desk.member, **desk.port())) == ["192.0.2.3"]


async def test_without_a_subnet_there_is_no_address(desk: NetDesk) -> None:
    bare = await desk.made("network", desk.member, tenant_id=TENANT)
    row = await desk.create("port", desk.member, **desk.port(network_id=bare.id))
    assert row["fixed_ips"] == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"fixed_ips": [{}]}, "fixed_ips[0]"),
        ({"fixed_ips": [{"ip_address": "198.51.100.3"}]}, "fixed_ips[0].ip_address"),
        ({"fixed_ips": [{"ip_address": "192.0.2.15"}]}, "fixed_ips[0].ip_address"),
        ({"fixed_ips": [{"subnet_id": SERVER}]}, "fixed_ips[0].subnet_id"),
        ({"mac_address": "01:00:5e:00:00:01"}, "mac_address"),
        ({"mac_address": "fa:16:3e:00:00"}, "mac_address"),
        ({"device_owner": "network:dhcp"}, "device_owner"),
        ({"device_owner": "network:gw_interface"}, "device_owner"),
        ({"device_owner": "stranger"}, "device_owner"),
        ({"device_owner": "physical_port", "device_id": SERVER}, "device_id"),
        ({"allowed_address_pairs": [{"ip_address": "x"}]}, "allowed_address_pairs[0].ip_address"),
        ({"ese_logical_port_id": SERVER}, "ese_logical_port_id"),
        ({"segmentation_id": 4096}, "segmentation_id"),
    ],
)
async def test_a_port_that_makes_no_sense_names_the_field(desk: NetDesk, changes: Any, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        await desk.create("port", desk.member, **desk.port(**changes))
    assert [name for name, _ in refused.value.errors] == [path]
    assert len(await desk.all("port")) == 1


@pytest.mark.parametrize("address", ["192.0.2.1", "192.0.2.2", "192.0.2.7"])
async def test_what_is_taken_is_a_conflict(desk: NetDesk, address: str) -> None:
    taken = {"fixed_ips": [{"ip_address": "192.0.2.7"}], "mac_address": "fa:16:3e:00:00:01"}
    await desk.create("port", desk.member, **desk.port(**taken))
    with pytest.raises(Conflict, match=f"{address} is in use"):
        await desk.create("port", desk.member, **desk.port(fixed_ips=[{"ip_address": address}]))
    with pytest.raises(Conflict, match="FA:16:3e:00:00:01 is in use"):
        await desk.create("port", desk.member, **desk.port(mac_address="FA:16:3e:00:00:01"))


async def test_an_exhausted_subnet_is_a_conflict(desk: NetDesk) -> None:
    for _ in range(12):
        await desk.create("port", desk.member, **desk.port())
    with pytest.raises(Conflict, match="no subnet of the network has a free address"):
        await desk.create("port", desk.member, **desk.port())
    more = {"network_id": desk.network.id, "cidr": "198.51.100.0/29", "tenant_id": TENANT}
    await desk.create("subnet", desk.member, **more)
    assert addresses(await desk.create("port", desk.member, **desk.port())) == ["198.51.100.3"]


async def test_strangers_cannot_have_a_port_in_it(desk: NetDesk) -> None:
    with pytest.raises(Invalid, match="related resource"):
        await desk.create("port", desk.stranger, network_id=desk.network.id, tenant_id=OTHER)
    with pytest.raises(Forbidden, match="fake_delete"):
        await desk.create("port", desk.member, **desk.port(fake_delete=True))


async def test_a_port_of_nobody_is_down_and_an_empty_one_has_no_stack(desk: NetDesk) -> None:
    row = await desk.made("port", desk.member, **desk.port())
    assert (row["status"], row["attached"], row["orchestration_state"]) == ("DOWN", False, "CREATE_COMPLETE")
    empty = await desk.made("port", desk.member, **desk.port(device_owner="network:empty"))
    assert empty["status"] == "DOWN"


async def test_a_servers_port_is_attached_when_it_is_done(desk: NetDesk) -> None:
    row = await desk.made("port", desk.member, **desk.port())
    await desk.change(row.ref, device_owner="compute:nova", device_id=SERVER)
    assert await desk.effects() == []
    await desk.done(row.ref)
    row = await desk.row(row.ref)
    assert (row["attached"], row.config_version, row["status"]) == (True, 3, "PENDING_UPDATE")
    told = {"server_uuid": SERVER, "tag": row.id}
    assert await desk.effects() == [{**told, "name": "network-vif-plugged"}]
    await desk.done(row.ref)
    assert await desk.status(row.ref) == "ACTIVE"
    assert len(await desk.effects()) == 1
    await desk.delete(row.ref)
    await desk.done(row.ref)
    assert await desk.gone(row.ref)
    assert (await desk.effects())[1:] == [{**told, "name": "network-vif-unplugged"}]


async def test_a_fake_delete_only_detaches(desk: NetDesk) -> None:
    row = await desk.made("port", **desk.port(fake_delete=True, device_owner="compute:nova", device_id=SERVER))
    await desk.done(row.ref)
    assert await desk.status(row.ref) == "ACTIVE"
    effects = await desk.effects()
    await desk.delete(row.ref)
    row = await desk.row(row.ref)
    assert (row["device_owner"], row["device_id"], row["attached"]) == ("", "", False)
    assert (row["status"], row["orchestration_state"], row.config_version) == (
        "PENDING_UPDATE",
        "UPDATE_IN_PROGRESS",
        3,
    )
    await desk.done(row.ref)
    assert await desk.status(row.ref) == "DOWN"
    assert await desk.effects() == effects
    await desk.change(row.ref, fake_delete=False)
    await desk.delete(row.ref)
    await desk.done(row.ref)
    assert await desk.gone(row.ref)


async def test_a_bare_metal_port_is_attached_by_its_logical_port(desk: NetDesk) -> None:
    physical, body = await desk.bare_metal()
    assert await desk.status(physical.ref) == "ACTIVE"
    await desk.told()
    port = await desk.create("port", desk.member, **body)
    assert await desk.told() == [("ports", 1), ("ese_logical_ports", 1)]
    (logical,) = await desk.all("ese_logical_port")
    assert (logical["name"], logical["vlan_id"], logical["connected_resource"]) == ("xe-0/0/1.1003", 1003, "port")
    assert logical["port_ids"] == [port.id]
    await desk.done(port.ref)
    row = await desk.row(port.ref)
    assert (row["ese_logical_port_id"], row["status"], row.config_version) == (logical.id, "PENDING_CREATE", 1)
    await desk.done(logical.ref)
    row = await desk.row(port.ref)
    assert (row["attached"], row["orchestration_state"], row["status"]) == (
        True,
        "UPDATE_IN_PROGRESS",
        "PENDING_CREATE",
    )
    assert row.config_version == 2
    await desk.done(port.ref)
    assert await desk.status(port.ref) == "ACTIVE"
    with pytest.raises(Conflict, match="VLAN 1003 is in use"):
        await desk.create("port", desk.member, **body)
    with pytest.raises(Conflict, match="segmentation_id: stays"):
        await desk.ask_change(port.ref, segmentation_id=7)
    with pytest.raises(Conflict, match="in use by port"):
        await desk.delete(logical.ref)
    await desk.told()
    await desk.delete(port.ref)
    assert await desk.told() == [("ese_logical_ports", 2), ("ports", 3)]
    for ref in (logical.ref, port.ref):
        await desk.done(ref)
        assert await desk.gone(ref)
    await desk.create("port", desk.member, **body)


async def test_a_delete_that_failed_is_tried_again(desk: NetDesk) -> None:
    _, body = await desk.bare_metal()
    port = await desk.made("port", desk.member, **body)
    (logical,) = await desk.all("ese_logical_port")
    await desk.delete(port.ref)
    await desk.done(logical.ref)
    failed = {"state": {"orchestration_state": "DELETE_FAILED"}, "version": 2, "error": "cut"}
    await desk.life.apply_state(port.ref, failed)
    await desk.delete(port.ref)
    await desk.done(port.ref)
    assert await desk.gone(port.ref)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"segmentation_type": "flat"}, Invalid, "must be vlan"),
        ({"segmentation_id": 2}, Invalid, "it may use 3 to 4093"),
        ({"device_id": "22222222-2222-4222-8222-222222222222"}, Invalid, "there is no physical_port"),
    ],
)
async def test_a_bare_metal_port_needs_a_vlan_and_a_switch(
    desk: NetDesk, changes: Any, error: type[Exception], words: str
) -> None:
    _, body = await desk.bare_metal()
    with pytest.raises(error, match=words):
        await desk.create("port", desk.member, **{**body, **changes})
    alone = await desk.made("physical_port", name="q", service_owner="server", service_id="s", tenant_id=TENANT)
    with pytest.raises(Conflict, match="no ese_physical_port is connected"):
        await desk.create("port", desk.member, **{**body, "device_id": alone.id})


async def test_a_port_of_the_system_is_not_the_users(desk: NetDesk) -> None:
    (dhcp,) = await desk.all("port")
    with pytest.raises(Conflict, match=f"belongs to network:dhcp {desk.subnet.id}"):
        await desk.life.delete(desk.member, dhcp.ref)
    with pytest.raises(Conflict, match="stays as it is"):
        await desk.ask_change(dhcp.ref, device_owner="")
    port = await desk.made("port", desk.member, **desk.port())
    with pytest.raises(Invalid, match="from the beginning, or never"):
        await desk.ask_change(port.ref, device_owner="physical_port")
    managed = await desk.made("port", **desk.port(managed_by_service=True))
    with pytest.raises(Conflict, match="belongs to"):
        await desk.life.delete(desk.member, managed.ref)


async def test_a_physical_port_is_down_without_a_switch(desk: NetDesk) -> None:
    physical = await desk.made("physical_port", name="p", service_owner="server", service_id="s", tenant_id=TENANT)
    assert physical["status"] == "DOWN"
    switch_port = await desk.switch_port(connected_port_id=physical.id)
    assert await desk.status(physical.ref) == "ACTIVE"
    with pytest.raises(Conflict, match="in use by ese_physical_port"):
        await desk.delete(physical.ref)
    await desk.change(switch_port.ref, connected_port_id="")
    assert await desk.status(physical.ref) == "DOWN"
    await desk.delete(physical.ref)


async def test_ports_of_another_tenant_are_not_there(desk: NetDesk) -> None:
    page = await desk.life.list(desk.stranger, "port")
    assert page.rows == []
    assert await desk.gone(Ref("port", SERVER))
