"""The lab's Contrail refuses what the real one refuses, with its codes and texts, in its order."""

from __future__ import annotations

from random import Random
from typing import Any

import orjson
import pytest

from esi.clock import SystemClock
from esi.identity import Identity
from esi.lab.contrail import LabContrail
from esi.lab.web import Asked

PROJECT = "0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a"
TENANT = "0a" * 16
HOME = ["default-domain", "default-project"]
IPAM = [*HOME, "default-network-ipam"]
SYSTEM = "default-global-system-config"
NET, PORT, SUBNET = (f"{digit * 8}-1111-1111-1111-111111111111" for digit in "123")


class TurnedClock(SystemClock):
    ahead = 0.0

    def now(self) -> float:
        return 1_500_000_000.0 + self.ahead


class Bench:
    def __init__(self, keystone: str = "") -> None:
        self.clock = TurnedClock()
        self.lab = LabContrail(self.clock, Random(7), keystone=keystone)
        self.caller: Identity | None = None
        self.headers: dict[str, str] = {}

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
        return self._asked(self.lab.api, method, path, body, query)

    def told(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
        """The same of the analytics API."""
        return self._asked(self.lab.analytics, method, path, body, query)

    def _asked(self, face: Any, method: str, path: str, body: Any, query: dict[str, str]) -> tuple[int, Any]:
        raw = b"" if body is None else orjson.dumps(body)
        answer = face.handle(Asked(method, path, query, self.headers, raw, self.caller, "http://c"))
        self.tag = answer.headers.get("ETag", "")
        text = answer.body.decode()
        return answer.status, orjson.loads(text) if answer.type == "application/json" and text else text

    def make(self, type: str, fq_name: list[str], **fields: Any) -> tuple[int, Any]:
        return self.ask("POST", f"/{type}s", {type: {"fq_name": fq_name, **fields}})

    def network(self, *subnets: Any, uuid: str = NET) -> tuple[int, Any]:
        self.ask("GET", f"/project/{PROJECT}")
        refs = {"network_ipam_refs": [{"to": IPAM, "attr": {"ipam_subnets": list(subnets)}}]} if subnets else {}
        return self.make("virtual-network", ["default-domain", TENANT, uuid], uuid=uuid, parent_type="project", **refs)

    def port(self, **fields: Any) -> tuple[int, Any]:
        given = {"uuid": PORT, "parent_type": "project", "virtual_network_refs": [{"uuid": NET}], **fields}
        return self.make("virtual-machine-interface", ["default-domain", TENANT, PORT], **given)

    def address(self, name: str, **fields: Any) -> tuple[int, Any]:
        refs = {"virtual_network_refs": [{"uuid": NET}]}
        return self.make("instance-ip", [name], **refs, **fields)


def subnet(prefix: str = "10.1.0.0", uuid: str = SUBNET, **more: Any) -> dict[str, Any]:
    inside = {"subnet": {"ip_prefix": prefix, "ip_prefix_len": 29}, "subnet_uuid": uuid, "addr_from_start": True}
    return {**inside, "default_gateway": "0.0.0.0", **more}


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_tenant_is_a_project_when_somebody_asks(bench: Bench) -> None:
    status, found = bench.ask("GET", f"/project/{PROJECT}")
    assert (status, found["project"]["fq_name"]) == (200, ["default-domain", TENANT])
    assert found["project"]["security_groups"][0]["to"][-1] == "default"
    assert bench.ask("GET", "/project/not-a-uuid") == (400, "Invalid UUID format: not-a-uuid")


def test_an_answer_to_a_create_names_the_object_and_its_parent(bench: Bench) -> None:
    status, found = bench.network()
    assert status == 200
    assert found["virtual-network"] == {
        "name": NET,
        "fq_name": ["default-domain", TENANT, NET],
        "uuid": NET,
        "href": f"http://c/virtual-network/{NET}",
        "parent_uuid": PROJECT,
        "parent_href": f"http://c/project/{PROJECT}",
    }


def test_a_read_tells_numbers_rights_and_neighbours(bench: Bench) -> None:
    bench.network(subnet())
    bench.port()
    found = bench.ask("GET", f"/virtual-network/{NET}")[1]["virtual-network"]
    assert found["id_perms"]["uuid"] == {"uuid_mslong": 0x1111111111111111, "uuid_lslong": 0x1111111111111111}
    assert found["virtual_network_network_id"] > 4
    assert [row["uuid"] for row in found["virtual_machine_interface_back_refs"]] == [PORT]
    short = bench.ask("GET", f"/virtual-network/{NET}", exclude_back_refs="true", exclude_hrefs="true")[1]
    assert not {"virtual_machine_interface_back_refs", "href"} & set(short["virtual-network"])
    few = bench.ask("GET", f"/virtual-network/{NET}", fields="display_name")[1]["virtual-network"]
    assert (few["display_name"], "id_perms" in few) == (NET, False)
    bench.headers = {"If-None-Match": bench.tag}
    assert bench.ask("GET", f"/virtual-network/{NET}") == (304, "")


NETWORK, INTERFACE = "virtual-network", "virtual-machine-interface"
NEW = [*HOME, "n"]
TAKEN = "[u'default-domain', u'default-project', u'ip-fabric'] already exists"
L4 = {"virtual_network_properties": {"forwarding_mode": "l4"}}
LOGICAL = {"fq_name": [SYSTEM, "r", "p", "p.1"], "parent_type": "physical-interface"}


@pytest.mark.parametrize(
    ("type", "body", "status", "words"),
    [
        (NETWORK, {}, 400, "Bad Request, no fq_name in POST body"),
        (NETWORK, {"fq_name": [*HOME, "a:b"]}, 400, "illegal characters in name a:b"),
        (NETWORK, {"fq_name": NEW, **L4}, 400, "validation failed"),
        (NETWORK, {"fq_name": [*HOME, "ip-fabric"]}, 409, TAKEN),
        (NETWORK, {"fq_name": NEW, "parent_type": "domain"}, 400, "invalid parent_type domain"),
        (INTERFACE, {"fq_name": NEW}, 400, "Ambiguous parent"),
        (NETWORK, {"fq_name": NEW, "uuid": "ABC"}, 400, "Invalid UUID format: ABC"),
        (NETWORK, {"fq_name": ["x", "y", "n"]}, 400, "Parent [u'x', u'y'] type project does not exist"),
        (NETWORK, {"fq_name": NEW, "network_ipam_refs": [{"to": ["x"]}]}, 400, "Unknown reference in resource create"),
        (NETWORK, {"fq_name": NEW, "virtual_machine_refs": []}, 400, "has no virtual_machine_refs"),
        (INTERFACE, {"fq_name": NEW, "parent_type": "project"}, 500, "virtual_network_refs"),
        ("instance-ip", {"fq_name": ["i"]}, 500, "virtual_network_refs"),
        ("logical-interface", LOGICAL, 400, "does not exist"),
    ],
)
def test_what_cannot_be_made(bench: Bench, type: str, body: dict[str, Any], status: int, words: str) -> None:
    before = len(list(bench.lab.config.objects))
    told = bench.ask("POST", f"/{type}s", {type: body})
    assert told[0] == status
    assert words in told[1]
    assert len(list(bench.lab.config.objects)) == before


@pytest.mark.parametrize(
    ("subnets", "words"),
    [
        ([subnet(), subnet("10.1.0.0", "4" * 8 + SUBNET[8:])], "Overlapping addresses: ['10.1.0.0/29', '10.1.0.0/29']"),
        ([subnet("10.1.0.1")], "Invalid subnet: 10.1.0.1/29"),
        ([subnet(uuid="x")], "Invalid subnet-uuid: x"),
        ([subnet(default_gateway="10.2.0.1")], "gateway Ip 10.2.0.1 out of cidr"),
        ([subnet(default_gateway="ten")], "Invalid gateway Ip address: ten"),
        ([subnet(allocation_pools=[{"start": "10.1.0.4", "end": "10.1.0.9"}])], "out of cidr"),
        ([subnet(allocation_pools=[{"start": "10.1.0.5", "end": "10.1.0.4"}])], "Invalid allocation Pool start:"),
    ],
)
def test_subnets_that_no_network_takes(bench: Bench, subnets: list[Any], words: str) -> None:
    status, told = bench.network(*subnets)
    assert status == 400
    assert words in told


def test_a_network_in_use_keeps_its_subnets_and_gateways(bench: Bench) -> None:
    bench.network(subnet())
    assert bench.address("a", instance_ip_address="10.1.0.3")[0] == 200

    def change(*subnets: Any) -> tuple[int, Any]:
        body = {"network_ipam_refs": [{"to": IPAM, "attr": {"ipam_subnets": list(subnets)}}]}
        return bench.ask("PUT", f"/virtual-network/{NET}", {"virtual-network": body})

    other = subnet("10.1.1.0", "4" * 8 + SUBNET[8:])
    assert change(other) == (409, "Cannot Delete IP Block, IP(10.1.0.3) is in use")
    assert change(subnet(default_gateway="10.1.0.1")) == (400, "default gateway change is not allowed")
    assert change(subnet(), subnet("10.1.0.0", other["subnet_uuid"]))[0] == 409
    assert change(subnet(), other)[0] == 200
    assert change(subnet())[0] == 200


def test_addresses_are_given_once_and_never_the_reserved_ones(bench: Bench) -> None:
    bench.network(subnet())
    bench.port(virtual_machine_refs=[])
    given = [bench.address(f"i{number}") for number in range(6)]
    texts = [one.body["instance_ip_address"] for one in bench.lab.config.listed("instance-ip")]
    assert texts == ["10.1.0.1", "10.1.0.3", "10.1.0.4", "10.1.0.5", "10.1.0.6"]
    assert given[5] == (400, f"Virtual-Network(default-domain:{TENANT}:{NET}) has exhausted subnet(all)")
    assert bench.address("x", instance_ip_address="10.1.0.3") == (409, "Ip address already in use")
    assert bench.address("x", instance_ip_address="10.9.0.3")[0] == 400
    assert "has invalid subnet(nowhere)" in bench.address("x", subnet_uuid="nowhere")[1]
    uuid = bench.ask("POST", "/fqname-to-id", {"type": "instance_ip", "fq_name": ["i1"]})[1]["uuid"]
    changed = bench.ask("PUT", f"/instance-ip/{uuid}", {"instance-ip": {"instance_ip_address": "10.1.0.7"}})
    assert changed == (400, "Instance IP Address can not be changed")


def test_a_machine_does_not_get_the_gateway(bench: Bench) -> None:
    bench.network(subnet(default_gateway="10.1.0.1"))
    bench.make("virtual-machine", ["vm"])
    bench.port(virtual_machine_refs=[{"to": ["vm"]}])
    told = bench.address("g", instance_ip_address="10.1.0.1", virtual_machine_interface_refs=[{"uuid": PORT}])
    assert told == (400, "Gateway IP cannot be used by VM port: 10.1.0.1")


def test_an_interface_gets_a_mac_of_its_uuid_and_a_place_in_the_routing_instance(bench: Bench) -> None:
    bench.network()
    bench.port()
    found = bench.ask("GET", f"/virtual-machine-interface/{PORT}")[1]["virtual-machine-interface"]
    assert found["virtual_machine_interface_mac_addresses"] == {"mac_address": ["02:22:22:22:22:11"]}
    (row,) = found["routing_instance_refs"]
    assert (row["to"][-2:], row["attr"]) == ([NET, NET], {"direction": "both"})


def test_without_port_security_there_are_no_pairs_and_no_groups(bench: Bench) -> None:
    bench.network()
    pair = {"ip": {"ip_prefix": "10.1.0.9", "ip_prefix_len": 32}, "mac": "00:00:5e:00:01:0a"}
    pairs: Any = {"virtual_machine_interface_allowed_address_pairs": {"allowed_address_pair": [pair]}}
    assert bench.port(port_security_enabled=False, **pairs)[0] == 400
    group: Any = {"security_group_refs": [{"to": [*HOME, "permit-any"]}]}
    assert bench.port(port_security_enabled=False, **group)[0] == 400
    wrong: Any = {
        "virtual_machine_interface_allowed_address_pairs": {"allowed_address_pair": [{**pair, "address_mode": "x"}]}
    }
    assert bench.port(**wrong)[0] == 400
    assert bench.port(**pairs)[0] == 200


def test_what_is_referred_to_or_stands_above_others_is_not_deleted(bench: Bench) -> None:
    bench.network()
    bench.port()
    assert bench.ask("DELETE", f"/virtual-network/{NET}") == (
        409,
        f"Delete when resource still referred: [u'http://c/virtual-machine-interface/{PORT}']",
    )
    assert "Delete when children still present" in bench.ask("DELETE", f"/project/{PROJECT}")[1]
    assert bench.ask("DELETE", f"/virtual-machine-interface/{PORT}") == (200, "")
    assert bench.ask("DELETE", f"/virtual-network/{NET}") == (200, "")
    assert bench.ask("DELETE", f"/virtual-network/{NET}") == (404, f"ID {NET} does not exist")
    assert bench.ask("DELETE", f"/project/{PROJECT}") == (200, "")


def test_lookups(bench: Bench) -> None:
    bench.network()
    assert bench.ask("GET", f"/virtual-machine/{NET}") == (404, f"No virtual-machine object found for id {NET}")
    assert bench.ask("GET", f"/virtual-network/{PORT}") == (404, f"Unknown id: {PORT}")
    assert bench.ask("GET", "/nothings") == (404, "Resource type 'nothing' not found")
    assert bench.ask("POST", "/id-to-fqname", {"uuid": PORT}) == (404, f"UUID {PORT} not found")
    assert bench.ask("POST", "/id-to-fqname", {"uuid": NET})[1]["type"] == "virtual-network"
    assert bench.ask("POST", "/fqname-to-id", {"type": "project", "fq_name": ["x"]}) == (404, "Name ['x'] not found")
    assert bench.ask("POST", "/fqname-to-id", {"type": "x", "fq_name": []}) == (404, "Resource type 'x' not found")
    assert bench.ask("PUT", f"/virtual-network/{PORT}", {"virtual-network": {"is_shared": True}})[0] == 404
    assert bench.ask("PUT", f"/virtual-network/{NET}") == (200, "")
    assert bench.ask("POST", "/virtual-networks", {"x": 1}) == (400, "Bad Request, no virtual-network in the body")
    assert bench.ask("PATCH", "/virtual-networks")[0] == 405


def test_lists_count_detail_and_choose(bench: Bench) -> None:
    bench.network()
    assert bench.ask("GET", "/virtual-networks", count="true") == (200, {"virtual-networks": {"count": 4}})
    mine = bench.ask("GET", "/virtual-networks", parent_id=PROJECT)[1]["virtual-networks"]
    assert [row["uuid"] for row in mine] == [NET]
    named = bench.ask("GET", "/virtual-networks", parent_fq_name_str=f"default-domain:{TENANT}", detail="true")[1]
    assert named["virtual-networks"][0]["virtual-network"]["uuid"] == NET
    bulk = bench.ask("POST", "/list-bulk-collection", {"type": "virtual-network", "obj_uuids": [NET]})[1]
    assert [row["uuid"] for row in bulk["virtual-networks"]] == [NET]
    assert bench.ask("GET", "/virtual-networks", filters=f"display_name=={NET}", count="true")[1][
        "virtual-networks"
    ] == {"count": 1}


def logical(bench: Bench, name: str, vlan: int, port: str = "xe-0/0/1") -> tuple[int, Any]:
    fields = {"parent_type": "physical-interface", "logical_interface_vlan_tag": vlan, "logical_interface_type": "l2"}
    return bench.make("logical-interface", [SYSTEM, "r1", port, name], **fields)


def test_vlans_and_names_are_of_one_logical_interface(bench: Bench) -> None:
    bench.lab.cable("r1", ["xe-0/0/1", "xe-0/0/2"], physical_router_product_name="QFX5100")
    assert logical(bench, "a", 5000) == (403, "Invalid Vlan id: 5000")
    assert logical(bench, "a", 2)[0] == 403
    status, made = logical(bench, "a", 100)
    assert status == 200
    uuid = made["logical-interface"]["uuid"]
    assert logical(bench, "b", 100) == (403, f"Vlan tag already used in another interface : {uuid}")
    assert logical(bench, "a", 101, "xe-0/0/2") == (403, f"Display name already used in another interface :{uuid}")
    assert logical(bench, "b", 100, "xe-0/0/2")[0] == 200

    def change(**fields: Any) -> tuple[int, Any]:
        return bench.ask("PUT", f"/logical-interface/{uuid}", {"logical-interface": fields})

    assert change(logical_interface_vlan_tag=7) == (403, "Cannot change Vlan id")
    assert change(display_name="c") == (403, "Cannot change display name !")
    port = bench.ask("POST", "/fqname-to-id", {"type": "physical-interface", "fq_name": [SYSTEM, "r1", "xe-0/0/1"]})[1][
        "uuid"
    ]
    assert "Delete when children still present" in bench.ask("DELETE", f"/physical-interface/{port}")[1]


def test_a_reference_must_be_one_that_there_is(bench: Bench) -> None:
    bench.network()
    wanted = {"type": "virtual-network", "uuid": NET, "ref-type": "network-ipam", "ref-fq-name": IPAM}
    assert bench.ask("POST", "/ref-update", {**wanted, "operation": "MOVE"})[0] == 400
    assert bench.ask("POST", "/ref-update", {**wanted, "operation": "ADD", "uuid": PORT})[0] == 404
    assert bench.ask("POST", "/ref-update", {**wanted, "operation": "ADD", "ref-fq-name": ["x"]})[0] == 404
    assert bench.ask("POST", "/ref-update", {**wanted, "operation": "ADD"}) == (200, {"uuid": NET})


def test_tokens_are_asked_for_where_keystone_is(bench: Bench) -> None:
    bench = Bench("http://k")
    assert bench.ask("GET", "/")[0] == 200
    assert bench.ask("GET", "/virtual-networks") == (401, "Authentication required")
    bench.caller = Identity("alice", TENANT, ("Member",))
    assert bench.ask("GET", "/virtual-networks") == (403, "403 Permission Denied")
    bench.caller = Identity("root", "", ("admin",), is_admin=True)
    assert bench.ask("GET", "/virtual-networks")[0] == 200


def test_every_link_of_the_root_leads_somewhere(bench: Bench) -> None:
    found = bench.ask("GET", "/")[1]["links"]
    at = [(one["link"]["rel"], one["link"]["href"].removeprefix("http://c")) for one in found]
    assert [path for rel, path in at if rel == "collection" and bench.ask("GET", path)[0] != 200] == []
    assert {path for rel, path in at if rel == "action"} > {"/fqname-to-id", "/ref-update"}


def test_analytics_tells_what_an_agent_would(bench: Bench) -> None:
    bench.network()
    bench.port()
    name = f"default-domain:{TENANT}:{PORT}"
    path = f"/analytics/uves/virtual-machine-interface/{name}"
    assert bench.told("GET", path, cfilt="UveVMInterfaceAgent:l2_active") == (200, {})
    bench.make("virtual-machine", ["vm"])
    refs = {"virtual-machine-interface": {"virtual_machine_refs": [{"to": ["vm"]}]}}
    bench.ask("PUT", f"/virtual-machine-interface/{PORT}", refs)
    assert bench.told("GET", path, cfilt="UveVMInterfaceAgent:l2_active")[1] == {
        "UveVMInterfaceAgent": {"l2_active": True}
    }
    told = bench.told(
        "GET", "/analytics/uves/virtual-machine-interface/default-domain:*:2*", cfilt="UveVMInterfaceAgent:if_stats"
    )
    assert told[1] == {"value": [{"name": name, "value": {}}]}
    bench.clock.ahead = 60.0
    told = bench.told(
        "GET", "/analytics/uves/virtual-machine-interface/default-domain:*:2*", cfilt="UveVMInterfaceAgent:if_stats"
    )
    assert told[1]["value"][0]["value"]["UveVMInterfaceAgent"]["if_stats"]["in_bytes"] == 30_000
    raw = bench.told("GET", path)[1]["UveVMInterfaceAgent"]["l2_active"]
    assert raw[0][0] == {"@type": "bool", "#text": "true"}
    disabled = {"virtual-machine-interface": {"id_perms": {"enable": False}}}
    bench.ask("PUT", f"/virtual-machine-interface/{PORT}", disabled)
    told = bench.told("GET", path, flat="")[1]["UveVMInterfaceAgent"]
    assert [told[name] for name in ("admin_state", "active", "l2_active")] == [False, False, True]
    assert "if_stats" not in told
    bench.lab.faults.begin("no-agent", PORT)
    assert set(bench.told("GET", path, flat="")[1]) == {"ContrailConfig"}
    assert bench.told("GET", "/analytics/uves/virtual-network/no:such:net") == (200, {})
    listed = bench.told("GET", "/analytics/uves/virtual-networks")[1]
    assert f"default-domain:{TENANT}:{NET}" in [one["name"] for one in listed]
    assert bench.told("GET", "/analytics/x")[0] == 404
