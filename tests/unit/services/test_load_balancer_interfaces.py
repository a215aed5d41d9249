"""An interface is plugged into a network and out of it; what cannot be done is refused and nothing is taken."""

from typing import Any

import pytest

from esi.errors import Conflict, Invalid, NotFound
from esi.model.resource import Ref, Resource
from unit.services.balancer_desk import BalancerDesk
from unit.services.desk import OTHER, TENANT

MOVED = [
    ("ports", 1), ("vnf_interfaces", 2), ("vnf_instances", 2), ("load_balancer_confs", 2), ("load_balancers", 2),
    ("load_balancer_interfaces", 2),
]  # fmt: skip


async def below(shop: BalancerDesk, interface: Resource) -> tuple[Resource, Resource, Resource, Resource]:
    """The slot's side, its port, the server and its configuration."""
    side = await shop.row(Ref("vnf_interface", interface["vnf_interface_id"]))
    balancer = await shop.row(Ref("load_balancer", interface["load_balancer_id"]))
    return (
        side,
        await shop.row(Ref("port", side["port_id"])),
        await shop.row(Ref("vnf_instance", balancer["vnf_instance_id"])),
        await shop.row(Ref("load_balancer_conf", balancer["load_balancer_conf_id"])),
    )


async def test_a_network_is_set_in_the_order_in_which_it_is_done(shop: BalancerDesk) -> None:
    await shop.sold()
    await shop.plug()
    network = await shop.network("10.225.225.0/24", shop.member)
    interface = await shop.slot(1)
    _, old, _, _ = await below(shop, interface)
    await shop.told()
    row = await shop.life.update(shop.member, interface.ref, {"network_id": network.id})
    assert await shop.told() == MOVED
    assert row["ip_address"] == "10.225.225.3"
    side, port, instance, conf = await below(shop, row)
    assert (side["network_id"], side["ip_address"], side["status"]) == (network.id, "10.225.225.3", "PENDING_UPDATE")
    assert (port["admin_state_up"], port["fake_delete"], port["network_id"]) == (True, True, network.id)
    assert [item["port"] for item in instance["networks"]].index(port.id) == 1
    assert conf["networks"][1] == {"type": "user", "cidr": "10.225.225.0/24", "ip_address": "10.225.225.3"}
    assert [item["type"] for item in conf["networks"]] == ["user", "user", "dummy"]
    old = await shop.row(old.ref)
    assert (old["fake_delete"], old["description"], old.config_version) == (False, "", 3)


async def test_network_null_makes_it_a_dummy_again(shop: BalancerDesk) -> None:
    await shop.sold()
    network = await shop.network("10.225.225.0/24", shop.member)
    interface = await shop.slot(2)
    virtual = {"virtual_ip_address": "10.225.225.99", "virtual_ip_properties": {"protocol": "vrrp", "vrid": 7}}
    await shop.life.update(shop.member, interface.ref, {"network_id": network.id, **virtual})
    await shop.work_off()
    row = await shop.life.update(shop.member, interface.ref, {"network_id": None})
    assert [row[name] for name in ("network_id", "ip_address", *virtual)] == [None] * 4
    side, port, _, conf = await below(shop, row)
    assert [side[name] for name in ("network_id", "ip_address", *virtual)] == [None] * 4
    assert (port["network_id"], port["admin_state_up"]) == (shop.dummies.id, False)
    assert [item["type"] for item in conf["networks"]] == ["user", "dummy", "dummy"]


async def test_an_address_is_taken_and_moved(shop: BalancerDesk) -> None:
    await shop.sold()
    network = await shop.network("10.225.225.0/24", shop.member)
    interface = await shop.slot(1)
    row = await shop.life.update(shop.member, interface.ref, {"network_id": network.id, "ip_address": "10.225.225.77"})
    assert row["ip_address"] == "10.225.225.77"
    await shop.work_off()
    row = await shop.life.update(shop.member, interface.ref, {"ip_address": "10.225.225.78"})
    _, port, _, conf = await below(shop, row)
    assert port["fixed_ips"][0]["ip_address"] == conf["networks"][1]["ip_address"] == "10.225.225.78"
    other = await shop.network("10.226.0.0/16", shop.member)
    row = await shop.life.update(shop.member, interface.ref, {"network_id": other.id})
    assert row["ip_address"] == "10.226.0.3"


async def test_a_virtual_address_is_allowed_on_the_port_and_touches_no_server(shop: BalancerDesk) -> None:
    await shop.sold()
    network = await shop.network("10.225.225.0/24", shop.member)
    interface = await shop.slot(1)
    await shop.life.update(shop.member, interface.ref, {"network_id": network.id})
    await shop.work_off()
    await shop.told()
    virtual = {"virtual_ip_address": "10.225.225.99", "virtual_ip_properties": {"protocol": "vrrp", "vrid": 26}}
    row = await shop.life.update(shop.member, interface.ref, virtual)
    assert [kind for kind, _ in await shop.told()] == ["ports", "vnf_interfaces", "load_balancer_interfaces"]
    side, port, _, _ = await below(shop, row)
    assert port["allowed_address_pairs"] == [{"ip_address": "10.225.225.99", "mac_address": "00:00:5e:00:01:1a"}]
    assert {name: side[name] for name in virtual} == virtual
    none = {"virtual_ip_address": None, "virtual_ip_properties": None}
    row = await shop.life.update(shop.member, interface.ref, none)
    assert (await below(shop, row))[1]["allowed_address_pairs"] == []


VRRP = {"protocol": "vrrp", "vrid": 7}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"ip_address": "192.0.2.1"}, "ip_address"),
        ({"network_id": None, "ip_address": "10.225.225.9"}, "ip_address"),
        (
            {"network_id": None, "virtual_ip_address": "10.225.225.9", "virtual_ip_properties": VRRP},
            "virtual_ip_address",
        ),
        ({"virtual_ip_address": "10.225.225.9"}, "virtual_ip_properties"),
        ({"virtual_ip_properties": VRRP}, "virtual_ip_properties"),
        ({"virtual_ip_address": "192.0.2.1", "virtual_ip_properties": VRRP}, "virtual_ip_address"),
        ({"virtual_ip_address": "10.225.225.3", "virtual_ip_properties": VRRP}, "virtual_ip_address"),
        ({"virtual_ip_address": "10.225.225.1", "virtual_ip_properties": VRRP}, "virtual_ip_address"),
        ({"virtual_ip_address": "10.225.225.255", "virtual_ip_properties": VRRP}, "virtual_ip_address"),
        ({"virtual_ip_address": "10.225.225.9", "virtual_ip_properties": {"protocol": "vrrp", "vrid": 256}}, "vrid"),
        ({"network_id": "00000000-0000-4000-8000-000000000000"}, "network_id"),
        ({"slot_number": 4}, "slot_number"),
        ({"type": "management"}, "type"),
        ({"vnf_interface_id": None}, "vnf_interface_id"),
    ],
)
async def test_what_cannot_be_plugged_is_refused_and_nothing_is_taken(
    shop: BalancerDesk, changes: dict[str, Any], path: str
) -> None:
    await shop.sold()
    network = await shop.network("10.225.225.0/24", shop.member)
    interface = await shop.slot(1)
    ports = len(await shop.all("port"))
    await shop.told()
    with pytest.raises((Invalid, Conflict)) as caught:
        await shop.life.update(shop.member, interface.ref, {"network_id": network.id, **changes})
    assert (
        path in str(caught.value.errors if isinstance(caught.value, Invalid) else caught.value) or path == "ip_address"
    )
    assert len(await shop.all("port")) == ports
    assert await shop.told() == []


async def test_a_network_is_the_tenants_own_and_stands_once(shop: BalancerDesk) -> None:
    await shop.sold()
    foreign = await shop.network("10.9.0.0/24", tenant=OTHER)
    one = await shop.network("10.225.0.0/16", shop.member)
    inside = await shop.network("10.225.7.0/24", shop.member)
    empty = await shop.made("network", shop.member, tenant_id=TENANT)
    first, second = await shop.slot(1), await shop.slot(2)
    with pytest.raises(Invalid, match="does not exist"):
        await shop.life.update(shop.member, first.ref, {"network_id": foreign.id})
    with pytest.raises((Invalid, Conflict)):
        await shop.life.update(shop.member, first.ref, {"network_id": empty.id})
    await shop.life.update(shop.member, first.ref, {"network_id": one.id})
    for network in (one, inside):
        with pytest.raises(Conflict, match=r"overlaps 10\.225\.0\.0/16 of Interface 1/1"):
            await shop.life.update(shop.member, second.ref, {"network_id": network.id})
    with pytest.raises(NotFound):
        await shop.life.update(shop.stranger, second.ref, {"network_id": None})


async def test_the_management_interface_stays_where_it_is(shop: BalancerDesk) -> None:
    await shop.sold()
    network = await shop.network("10.225.225.0/24", shop.member)
    interface = await shop.slot(0)
    for change in ({"network_id": network.id}, {"network_id": None}, {"ip_address": "100.64.193.77"}):
        with pytest.raises(Invalid, match="the request cannot"):
            await shop.life.update(shop.member, interface.ref, change)
    await shop.life.update(shop.member, interface.ref, {"description": "ours"})


async def test_the_network_of_the_default_gateway_stays(shop: BalancerDesk) -> None:
    made = await shop.sold()
    network = await shop.network("10.225.225.0/24", shop.member)
    interface = await shop.slot(1)
    await shop.life.update(shop.member, interface.ref, {"network_id": network.id})
    await shop.life.update(shop.member, made.ref, {"default_gateway": "10.225.225.1"})
    with pytest.raises(Conflict, match=r"default_gateway: 10\.225\.225\.1 lies in no network"):
        await shop.life.update(shop.member, interface.ref, {"network_id": None})
    await shop.life.update(shop.member, made.ref, {"default_gateway": None})
    await shop.life.update(shop.member, interface.ref, {"network_id": None})


async def test_a_port_that_was_never_plugged_goes_when_its_server_is_up_to_date(shop: BalancerDesk) -> None:
    await shop.sold()
    one, two = [await shop.network(f"10.{n}.0.0/16", shop.member) for n in (225, 226)]
    interface = await shop.slot(1)
    await shop.life.update(shop.member, interface.ref, {"network_id": one.id})
    _, never, instance, _ = await below(shop, await shop.row(interface.ref))
    await shop.life.update(shop.member, interface.ref, {"network_id": two.id})
    assert (await shop.row(never.ref))["description"] == f"left by vnf_instance {instance.id}"
    await shop.done(never.ref)
    assert not (await shop.row(never.ref)).marked_for_deletion
    await shop.done(instance.ref)
    assert (await shop.row(never.ref)).marked_for_deletion


async def test_a_port_that_a_failed_server_has_left_goes_with_the_server(shop: BalancerDesk) -> None:
    made = await shop.sold()
    await shop.plug()
    one, two = [await shop.network(f"10.{n}.0.0/16", shop.member) for n in (225, 226)]
    interface = await shop.slot(1)
    await shop.life.update(shop.member, interface.ref, {"network_id": one.id})
    _, port, instance, _ = await below(shop, await shop.row(interface.ref))
    await shop.life.update(shop.member, port.ref, {"device_id": made.id, "device_owner": "compute:nova"})
    await shop.done(instance.ref, error="Nova said no")
    await shop.life.update(shop.member, interface.ref, {"network_id": two.id})
    await shop.work_off()
    assert not (await shop.row(port.ref)).marked_for_deletion
    await shop.life.delete(shop.member, made.ref)
    await shop.work_off()
    assert await shop.gone(port.ref)


async def test_interfaces_are_added_up_to_the_limit_and_the_last_one_can_go(shop: BalancerDesk) -> None:
    made = await shop.sold()
    network = await shop.network("10.225.225.0/24", shop.member)
    body = {"load_balancer_id": made.id, "tenant_id": TENANT}
    for slot in (0, 2, 4):
        with pytest.raises(Invalid) as caught:
            await shop.create("load_balancer_interface", shop.member, slot_number=slot, **body)
        assert dict(caught.value.errors) == {"slot_number": "the next slot is 3"}
    await shop.told()
    new = await shop.create("load_balancer_interface", shop.member, slot_number=3, network_id=network.id, **body)
    assert [kind for kind, _ in await shop.told()] == [
        "ports", "vnf_interfaces", "vnf_instances", "load_balancer_confs", "load_balancers", "load_balancer_interfaces",
    ]  # fmt: skip
    assert (new["name"], new["type"], new["ip_address"]) == ("Interface 1/3", "user", "10.225.225.3")
    last = await shop.create("load_balancer_interface", shop.member, slot_number=4, **body)
    with pytest.raises(Conflict, match="the plan allows 5 interfaces"):
        await shop.create("load_balancer_interface", shop.member, slot_number=5, **body)
    with pytest.raises(NotFound):
        await shop.life.delete(shop.stranger, last.ref)
    await shop.work_off()
    for row in (await shop.slot(0), await shop.slot(2), new):
        with pytest.raises(Conflict, match="cannot be deleted: only the last one"):
            await shop.life.delete(shop.member, row.ref)
    _, port, _, _ = await below(shop, last)
    await shop.told()
    await shop.life.delete(shop.member, last.ref)
    kinds = [kind for kind, _ in await shop.told()]
    assert kinds == [
        "load_balancer_interfaces", "vnf_instances", "load_balancer_confs", "vnf_interfaces", "load_balancers",
    ]  # fmt: skip
    assert (await shop.row(port.ref))["fake_delete"] is False
    await shop.work_off()
    _, _, instance, conf = await below(shop, new)
    assert len(instance["networks"]) == len(conf["networks"]) == 4


async def test_an_update_without_a_change_tries_again_what_has_failed(shop: BalancerDesk) -> None:
    await shop.sold()
    interface = await shop.slot(1)
    _, _, instance, conf = await below(shop, interface)
    network = await shop.network("10.225.225.0/24", shop.member)
    await shop.life.update(shop.member, interface.ref, {"network_id": network.id})
    for ref in (instance.ref, conf.ref, Ref("load_balancer", interface["load_balancer_id"])):
        await shop.done(ref, error="Nova said no")
    await shop.told()
    await shop.life.update(shop.member, interface.ref, {})
    assert await shop.told() == [
        ("vnf_instances", 3), ("load_balancer_confs", 3), ("load_balancers", 3), ("load_balancer_interfaces", 3),
    ]  # fmt: skip


async def test_syslog_servers_are_limited_and_have_names_of_their_own(shop: BalancerDesk) -> None:
    made = await shop.sold()
    body = {"ip_address": "192.0.2.9", "load_balancer_id": made.id, "tenant_id": TENANT}
    first = await shop.made("load_balancer_syslog_server", shop.member, name="one", **body)
    assert first["vserver_ip_address"] == "100.64.193.5"
    assert (await shop.row(Ref("port", first["vserver_port_id"])))["device_owner"] == "network:empty"
    with pytest.raises(Conflict, match="another syslog server of the load balancer is called 'one'"):
        await shop.create("load_balancer_syslog_server", shop.member, name="one", **body)
    await shop.made("load_balancer_syslog_server", shop.member, name="two", **body)
    with pytest.raises(Conflict, match="the plan allows 2 syslog servers"):
        await shop.create("load_balancer_syslog_server", shop.member, name="three", **body)
    for changes, path in (
        ({"name": "-x"}, "name"), ({"ip_address": "log.example"}, "ip_address"), ({"port_number": 0}, "port_number"),
        ({"log_level": "ALL; rm"}, "log_level"), ({"vserver_ip_address": "1.2.3.4"}, "vserver_ip_address"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as caught:
            await shop.create("load_balancer_syslog_server", shop.member, **{"name": "n", **body, **changes})
        assert path in dict(caught.value.errors)
    await shop.life.delete(shop.member, first.ref)
    await shop.work_off()
    assert await shop.gone(Ref("port", first["vserver_port_id"]))
    await shop.made("load_balancer_syslog_server", shop.member, name="three", **body)
