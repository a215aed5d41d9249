"""One POST makes a load balancer with all that it is made of; what cannot be sold is refused and nothing is made."""

import re
from typing import Any

import pytest

from esi.errors import Conflict, Forbidden, Invalid, NotFound, QuotaExceeded
from esi.identity import SYSTEM, Identity
from esi.model.resource import Ref, Resource
from unit.services.balancer_desk import LICENCE, BalancerDesk
from unit.services.desk import OTHER, TENANT

MADE = [
    *[("ports", 1)] * 3, ("vnf_instances", 1), *[("vnf_interfaces", 1)] * 3, ("ports", 1), ("load_balancer_confs", 1),
    ("load_balancers", 1), *[("load_balancer_interfaces", 1)] * 3,
]  # fmt: skip
PARTS = ("port", "vnf_instance", "vnf_interface", "load_balancer_conf", "load_balancer", "load_balancer_interface")


async def parts(shop: BalancerDesk) -> dict[str, int]:
    return {schema: len(await shop.all(schema)) for schema in PARTS}


async def test_one_post_makes_thirteen_things_in_their_order(shop: BalancerDesk) -> None:
    before = await parts(shop)
    await shop.told()
    made = await shop.create("load_balancer", shop.member, **shop.order())
    assert [item for item in await shop.told() if item[0] != "v1.0"] == MADE
    conf = await shop.row(Ref("load_balancer_conf", made["load_balancer_conf_id"]))
    assert [item["type"] for item in conf["networks"]] == ["user", "dummy", "dummy"]
    assert conf["management_gateway"] == "100.64.193.1"
    assert conf["internet_port"]["mask"] == "255.255.255.0"
    assert {row["tenant_id"] for schema in PARTS for row in await shop.all(schema)} == {TENANT}
    counts = await parts(shop)
    assert {schema: counts[schema] - before[schema] for schema in PARTS} == {
        "port": 4, "vnf_instance": 1, "vnf_interface": 3, "load_balancer_conf": 1, "load_balancer": 1,
        "load_balancer_interface": 3,
    }  # fmt: skip


async def test_passwords_are_made_and_shown_to_nobody(shop: BalancerDesk) -> None:
    first, second = [await shop.create("load_balancer", shop.member, **shop.order()) for _ in range(2)]
    passwords = {row[name] for row in (first, second) for name in ("admin_password", "user_password")}
    assert len(passwords) == 4
    assert all(re.fullmatch("[A-Za-z0-9]{12}", password) for password in passwords)
    for identity in (SYSTEM, shop.member):
        shown = await shop.life.show(identity, first.ref)
        assert not [name for name in shown if name.endswith("_password")]
    conf = Ref("load_balancer_conf", first["load_balancer_conf_id"])
    shown = await shop.life.show(shop.member, conf)
    assert not [name for name in shown if name.endswith("_password")]
    assert (await shop.row(conf))["admin_password"] == first["admin_password"]


async def test_a_shown_load_balancer_tells_of_its_interfaces_and_syslog_servers(shop: BalancerDesk) -> None:
    made = await shop.sold()
    shown = await shop.life.show(shop.member, made.ref)
    assert [item["name"] for item in shown["interfaces"]] == ["Interface 0/1", "Interface 1/1", "Interface 1/2"]
    assert {item["status"] for item in shown["interfaces"]} == {"ACTIVE"}
    assert (shown["status"], shown["syslog_servers"], shown["networks"]) == ("ACTIVE", None, [])
    body = {"name": "log", "ip_address": "192.0.2.9", "load_balancer_id": made.id, "tenant_id": TENANT}
    server = await shop.create("load_balancer_syslog_server", shop.member, **body)
    (row,) = (await shop.life.list(shop.member, "load_balancer")).rows
    assert [item["id"] for item in row["syslog_servers"]] == [server.id]
    assert (await shop.life.list(shop.stranger, "load_balancer")).rows == []


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"enabled": False}, Conflict, "is not sold"),
        ({"is_public": False, "tenant_id": OTHER}, Invalid, "load_balancer_plan_id"),
    ],
)
async def test_a_plan_that_is_not_sold_is_refused(
    shop: BalancerDesk, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    plan = await shop.lb_plan(**changes)
    before = await parts(shop)
    with pytest.raises(error, match=words):
        await shop.create("load_balancer", shop.member, **shop.order(load_balancer_plan_id=plan.id))
    assert await parts(shop) == before


@pytest.mark.parametrize("networks", ["management_networks", "dummy_networks"])
async def test_a_plan_whose_template_has_no_networks_is_refused(shop: BalancerDesk, networks: str) -> None:
    template = await shop.vnf_template(**{networks: []})
    plan = await shop.lb_plan(vnf_template_id=template.id)
    with pytest.raises(Conflict, match=f"cannot be used: its vnf_template {template.id} has no {networks}"):
        await shop.create("load_balancer", shop.member, **shop.order(load_balancer_plan_id=plan.id))


async def test_a_management_network_without_a_subnet_is_refused_and_nothing_is_made(shop: BalancerDesk) -> None:
    empty = await shop.made("network", tenant_id=TENANT)
    template = await shop.vnf_template(management_networks=[empty.id])
    plan = await shop.lb_plan(vnf_template_id=template.id)
    before = await parts(shop)
    with pytest.raises((Invalid, Conflict)):
        await shop.create("load_balancer", shop.member, **shop.order(load_balancer_plan_id=plan.id))
    assert await parts(shop) == before


async def test_what_is_made_for_something_else_makes_no_plan(shop: BalancerDesk) -> None:
    wall = await shop.vnf_template(function="firewall")
    with pytest.raises(Invalid) as caught:
        await shop.lb_plan(vnf_template_id=wall.id)
    assert "vnf_template_id" in dict(caught.value.errors)
    size = await shop.vnf_plan(function="firewall")
    with pytest.raises(Invalid) as caught:
        await shop.lb_plan(vnf_plan_id=size.id)
    assert "vnf_plan_id" in dict(caught.value.errors)
    with pytest.raises(Invalid) as caught:
        await shop.vnf_plan(default_interface_number=6)
    assert "default_interface_number" in dict(caught.value.errors)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"load_balancer_plan_id": "00000000-0000-4000-8000-000000000000"}, "load_balancer_plan_id"),
        ({"default_gateway": "300.1.1.1"}, "default_gateway"),
        ({"other_username": "ops"}, "other_username"),
        ({"other_password": "ops"}, "other_username"),
        ({"other_username": "user-admin", "other_password": "x"}, "other_username"),
        ({"other_username": "nsroot", "other_password": "x"}, "other_username"),
        ({"other_username": "a b", "other_password": "x"}, "other_username"),
        ({"admin_password": "mine"}, "admin_password"),
        ({"internet_port_id": "00000000-0000-4000-8000-000000000000"}, "internet_port_id"),
        ({"interfaces": []}, "interfaces"),
        ({"vnf_instance_id": ""}, "vnf_instance_id"),
    ],
)
async def test_a_field_that_cannot_be_accepted_is_named(shop: BalancerDesk, changes: dict[str, Any], path: str) -> None:
    before = await parts(shop)
    with pytest.raises(Invalid) as caught:
        await shop.create("load_balancer", shop.member, **shop.order(**changes))
    assert path in dict(caught.value.errors)
    assert await parts(shop) == before


async def test_tenants_see_what_is_sold_and_neither_its_licence_nor_the_factory_login(shop: BalancerDesk) -> None:
    (plan,) = (await shop.life.list(shop.member, "load_balancer_plan")).rows
    assert LICENCE not in str(plan)
    assert plan["name"] == "50 Mbps"
    with pytest.raises(Forbidden):
        await shop.life.show(shop.member, shop.template.ref)
    auditor = Identity("eve", TENANT, ("admin",))
    assert "factory word" not in str(await shop.life.show(auditor, shop.template.ref))


async def test_another_plan_of_the_same_appliance_reaches_the_configuration(shop: BalancerDesk) -> None:
    made = await shop.sold()
    bigger = await shop.lb_plan(name="200 Mbps", model={"edition": "Standard", "size": "200"})
    await shop.told()
    await shop.life.update(shop.member, made.ref, {"load_balancer_plan_id": bigger.id})
    assert await shop.told() == [("load_balancer_confs", 2), ("load_balancers", 2)]
    conf = await shop.row(Ref("load_balancer_conf", made["load_balancer_conf_id"]))
    assert conf["load_balancer_plan_id"] == bigger.id
    large = await shop.lb_plan(vnf_plan_id=(await shop.vnf_plan(flavor="m1.huge")).id)
    off = await shop.lb_plan(enabled=False)
    with pytest.raises(Invalid) as caught:
        await shop.life.update(shop.member, made.ref, {"load_balancer_plan_id": large.id})
    assert "has another vnf_plan" in dict(caught.value.errors)["load_balancer_plan_id"]
    with pytest.raises(Conflict, match="is not sold"):
        await shop.life.update(shop.member, made.ref, {"load_balancer_plan_id": off.id})


async def test_gateway_and_users_reach_the_configuration_and_a_name_does_not(shop: BalancerDesk) -> None:
    made = await shop.sold()
    await shop.told()
    await shop.life.update(shop.member, made.ref, {"name": "front"})
    assert await shop.told() == [("load_balancers", 2)]
    other = {"other_username": "ops", "other_password": "Sesame1"}
    await shop.life.update(shop.member, made.ref, {"default_gateway": "100.64.193.1", **other})
    assert await shop.told() == [("load_balancer_confs", 2), ("load_balancers", 3)]
    conf = (await shop.row(Ref("load_balancer_conf", made["load_balancer_conf_id"]))).body
    assert {name: conf[name] for name in other} == other
    assert conf["default_gateway"] == "100.64.193.1"
    for gateway in ("192.0.2.1", "10.121.232.1"):
        with pytest.raises(Conflict, match="lies in no network of an interface"):
            await shop.life.update(shop.member, made.ref, {"default_gateway": gateway})
    with pytest.raises(Invalid):
        await shop.life.update(shop.member, made.ref, {"default_gateway": "100.64.193.3"})
    with pytest.raises(Invalid):
        await shop.life.update(shop.member, made.ref, {"other_password": ""})
    await shop.life.update(shop.member, made.ref, {"other_username": "", "other_password": ""})


async def test_an_update_tries_again_what_has_failed_below(shop: BalancerDesk) -> None:
    made = await shop.sold()
    conf = Ref("load_balancer_conf", made["load_balancer_conf_id"])
    instance = Ref("vnf_instance", made["vnf_instance_id"])
    for ref in (conf, instance):
        await shop.life.update(SYSTEM, ref, {"name": "again"})
        await shop.done(ref, error="no valid host was found")
    await shop.told()
    await shop.life.update(shop.member, made.ref, {})
    assert await shop.told() == [("vnf_instances", 3), ("load_balancer_confs", 3), ("load_balancers", 2)]


async def test_an_update_tries_again_who_refers_to_it_after_itself(shop: BalancerDesk) -> None:
    made = await shop.sold()
    (interface, *_) = await shop.all("load_balancer_interface")
    await shop.life.update(shop.member, interface.ref, {"name": "again"})
    await shop.done(interface.ref, error="dependency failed: no valid host was found")
    await shop.told()
    await shop.life.update(shop.member, made.ref, {})
    assert await shop.told() == [("load_balancers", 2), ("load_balancer_interfaces", 3)]


async def test_what_an_appliance_has_not_let_go_goes_with_its_server(shop: BalancerDesk) -> None:
    made = await shop.sold()
    conf = Ref("load_balancer_conf", made["load_balancer_conf_id"])
    await shop.life.delete(shop.member, made.ref)
    await shop.done(made.ref)
    await shop.done(conf, error="Invalid username or password")
    await shop.told()
    await shop.done(Ref("vnf_instance", made["vnf_instance_id"]))
    assert ("load_balancer_confs", 3) in await shop.told()
    assert not (await shop.row(conf)).state_error


async def test_a_reboot_is_done_once_and_can_be_wanted_again(shop: BalancerDesk) -> None:
    made = await shop.sold()
    instance = Ref("vnf_instance", made["vnf_instance_id"])
    for version in (2, 4):
        await shop.life.action(shop.member, made.ref, "reboot", {"type": "HARD"})
        row = await shop.row(instance)
        assert (row.config_version, row["reboot"]) == (version, "HARD")
        await shop.done(instance)
        row = await shop.row(instance)
        assert (row.config_version, row["reboot"]) == (version + 1, "")
        await shop.done(instance)
        assert (await shop.row(instance)).config_version == version + 1
    for given in ({}, {"type": "SOFT"}, {"type": "HARD", "now": True}):
        with pytest.raises(Invalid):
            await shop.life.action(shop.member, made.ref, "reboot", given)
    with pytest.raises(NotFound):
        await shop.life.action(shop.stranger, made.ref, "reboot", {"type": "HARD"})


async def test_a_reboot_that_has_failed_is_still_wanted(shop: BalancerDesk) -> None:
    made = await shop.sold()
    instance = Ref("vnf_instance", made["vnf_instance_id"])
    await shop.life.action(shop.member, made.ref, "reboot", {"type": "HARD"})
    await shop.done(instance, error="Nova said no")
    row = await shop.row(instance)
    assert (row["status"], row["reboot"]) == ("ERROR", "HARD")


async def test_a_password_is_answered_once(shop: BalancerDesk) -> None:
    made = await shop.sold(other_username="ops", other_password="Sesame1")
    conf = Ref("load_balancer_conf", made["load_balancer_conf_id"])
    await shop.told()
    for user, name in (("admin", "user-admin"), ("user", "user-read"), ("other", "ops")):
        answer = await shop.life.action(shop.member, made.ref, "reset_password", {"username": name})
        password = answer.pop("new_password")
        assert answer == {"username": name}
        assert re.fullmatch("[A-Za-z0-9]{12}", password)
        assert (await shop.row(conf))[f"{user}_password"] == password
        assert (await shop.row(made.ref))[f"{user}_password"] == password
    assert [kind for kind, _ in await shop.told()] == ["load_balancer_confs", "load_balancers"] * 3
    given = {"username": "user-admin", "password": "Own-Word.1"}
    assert (await shop.life.action(shop.member, made.ref, "reset_password", given))["new_password"] == "Own-Word.1"
    for wrong in ({"username": "root"}, {"username": ""}, {}, {"username": "user-admin", "password": "a b"}):
        with pytest.raises(Invalid):
            await shop.life.action(shop.member, made.ref, "reset_password", wrong)
    log = await shop.store.read(lambda rows: rows.history(made.ref))
    assert "Own-Word.1" not in str(log)


async def test_a_delete_takes_everything_down_and_gives_the_addresses_back(shop: BalancerDesk) -> None:
    before = await parts(shop)
    made = await shop.sold()
    body = {"name": "log", "ip_address": "192.0.2.9", "load_balancer_id": made.id, "tenant_id": TENANT}
    await shop.made("load_balancer_syslog_server", shop.member, **body)
    await shop.plug()
    await shop.told()
    await shop.life.delete(shop.member, made.ref)
    kinds = [kind for kind, _ in await shop.told()]
    assert kinds == [
        *["load_balancer_interfaces"] * 3, "load_balancer_syslog_servers", "load_balancers", "load_balancer_confs",
        *["vnf_interfaces"] * 3, "vnf_instances",
    ]  # fmt: skip
    internet = await shop.row(Ref("port", made["internet_port_id"]))
    assert not internet.marked_for_deletion
    await shop.life.delete(shop.member, made.ref)
    assert await shop.told() == []
    await shop.work_off()
    assert await shop.all("load_balancer_syslog_server") == []
    assert await parts(shop) == before
    again = await shop.sold()
    conf = await shop.row(Ref("load_balancer_conf", again["load_balancer_conf_id"]))
    assert [item["ip_address"] for item in conf["networks"]] == ["100.64.193.3", "10.121.232.3", "10.121.232.4"]
    assert conf["internet_port"]["ip_address"] == "100.64.193.4"


async def test_the_ports_stay_until_the_server_is_gone(shop: BalancerDesk) -> None:
    made = await shop.sold()
    await shop.plug()
    instance = await shop.row(Ref("vnf_instance", made["vnf_instance_id"]))
    await shop.life.delete(shop.member, made.ref)
    ports = [await shop.row(Ref("port", item["port"])) for item in instance["networks"]]
    assert not any(port.marked_for_deletion for port in ports)
    await shop.done(instance.ref)
    ports = [await shop.row(port.ref) for port in ports]
    assert all(port.marked_for_deletion for port in ports)


async def test_its_parts_cannot_be_taken_away_under_it(shop: BalancerDesk) -> None:
    made = await shop.sold()
    for name in ("load_balancer_conf", "vnf_instance"):
        with pytest.raises(Conflict, match="is in use by"):
            await shop.life.delete(shop.member, Ref(name, made[f"{name}_id"]))
    for row in (shop.plan, shop.template, shop.size, shop.management):
        with pytest.raises(Conflict, match="is in use by"):
            await shop.life.delete(SYSTEM, row.ref)


async def test_a_tenant_may_have_as_many_as_its_quota_says(shop: BalancerDesk) -> None:
    await shop.life.ensure("quota", {**shop.default_quota, "id": "own", "tenant_id": TENANT, "load_balancer": 1})
    await shop.create("load_balancer", shop.member, **shop.order())
    before = await parts(shop)
    with pytest.raises(QuotaExceeded, match="may have 1 load_balancers"):
        await shop.create("load_balancer", shop.member, **shop.order())
    assert await parts(shop) == before


async def test_the_last_address_of_the_management_network_is_not_sold_twice(shop: BalancerDesk) -> None:
    small = await shop.network("192.0.2.0/29")
    template = await shop.vnf_template(management_networks=[small.id])
    order = shop.order(load_balancer_plan_id=(await shop.lb_plan(vnf_template_id=template.id)).id)
    for _ in range(2):
        await shop.create("load_balancer", shop.member, **order)
    before = await parts(shop)
    with pytest.raises(Conflict, match=f"no subnet of the network has a free address .network {small.id}"):
        await shop.create("load_balancer", shop.member, **order)
    assert await parts(shop) == before


def billed(rows: list[Resource]) -> list[tuple[Any, ...]]:
    """What stands on the bill of load balancers: kind, plan's name, begun, ended, version."""
    listed = [row for row in rows if row["resource_type"] != "network"]
    listed.sort(key=lambda row: (row["resource_type"], row["ended"] is None))
    return [
        (
            row["resource_type"],
            row["info"].get("plan_name"),
            row["started"] is not None,
            row["ended"] is not None,
            version,
        )
        for row in listed
        for version in [row["config_version"]]
    ]


async def test_a_load_balancer_and_its_plan_are_billed_from_active_to_gone(shop: BalancerDesk) -> None:
    made = await shop.create("load_balancer", shop.member, **shop.order())
    one, plan = "load_balancer", "load_balancer_plan"
    assert billed(await shop.all("billing_resource")) == [
        (one, None, False, False, 1), (plan, "50 Mbps", False, False, 1),
    ]  # fmt: skip
    await shop.work_off()
    rows = await shop.all("billing_resource")
    assert billed(rows) == [(one, None, True, False, 1), (plan, "50 Mbps", True, False, 1)]
    first = next(row for row in rows if row["resource_type"] == one)
    second = next(row for row in rows if row["resource_type"] == plan)
    assert first["started"] == second["started"]
    assert (first["resource_id"], first["unique_resource_id"], first["parent_billing_id"]) == (made.id, made.id, None)
    assert (second["resource_id"], second["unique_resource_id"]) == (shop.plan.id, None)
    assert second["parent_billing_id"] == first.id
    bigger = await shop.lb_plan(name="200 Mbps", model={"edition": "Standard", "size": "200"})
    await shop.life.update(shop.member, made.ref, {"load_balancer_plan_id": bigger.id})
    assert billed(await shop.all("billing_resource")) == [
        (one, None, True, False, 2), (plan, "50 Mbps", True, True, 2), (plan, "200 Mbps", True, False, 2),
    ]  # fmt: skip
    ended = {row.id: row["ended"] for row in await shop.all("billing_resource") if row["ended"]}
    await shop.life.delete(shop.member, made.ref)
    await shop.work_off()
    rows = await shop.all("billing_resource")
    assert [item[3] for item in billed(rows)] == [True] * 3
    assert ended.items() <= {row.id: row["ended"] for row in rows}.items()
