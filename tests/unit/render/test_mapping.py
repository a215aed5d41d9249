"""The grammar of parameter mappings: every form, which resources it records, and every mistake with its path."""

from __future__ import annotations

from typing import Any

import pytest

from esi.errors import TemplateError
from esi.model.resource import Body, Ref
from esi.render.mapping import Mapping, Missing, merge_params, template_id
from unit.render.samples import relation

STORE: dict[tuple[str, str], Body] = {
    ("network", "n1"): {"id": "n1", "name": "net", "tags": ["a", "b"]},
    ("subnet", "s1"): {"id": "s1", "cidr": "10.0.0.0/24"},
    ("subnet", "s2"): {"id": "s2", "cidr": "10.0.1.0/24"},
    ("vpn_gateway", "g1"): {"id": "g1", "vrf_name": "vrf", "connected": "", "vpn_service_id": "gone"},
}
PORT: Body = {
    "id": "p1",
    "network_id": "n1",
    "owner": "network:dhcp",
    "count": 3,
    "up": True,
    "none": None,
    "empty": "",
    "which": "work",
    "nested": {"a": {"b": 7}},
    "fixed_ips": [{"subnet_id": "s1", "ip_address": "10.0.0.1"}, {"subnet_id": "s2", "ip_address": "10.0.1.1"}],
    "ids": ["s2", "s1"],
    "gw": "g1",
    "lost": "nowhere",
}


def lookup(schema: str, id_: str) -> Body | None:
    return STORE.get((schema, id_))


def param(raw: Any, **how: bool) -> Any:
    (found,) = Mapping.compile({"x": raw}, "port", relation).evaluate(PORT, 5, lookup, **how)
    assert found["param"] == "x"
    return found


def via(found: Any) -> list[str]:
    return [f"{item['resource_type']}:{item['resource_id']}" for item in found["resources"]]


@pytest.mark.parametrize(
    ("raw", "value", "resources"),
    [
        ("Pcount", 3, []),
        ("Pabsent", None, []),
        ("C13", "13", []),
        ("Ca:b&Pc", "a:b&Pc", []),
        ("C", "", []),
        ("Onested:a", {"b": 7}, []),
        ("Onested:a:b", 7, []),
        ("Vauto_filled", 5, []),
        ("ACx_&Pcount&C_&Pup", "x_3_true", []),
        ("Pnone", None, []),
        ("ACx&Pnone", "x", []),
        ("Fnetwork+network_id:name", "net", ["network:n1"]),
        ({"field": "count"}, 3, []),
        ({"field": "name", "path": ["network_id"]}, "net", ["network:n1"]),
        ({"field": "absent", "path": ["network_id"]}, None, ["network:n1"]),
        ({"field": "tags", "path": [{"type": "network", "id": "network_id"}]}, ["a", "b"], ["network:n1"]),
        ({"field": "name", "path": [{"concatenate": ["net", {"field": "which"}, "_id"]}]}, None, None),
        ({"field": "f", "path": [{"type": "network", "id": "lost"}], "ignore_missing": True}, "", []),
        ({"field": "f", "path": [{"type": "network", "id": "empty"}], "ignore_missing": True}, "", []),
        ({"nested": ["nested", "a", "b"]}, 7, []),
        ({"nested": ["absent", "a"]}, None, []),
        ({"constant": None}, None, []),
        ({"constant": 13}, 13, []),
        ({"version": "auto_filled"}, 5, []),
        ({"concatenate": ["FILTER_", {"field": "name", "path": ["network_id"]}]}, "FILTER_net", ["network:n1"]),
        (
            {"if_mapping": {"equal": [{"field": "owner"}, "network:dhcp"]}, "then_mapping": "C1", "else_mapping": "C2"},
            "1",
            [],
        ),
        (
            {
                "if_mapping": {"regexp": [{"field": "name", "path": ["network_id"]}, "n.t"]},
                "then_mapping": "Fsubnet+empty:x",
                "else_mapping": None,
            },
            None,
            None,
        ),
        (
            {
                "if_mapping": {"regexp": [{"field": "name", "path": ["network_id"]}, "x"]},
                "then_mapping": "Fsubnet+empty:x",
                "else_mapping": None,
            },
            None,
            ["network:n1"],
        ),
    ],
)
def test_every_form_gives_its_value_and_the_resources_it_read(
    raw: Any, value: Any, resources: list[str] | None
) -> None:
    if resources is None:
        found = param(raw) if "if_mapping" not in raw else None
        if found is None:
            with pytest.raises(TemplateError, match=r"parameter_mappings\.x\.then_mapping: own field 'empty' is empty"):
                param(raw)
            return
        assert found["value"] == "net"
        return
    found = param(raw)
    assert (found["type"], found["value"], via(found)) == ("value", value, resources)


@pytest.mark.parametrize("raw", ["Mnetwork:network_id:id", {"output_key": "id", "path": ["network_id"]}])
def test_an_output_refers_to_the_stack_of_the_last_resource(raw: Any) -> None:
    found = param(raw)
    assert found["type"] == "output_key"
    assert found["value"] == {"output_key": "id", "resource_type": "network", "resource_id": "n1"}
    assert via(found) == ["network:n1"]


def test_an_output_without_a_path_is_of_the_own_stack() -> None:
    found = param({"output_key": "k"})
    assert found["value"] == {"output_key": "k", "resource_type": "port", "resource_id": "p1"}
    assert found["resources"] == []


def test_a_list_of_outputs_keeps_its_resources_outside() -> None:
    found = param({"for_field": "fixed_ips", "for_mapping": {"output_key": "id", "path": ["subnet_id"]}})
    assert found["type"] == "list"
    assert [item["value"]["resource_id"] for item in found["value"]] == ["s1", "s2"]
    assert all(item["resources"] == [] and item["param"] == "x" for item in found["value"])
    assert via(found) == ["subnet:s1", "subnet:s2"]


@pytest.mark.parametrize("source", ["ids", {"field": "ids"}, {"for_field": "ids", "for_mapping": {"field": ""}}])
def test_a_list_goes_over_plain_values_and_over_other_mappings(source: Any) -> None:
    found = param({"for_field": source, "for_mapping": {"field": "cidr", "path": [{"type": "subnet", "id": ""}]}})
    assert [item["value"] for item in found["value"]] == ["10.0.1.0/24", "10.0.0.0/24"]


def test_lists_that_are_absent_are_empty() -> None:
    assert param({"for_field": "none", "for_mapping": "Pa"})["value"] == []


def test_doubles_are_kept_only_with_the_recorded_quirks() -> None:
    raw = {"concatenate": [{"field": "name", "path": ["network_id"]}, {"field": "id", "path": ["network_id"]}]}
    assert via(param(raw)) == ["network:n1"]
    assert via(param(raw, recorded_quirks=True)) == ["network:n1", "network:n1"]


@pytest.mark.parametrize(
    ("raw", "ref", "field"),
    [
        ("Fnetwork+lost:name", Ref("network", "nowhere"), ""),
        ("Fvpn_gateway+gw:vpn_service+vpn_service_id:x", Ref("vpn_service", "gone"), ""),
        ("Fvpn_gateway+gw:vpn_interface+connected:id", Ref("vpn_gateway", "g1"), "connected"),
    ],
)
def test_what_is_missing_is_named(raw: str, ref: Ref, field: str) -> None:
    with pytest.raises(Missing) as caught:
        param(raw)
    assert (caught.value.ref, caught.value.field) == (ref, field)
    assert param(raw, lenient=True)["value"] == ""


def test_a_change_lists_what_the_old_body_read_and_what_the_new_one_reads() -> None:
    mapping = Mapping.compile({"x": "Fnetwork+network_id:name", "y": "Pcount"}, "port", relation)
    other = {**PORT, "network_id": "gone"}
    now = mapping.evaluate(PORT, 2, lookup)
    x, y = mapping.evaluate_change((other, 1), now, lookup)
    assert (via(x), x["value"], via(y)) == (["network:n1"], "net", [])
    assert via(mapping.evaluate_change((PORT, 1), now, lookup, recorded_quirks=True)[0]) == ["network:n1"] * 2
    with pytest.raises(Missing):
        mapping.evaluate(other, 2, lookup)
    gone = mapping.evaluate(other, 2, lookup, lenient=True)
    assert via(mapping.evaluate_change((PORT, 1), gone, lookup)[0]) == ["network:n1"]


def test_merging_keeps_the_order_old_then_new() -> None:
    old = [{"param": "a", "type": "value", "value": 1, "resources": [{"resource_type": "s", "resource_id": "1"}]}]
    new = [{"param": "a", "type": "value", "value": 2, "resources": [{"resource_type": "s", "resource_id": "2"}]}]
    (merged,) = merge_params(old, new)
    assert (merged["value"], [item["resource_id"] for item in merged["resources"]]) == (2, ["1", "2"])


@pytest.mark.parametrize(
    ("expression", "body", "chosen"),
    [
        ("Cvpn_gateway", {}, "vpn_gateway"),
        ("ACese_device_&Pexisting", {"existing": "new"}, "ese_device_new"),
        (
            {
                "if_mapping": {"regexp": [{"field": "device_owner"}, "network:dhcp|network:empty"]},
                "then_mapping": None,
                "else_mapping": {"constant": "port"},
            },
            {"device_owner": "network:empty"},
            None,
        ),
        (
            {
                "if_mapping": {"regexp": [{"field": "device_owner"}, "network:dhcp|network:empty"]},
                "then_mapping": {"constant": None},
                "else_mapping": "Cport",
            },
            {"device_owner": "compute:nova"},
            "port",
        ),
        (None, {}, None),
    ],
)
def test_the_template_is_chosen_by_the_body(expression: Any, body: Body, chosen: str | None) -> None:
    assert template_id(expression, body) == chosen


def test_a_template_path_that_is_no_text_is_refused() -> None:
    with pytest.raises(TemplateError, match="template_path"):
        template_id("Pnumber", {"number": 4})


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("", "parameter_mappings.x"),
        ("Zname", "parameter_mappings.x"),
        ("P", "parameter_mappings.x"),
        ("Pa:b", "parameter_mappings.x"),
        ("Oa", "parameter_mappings.x"),
        ("Fname", "parameter_mappings.x"),
        ("Fnetwork:name", "parameter_mappings.x"),
        ("Fnetwork+:name", "parameter_mappings.x"),
        ("Mnetwork:id", "parameter_mappings.x"),
        ("APa&Zb", "parameter_mappings.x"),
        ("Vnever", "parameter_mappings.x"),
        (5, "parameter_mappings.x"),
        ({}, "parameter_mappings.x"),
        ({"file": "f"}, "parameter_mappings.x"),
        ({"field": "f", "paht": []}, "parameter_mappings.x"),
        ({"field": 5}, "parameter_mappings.x"),
        ({"field": "f", "path": []}, "parameter_mappings.x"),
        ({"field": "f", "path": ["no_relation"]}, "parameter_mappings.x.path[0]"),
        ({"field": "f", "path": ["network_id", {"type": "t"}]}, "parameter_mappings.x.path[1]"),
        ({"field": "f", "path": ["network_id"], "ignore_missing": "yes"}, "parameter_mappings.x"),
        ({"version": 3}, "parameter_mappings.x"),
        ({"nested": "a"}, "parameter_mappings.x"),
        ({"concatenate": "a"}, "parameter_mappings.x"),
        ({"concatenate": [{"fiel": "a"}]}, "parameter_mappings.x.concatenate[0]"),
        ({"if_mapping": {"equal": [1, 2]}, "then_mapping": "Pa"}, "parameter_mappings.x"),
        ({"if_mapping": {"equal": [1]}, "then_mapping": "Pa", "else_mapping": "Pb"}, "parameter_mappings.x.if_mapping"),
        (
            {"if_mapping": {"less": [1, 2]}, "then_mapping": "Pa", "else_mapping": "Pb"},
            "parameter_mappings.x.if_mapping",
        ),
        (
            {"if_mapping": {"regexp": ["a", "("]}, "then_mapping": "Pa", "else_mapping": "Pb"},
            "parameter_mappings.x.if_mapping",
        ),
        ({"for_field": "a"}, "parameter_mappings.x"),
        ({"for_field": "a", "for_mapping": {"x": 1}}, "parameter_mappings.x.for_mapping"),
    ],
)
def test_a_mistake_is_found_at_compile_time_with_its_path(raw: Any, path: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Mapping.compile({"x": raw}, "port", relation)
    assert caught.value.path == path


def test_another_resource_is_looked_up_once_per_evaluation() -> None:
    asked: list[str] = []

    def counting(schema: str, id_: str) -> Body | None:
        asked.append(id_)
        return lookup(schema, id_)

    raw = {name: "Fnetwork+network_id:name" for name in "abc"}
    Mapping.compile(raw, "port", relation).evaluate(PORT, 1, counting)
    assert asked == ["n1"]
