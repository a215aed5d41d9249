"""Lists: filters as Nova and the clients write them, order, pages, fields, and what a list costs."""

from __future__ import annotations

from typing import Any

import pytest

from esi.model.resource import Ref
from unit.neutron.bench import Bench
from unit.services.desk import OTHER, TENANT

SERVER = "22222222-3333-4444-8555-666666666666"


async def names(bench: Bench, query: str, plural: str = "ports") -> list[str]:
    body = await bench.get(f"/v2.0/{plural}.json?{query}")
    return [row["name"] for row in body[plural]]


async def test_filters_say_which_ports(bench: Bench) -> None:
    desk = bench.desk
    a = await bench.port(name="a")
    b = await bench.port(name="b", admin_state_up=False)
    await bench.ask("PUT", f"/v2.0/ports/{b['id']}", {"port": {"device_id": SERVER, "device_owner": "compute:nova"}})
    await desk.done(Ref("port", a["id"]))
    address = a["fixed_ips"][0]["ip_address"]
    other = b["fixed_ips"][0]["ip_address"]
    dhcp = "dhcp-server-port"
    found: dict[str, set[str]] = {
        f"id={a['id']}": {"a"},
        f"id={a['id']}&id={b['id']}": {"a", "b"},
        "name=a&name=b": {"a", "b"},
        f"device_id={SERVER}": {"b"},
        f"tenant_id={TENANT}&device_id={SERVER}": {"b"},
        f"project_id={TENANT}&name=a": {"a"},
        f"tenant_id={OTHER}": set(),
        "device_id=": {"a"},
        f"network_id={desk.network.id}&device_owner=network:dhcp": {dhcp},
        "admin_state_up=False": {"b"},
        "admin_state_up=true&name=a": {"a"},
        "status=DOWN": {"a"},
        "status=BUILD": {"b"},
        "status=ACTIVE": {dhcp},
        f"mac_address={a['mac_address']}": {"a"},
        f"fixed_ips=ip_address={address}": {"a"},
        f"fixed_ips=ip_address={address}&fixed_ips=ip_address={other}": {"a", "b"},
        f"fixed_ips=ip_address={address}&fixed_ips=subnet_id={desk.subnet.id}": {"a"},
        f"fixed_ips=subnet_id={SERVER}": set(),
        "fixed_ips=ip_address_substr=192.0.2": {"a", "b", dhcp},
        f"security_groups={SERVER}": set(),
        "binding:host_id=cn1": set(),
        "binding:vif_type=vrouter&name=a": {"a"},
    }
    for query, expected in found.items():
        assert set(await names(bench, query)) == expected, query


async def test_filters_say_which_networks_and_subnets(bench: Bench) -> None:
    network, subnet = bench.desk.network.id, bench.desk.subnet.id
    assert await names(bench, f"id={network}&router:external=False&shared=False", "networks") == ["n"]
    assert await names(bench, "router:external=True", "networks") == []
    assert await names(bench, "shared=True", "networks") == []
    assert await names(bench, "provider:network_type=vlan", "networks") == []
    found = (await bench.get(f"/v2.0/networks.json?subnets={subnet}"))["networks"]
    assert [row["id"] for row in found] == [network]
    for query in (f"id={subnet}", f"network_id={network}", "ip_version=4", "cidr=192.0.2.0/28", "enable_dhcp=True"):
        assert [row["id"] for row in (await bench.get(f"/v2.0/subnets?{query}"))["subnets"]] == [subnet], query
    assert (await bench.get("/v2.0/subnets?ip_version=6"))["subnets"] == []


@pytest.mark.parametrize(
    "query",
    [
        "colour=blue",
        "allowed_address_pairs=x",
        "fixed_ips=192.0.2.1",
        "admin_state_up=perhaps",
        "segmentation_id=x",
        "segmentation_id=²",
        "limit=x",
        "sort_key=colour",
        "sort_key=fixed_ips",
        "sort_dir=asc",
        "sort_key=name&sort_dir=up",
    ],
)
async def test_what_is_not_understood_is_refused(bench: Bench, query: str) -> None:
    assert (await bench.refused("GET", f"/v2.0/ports?{query}"))[:2] == (400, "InvalidInput")


async def test_order_and_fields(bench: Bench) -> None:
    for name, up in (("b", True), ("a", True), ("c", False)):
        await bench.port(name=name, admin_state_up=up)
    which = "&".join(f"name={name}" for name in "abc")
    assert await names(bench, f"{which}&sort_key=name&sort_dir=desc") == ["c", "b", "a"]
    sort = "sort_key=admin_state_up&sort_key=name&sort_dir=asc&sort_dir=desc"
    assert await names(bench, f"{which}&{sort}") == ["c", "b", "a"]
    rows = (await bench.get(f"/v2.0/ports?{which}&fields=name&fields=tenant_id&sort_key=name"))["ports"]
    assert rows[0] == {"name": "a", "tenant_id": TENANT}


async def test_pages_follow_each_other_both_ways(bench: Bench) -> None:
    for name in "edcba":
        await bench.port(name=name)
    which = "&".join(f"name={name}" for name in "abcde")
    path = f"/v2.0/ports?{which}&sort_key=name&limit=2"
    seen: list[list[str]] = []
    body: dict[str, Any] = {}
    while path:
        body = await bench.get(path)
        seen.append([row["name"] for row in body["ports"]])
        path = href(body, "next")
    assert seen == [["a", "b"], ["c", "d"], ["e"]]
    back = await bench.get(href(body, "previous"))
    assert [row["name"] for row in back["ports"]] == ["c", "d"]
    first = await bench.get(href(back, "previous"))
    assert ([row["name"] for row in first["ports"]], href(first, "previous")) == (["a", "b"], "")
    for all_of_them in ("limit=0", "limit=-1", "limit=infinite", "limit=5"):
        body = await bench.get(f"/v2.0/ports?{which}&{all_of_them}")
        assert (len(body["ports"]), "ports_links" in body) == (5, False)
    gone = await bench.refused("GET", f"/v2.0/ports?limit=2&marker={SERVER}")
    assert gone == (404, "PortNotFound", f"Port {SERVER} could not be found.")


def href(body: dict[str, Any], rel: str) -> str:
    return next((str(link["href"]) for link in body.get("ports_links", ()) if link["rel"] == rel), "")


async def test_a_list_costs_the_same_statements_however_long_it_is(bench: Bench) -> None:
    """Counted, not timed: one statement for the rows, and for networks one more for all their subnets."""

    async def cost(path: str) -> int:
        before = bench.desk.store.statements
        await bench.get(path)
        return bench.desk.store.statements - before

    few = {plural: await cost(f"/v2.0/{plural}") for plural in ("ports", "networks", "subnets")}
    whose = {bench.desk.network.id: [bench.desk.subnet.id]}
    for number in range(10):
        network = await bench.made("network", name=f"n{number}")
        subnet = await bench.made("subnet", network_id=network["id"], cidr="198.51.100.0/24")
        whose[network["id"]] = [subnet["id"]]
        await bench.port(name=f"p{number}")
    many = {plural: await cost(f"/v2.0/{plural}") for plural in few}
    assert many == few
    assert {row["id"]: row["subnets"] for row in (await bench.get("/v2.0/networks"))["networks"]} == whose
    assert few["ports"] == few["subnets"] <= few["networks"] <= few["ports"] + 1
