"""Neutron's verbs over the real services: what is told and taken, whose it is, and what a refusal looks like."""

from __future__ import annotations

import io
from typing import Any

import pytest

from esi.identity import SYSTEM
from esi.identity.accounts import HOME
from esi.model.resource import Ref
from unit.neutron.bench import Bench
from unit.services.desk import OTHER, TENANT

NOBODY = "11111111-2222-4333-8444-555555555555"


async def test_versions_need_no_token_and_the_rest_does(bench: Bench) -> None:
    status, body, _ = await bench.ask("GET", "/", token="")
    assert (status, body["versions"][0]["id"]) == (200, "v2.0")
    assert body["versions"][0]["links"][0]["href"] == f"{bench.room.url}/v2.0/"
    for token in ("", "somebody"):
        status, body, headers = await bench.ask("GET", "/v2.0/ports.json", token=token)
        assert (status, body["error"]["code"]) == (401, 401)
        assert headers["WWW-Authenticate"].startswith("Keystone uri=")
    assert [row["collection"] for row in (await bench.get("/v2.0/"))["resources"]] == [
        "networks",
        "subnets",
        "ports",
        "security_groups",
    ]


async def test_extensions_are_none_as_recorded_and_what_is_not_here_is_empty(bench: Bench) -> None:
    assert await bench.get("/v2.0/extensions.json") == {"extensions": []}
    for path, name in (
        ("floatingips", "floatingips"),
        ("routers", "routers"),
        ("availability_zones", "availability_zones"),
        ("security-group-rules", "security_group_rules"),
    ):
        assert await bench.get(f"/v2.0/{path}.json?fixed_ip_address=192.0.2.4&port_id=x") == {name: []}
    assert await bench.refused("GET", "/v2.0/routers/r1") == (404, "RouterNotFound", "Router r1 could not be found.")
    assert (await bench.refused("POST", "/v2.0/routers", {"router": {}}))[:2] == (404, "HTTPNotFound")
    assert (await bench.refused("GET", "/v2.0/trunks"))[:2] == (404, "HTTPNotFound")
    assert (await bench.refused("GET", "/v3/ports"))[:2] == (404, "HTTPNotFound")


async def test_a_port_is_made_shown_changed_and_deleted(bench: Bench) -> None:
    made = await bench.port(name="one", admin_state_up=True)
    assert made["tenant_id"] == made["project_id"] == TENANT
    assert made["fixed_ips"] == [{"subnet_id": bench.desk.subnet.id, "ip_address": "192.0.2.3"}]
    assert (made["device_id"], made["device_owner"], made["binding:vif_type"]) == ("", "", "vrouter")
    assert made["status"] == "BUILD"
    await bench.desk.done(Ref("port", made["id"]))
    for path in (f"/v2.0/ports/{made['id']}", f"/v2.0/ports/{made['id']}.json", f"/v2.0/ports/{made['id']}/"):
        assert (await bench.get(path))["port"]["status"] == "DOWN"
    change = {"port": {"name": "two", "device_id": NOBODY, "device_owner": "compute:nova", "binding:host_id": "cn1"}}
    status, body, _ = await bench.ask("PUT", f"/v2.0/ports/{made['id']}.json", change, token="root")
    assert (status, body["port"]["device_owner"], body["port"]["status"]) == (200, "compute:nova", "BUILD")
    assert "binding:host_id" not in body["port"]
    back: dict[str, Any] = {
        "port": {"device_id": "", "device_owner": "", "binding:host_id": None, "binding:profile": {}}
    }
    assert (await bench.ask("PUT", f"/v2.0/ports/{made['id']}", back, token="root"))[0] == 200
    assert (await bench.ask("DELETE", f"/v2.0/ports/{made['id']}.json"))[:2] == (204, None)
    assert (await bench.get(f"/v2.0/ports/{made['id']}"))["port"]["status"] == "PENDING_DELETE"
    await bench.desk.done(Ref("port", made["id"]))
    assert await bench.refused("GET", f"/v2.0/ports/{made['id']}") == (
        404,
        "PortNotFound",
        f"Port {made['id']} could not be found.",
    )


async def test_the_recorded_port_is_told_as_it_was_with_project_id_beside(bench: Bench) -> None:
    """The rows of the recorded `neutron port-show`; newer clients look for project_id."""
    recorded = {
        *("admin_state_up", "allowed_address_pairs", "attached", "binding:vif_type", "description", "device_id"),
        *("device_owner", "ese_logical_port_id", "fake_delete", "fixed_ips", "id", "mac_address"),
        *("managed_by_service", "name", "network_id", "operational_state", "orchestration_state", "security_groups"),
        *("segmentation_id", "segmentation_type", "status", "tags", "tenant_id"),
    }
    made = await bench.port()
    assert set(await bench.port()) == recorded | {"project_id"}
    shown = (await bench.get(f"/v2.0/ports/{made['id']}?fields=id&fields=status&fields=nonsense"))["port"]
    assert shown == {"id": made["id"], "status": "BUILD"}


async def test_tags_are_a_list_as_new_clients_want_them(bench: Bench) -> None:
    made = await bench.port(tags=["colour=blue", "plain"])
    assert made["tags"] == ["colour=blue", "plain"]
    assert (await bench.desk.row(Ref("port", made["id"])))["tags"] == {"colour": "blue", "plain": ""}
    for query, found in (("plain", 1), ("plain,colour=blue", 1), ("colour", 0)):
        assert len((await bench.get(f"/v2.0/ports?tags={query}"))["ports"]) == found, query


async def test_a_port_that_its_service_keeps_is_only_detached(bench: Bench) -> None:
    body = {"network_id": bench.desk.network.id, "fake_delete": True, "device_owner": "compute:nova"}
    port = await bench.made("port", token="root", device_id=NOBODY, tenant_id=TENANT, **body)
    await bench.desk.done(Ref("port", port["id"]))
    assert (await bench.ask("DELETE", f"/v2.0/ports/{port['id']}.json", token="root"))[0] == 204
    left = (await bench.get(f"/v2.0/ports/{port['id']}"))["port"]
    assert (left["device_id"], left["device_owner"], left["attached"]) == ("", "", False)


async def test_a_network_tells_its_subnets_and_takes_what_it_told(bench: Bench) -> None:
    network, subnet = bench.desk.network.id, bench.desk.subnet.id
    shown = (await bench.get(f"/v2.0/networks/{network}.json"))["network"]
    assert (shown["subnets"], shown["router:external"], shown["project_id"]) == ([subnet], False, TENANT)
    same = {"router:external": False, "name": "other", "admin_state_up": True}
    status, body, _ = await bench.ask("PUT", f"/v2.0/networks/{network}", {"network": same})
    assert (status, body["network"]["subnets"], body["network"]["name"]) == (200, [subnet], "other")
    refused = await bench.refused("PUT", f"/v2.0/networks/{network}", {"network": {"router:external": True}})
    assert (refused[:2], "router:external" in refused[2]) == ((400, "HTTPBadRequest"), True)
    made = await bench.made("network", name="new")
    assert made["subnets"] == []
    second = await bench.made("subnet", network_id=made["id"], cidr="203.0.113.0/24", gateway_ip=None)
    assert (second["gateway_ip"], second["enable_dhcp"], second["allocation_pools"]) == (
        None,
        True,
        [{"start": "203.0.113.1", "end": "203.0.113.254"}],
    )


@pytest.mark.parametrize(
    ("body", "status", "type", "words"),
    [
        ({"network_id": NOBODY}, 404, "NetworkNotFound", f"Network {NOBODY} could not be found."),
        ({"fixed_ips": [{"subnet_id": NOBODY}]}, 404, "SubnetNotFound", f"Subnet {NOBODY} could not be found."),
        ({"fixed_ips": [{"ip_address": "192.0.2.1"}]}, 409, "IpAddressInUse", "192.0.2.1 is in use"),
        ({"fixed_ips": [{"ip_address": "10.0.0.1"}]}, 400, "InvalidInput", "lies in no subnet"),
        ({"mac_address": "fa:16:3e:00:00:01"}, 409, "MacAddressInUse", "fa:16:3e:00:00:01 is in use"),
        ({"mac_address": "nonsense"}, 400, "InvalidInput", "mac_address"),
        ({"colour": "blue"}, 400, "HTTPBadRequest", "Unrecognized attribute(s) 'colour'"),
        ({"device_owner": "network:dhcp"}, 400, "InvalidInput", "device_owner"),
        ({"managed_by_service": True}, 403, "PolicyNotAuthorized", "rule:create_port is disallowed by policy"),
        ({"tenant_id": OTHER}, 403, "PolicyNotAuthorized", "your own tenant"),
    ],
)
async def test_refusals_have_the_names_that_neutrons_clients_know(
    bench: Bench, body: dict[str, Any], status: int, type: str, words: str
) -> None:
    await bench.port(mac_address="fa:16:3e:00:00:01")
    sent = {"port": {"network_id": bench.desk.network.id, **body}}
    refused = await bench.refused("POST", "/v2.0/ports", sent)
    assert refused[:2] == (status, type)
    assert words in refused[2]


async def test_too_many_and_nothing_left_are_told_apart(bench: Bench) -> None:
    path, sent = "/v2.0/ports", {"port": {"network_id": bench.desk.network.id}}
    while (answer := await bench.ask("POST", path, sent))[0] == 201:
        pass
    assert (answer[0], answer[1]["NeutronError"]["type"]) == (409, "IpAddressGenerationFailure")
    limits = {name: 1 for name in bench.desk.catalogue["quota"].required if name != "tenant_id"}
    await bench.desk.create("quota", SYSTEM, tenant_id=TENANT, **limits)
    assert await bench.refused("POST", path, sent) == (409, "OverQuota", "Quota exceeded for resources: ['port'].")


async def test_what_is_in_use_is_not_deleted(bench: Bench) -> None:
    await bench.port()
    for plural, id_, type_ in (
        ("networks", bench.desk.network.id, "NetworkInUse"),
        ("subnets", bench.desk.subnet.id, "SubnetInUse"),
    ):
        assert (await bench.refused("DELETE", f"/v2.0/{plural}/{id_}.json"))[:2] == (409, type_)


async def test_tenants_see_their_own_and_administrators_all(bench: Bench) -> None:
    port = await bench.port(name="mine")
    assert await bench.get("/v2.0/ports", token=OTHER) == {"ports": []}
    for method, body in (("GET", None), ("PUT", {"port": {"name": "x"}}), ("DELETE", None)):
        refused = await bench.refused(method, f"/v2.0/ports/{port['id']}", body, token=OTHER)
        assert refused[:2] == (404, "PortNotFound")
    assert port["id"] in {row["id"] for row in (await bench.get("/v2.0/ports", token="root"))["ports"]}
    assert (await bench.refused("POST", "/v2.0/ports", {"port": {"network_id": port["network_id"]}}, token=OTHER))[
        :2
    ] == (404, "NetworkNotFound")


async def test_who_has_no_tenant_acts_for_the_project_of_those_without(bench: Bench) -> None:
    made = await bench.made("network", token="root", name="home")
    assert made["tenant_id"] == HOME
    bare = await bench.desk.create("network", SYSTEM, name="nobody's")
    found = (await bench.get(f"/v2.0/networks?tenant_id={HOME}", token="root"))["networks"]
    assert {row["id"] for row in found} == {made["id"], bare.id}
    assert {row["project_id"] for row in found} == {HOME}


async def test_security_groups_have_both_spellings_and_neutrons_rules(bench: Bench) -> None:
    rules = [{"address": "192.0.2.0/24", "protocol": "TCP", "port_range_min": 80, "port_range_max": 80}]
    group = {"security_group": {"name": "web", "rules": [*rules, {"address": "0.0.0.0/0", "direction": "Egress"}]}}
    status, made, _ = await bench.ask("POST", "/v2.0/security-groups.json", group)
    assert status == 201, made
    for path in ("security-groups", "security_groups"):
        listed = (await bench.get(f"/v2.0/{path}.json?name=web"))["security_groups"]
        assert [row["id"] for row in listed] == [made["security_group"]["id"]]
    first, second = listed[0]["security_group_rules"]
    assert (first["direction"], first["protocol"], first["port_range_min"], first["remote_ip_prefix"]) == (
        "ingress",
        "tcp",
        80,
        "192.0.2.0/24",
    )
    assert (second["direction"], second["protocol"], second["port_range_max"]) == ("egress", None, None)


async def test_quotas_are_the_tenants_own_or_the_default(bench: Bench) -> None:
    quota = (await bench.get(f"/v2.0/quotas/{TENANT}.json"))["quota"]
    assert (quota["port"], quota["network"], quota["router"]) == (30000, 10000, 0)
    limits = {name: 7 for name in bench.desk.catalogue["quota"].required if name != "tenant_id"}
    await bench.desk.create("quota", SYSTEM, tenant_id=TENANT, **limits)
    assert (await bench.get(f"/v2.0/quotas/{TENANT}"))["quota"]["port"] == 7
    assert (await bench.get("/v2.0/quotas/tenant"))["tenant"] == {"tenant_id": TENANT}
    assert (await bench.refused("GET", f"/v2.0/quotas/{OTHER}"))[:2] == (403, "PolicyNotAuthorized")
    assert (await bench.get(f"/v2.0/quotas/{OTHER}", token="root"))["quota"]["port"] == 30000
    assert [row["tenant_id"] for row in (await bench.get("/v2.0/quotas", token="root"))["quotas"]] == [TENANT]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{", "not JSON"),
        (b"[]", "Unable to find 'port'"),
        (b'{"port": []}', "Unable to find 'port'"),
        (b'{"ports": [{}]}', "several at once"),
        (b'{"port": {"tags": ' + b'{"a":' * 500 + b"1" + b"}" * 500 + b"}}", "nested too deep"),
    ],
)
async def test_bodies_that_are_none_are_refused(bench: Bench, data: bytes, words: str) -> None:
    status, told, _ = await bench.ask("POST", "/v2.0/ports", data=data)
    assert (status, words in told["NeutronError"]["message"]) == (400, True)


async def test_a_body_without_end_is_refused(bench: Bench) -> None:
    status, told, _ = await bench.ask("POST", "/v2.0/ports", data=io.BytesIO(b" " * (1024 * 1024 + 1)))
    assert (status, told["NeutronError"]["type"]) == (413, "HTTPRequestEntityTooLarge")


async def test_methods_that_are_none_here_lead_nowhere(bench: Bench) -> None:
    for method, path in (
        ("PATCH", "/v2.0/ports/x"),
        ("DELETE", "/v2.0/ports"),
        ("POST", "/v2.0/ports/x"),
        ("PUT", "/v2.0/ports"),
        ("GET", "/v2.0/ports/x/bindings"),
    ):
        assert (await bench.refused(method, path))[:2] == (404, "HTTPNotFound"), (method, path)


async def test_who_says_who_is_calling_is_away(bench: Bench) -> None:
    bench.known.gone = True
    assert (await bench.refused("GET", "/v2.0/ports"))[:2] == (503, "ServiceUnavailable")


async def test_writes_are_recorded_under_the_id_that_the_answer_carries(bench: Bench) -> None:
    sent = {"port": {"network_id": bench.desk.network.id}}
    _, made, headers = await bench.ask("POST", "/v2.0/ports", sent)
    await bench.get("/v2.0/ports")
    asked, answered = bench.recorder.messages
    assert {asked.request, answered.request} == {headers["x-openstack-request-id"]}
    assert (asked.subject, asked.body, answered.subject) == ("POST /v2.0/ports", sent, "201 POST /v2.0/ports")
    assert asked.refs == (("port", made["port"]["id"], 1),)
