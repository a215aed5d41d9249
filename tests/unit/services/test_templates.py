"""Every template compiles, asks for exactly what its mappings give, and lets no value become structure."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esi.bootstrap.services import load_services
from esi.bootstrap.workers import resource_types
from esi.errors import EsiError
from esi.model.resource import Body
from esi.render.jinja import render
from esi.render.mapping import Mapping, template_id
from esi.render.marks import stripped
from esi.stacks.parameters import resolve_parameters
from esi.stacks.properties import resolve_properties
from esi.stacks.resources.configs import read_configs
from esi.stacks.template import load_template, parse_yaml
from esi.testing.facts import edit_entry

FLOWS = ("2017", "2018")
STACKS = [("2017", "vpn_gateway"), ("2017", "vpn_interface"), ("2018", "vpn_gateway"), ("2018", "vpn_interface")]
BOTH = ["load_balancer", "load_balancer_conf", "load_balancer_interface", "load_balancer_syslog_server", "vnf_instance"]
"""The same in both flows."""

SECRET = ("md5", "credentials", "init_config", "license_code", "user_data")
SIGNS = " \n;{}[]\"'\\#/*<>&$|%@!:,.-_ax0\x00\x07\ue000\ue001é"
HOSTILE = st.text(alphabet=st.sampled_from(SIGNS), min_size=1, max_size=12)


@cache
def templates(flow: str) -> dict[str, Body]:
    return {body["id"]: body for body in load_services(flow).templates}


NETWORKS = ["network", "subnet", "port", "ese_logical_port", "gw_interface_vpn", "static_route_vpn"]
SWITCHES = [f"ese_{kind}_{how}" for kind in ("device", "physical_port") for how in ("existing", "new")]
CHOSEN: Body = {"device_owner": "compute:nova", "service_type": "vpn"}
"""What the choice of a template looks at."""


def schema_of(template: str) -> str:
    for word in ("_monitoring", "_existing", "_new", "_vpn"):
        template = template.removesuffix(word)
    return template


def values(template: Body) -> dict[str, Any]:
    """A plain value for every parameter."""
    numbers = {"version": 1, "heat_timeout": "60"}
    plain = {name: numbers.get(name, f"v{n}") for n, name in enumerate(template["parameter_mappings"])}
    plain |= {name: 830 for name in plain if name.endswith("_port") and "device" in name}
    lists = ("jinja_fixed_ips", "jinja_subnets", "jinja_port_ids", "jinja_tor_agent_names", "jinja_tsn_names")
    jinja: Body = {name: ["x1"] if name in lists else "192.0.2.1/30" for name in plain if name.startswith("jinja_")}
    if "jinja_fixed_ips" in jinja:
        jinja |= {"jinja_fixed_ips": [{"subnet_id": "s1", "ip_address": "192.0.2.1"}]}
    return plain | jinja


@pytest.mark.parametrize("flow", FLOWS)
def test_every_mapping_compiles_for_its_schema(flow: str) -> None:
    catalogue = load_services(flow).catalogue
    for id, template in templates(flow).items():
        schema = catalogue[schema_of(id)]
        how = "new" if id.endswith("_new") else "existing"
        assert id == template_id(schema.template_path[template["handler"]], {**CHOSEN, "existing": how}, schema.id)
        Mapping.compile(template["parameter_mappings"], schema.id, catalogue.relation)


def test_the_flows_have_the_templates_of_their_time() -> None:
    routers = ["edge_router", "er_physical_interface", "vpn_gateway", "vpn_interface"]
    assert sorted(templates("2018")) == sorted([*routers, *BOTH, *NETWORKS, *SWITCHES])
    watched = ["edge_router", "er_physical_interface", "ha_interface", "ha_router", "vpn_gateway", "vpn_interface"]
    watched += ["network", "port", "ese_logical_port", "gw_interface_vpn", "ese_device", "ese_physical_port"]
    expected = [
        *BOTH,
        *NETWORKS,
        *SWITCHES,
        "vpn_gateway",
        "vpn_interface",
        *(f"{name}_monitoring" for name in watched),
    ]
    assert sorted(templates("2017")) == sorted(expected)


@pytest.mark.parametrize("flow", FLOWS)
def test_a_stack_declares_what_its_mappings_give(flow: str) -> None:
    for template in templates(flow).values():
        given_ = {name for name in template["parameter_mappings"] if not name.startswith(("jinja_", "heat_timeout"))}
        text = render(template["template_file"], {n: v for n, v in values(template).items()})
        if template["handler"] == "heat_worker":
            declared = load_template(text).parameters
            assert set(declared) == given_
            secret = {name for name in declared if "password" in name or name in SECRET}
            assert {name for name, item in declared.items() if item.hidden} == secret


def test_the_monitors_of_2017_and_their_mappings() -> None:
    template = templates("2017")["vpn_interface_monitoring"]
    given_: dict[str, Any] = dict.fromkeys(template["parameter_mappings"], "x1")
    given_ |= {"primary_device_ip": "192.0.2.7", "primary_device_port": 830, "secondary_device_port": 830}
    monitors = stripped(parse_yaml(render(template["template_file"], given_)))
    assert list(monitors) == ["primary_uplink", "secondary_uplink", "primary", "secondary", "db_mappings"]
    assert monitors["primary"] == {
        "type": "bgp_session", "timeout": 120, "host": "192.0.2.7", "port": 830, "login": "x1", "password": "x1",
        "instance": "x1", "peer_address": "x1",
    }  # fmt: skip
    assert monitors["db_mappings"][0] == {"relation": "primary", "mapped_id": "192.0.2.7-x1"}
    gateway = templates("2017")["vpn_gateway_monitoring"]
    given_ = {"primary_device_ip": "192.0.2.7", "downlink_interface_id": "d"}
    shown = stripped(parse_yaml(render(gateway["template_file"], given_)))
    assert shown["downlink"] == {"type": "etcd_reader", "etcd_type": "ha_interface", "etcd_id": "d"}
    assert shown["db_mappings"] == [{"relation": "instance", "mapped_id": "192.0.2.7-d"}]


def edits(template: Body, given_: dict[str, Any]) -> list[Body]:
    """What both routers are asked for with these parameter values."""
    jinja = {name: value for name, value in given_.items() if name.startswith("jinja_")}
    heat = {name: value for name, value in given_.items() if not name.startswith(("jinja_", "heat_timeout"))}
    compiled = load_template(render(template["template_file"], jinja))
    env = compiled.env(resolve_parameters(compiled.parameters, heat))
    types = resource_types()
    found = []
    for definition in compiled.resources.values():
        if definition.type == "OS::Contrail::NetconfNamedConfigs":
            props = resolve_properties(definition, types.get(definition.type), env)
            found += [edit_entry(edit) for edit in read_configs(props["configs"])]
    return found


def shape(tree: Any) -> Any:
    """A tree with every value made the same: a leaf's, and the name behind a keyword."""
    if isinstance(tree, dict):
        return sorted(((_key(name), shape(item)) for name, item in tree.items()), key=str)
    return "a value" if isinstance(tree, str) else tree


def _key(name: str) -> str:
    head, _, rest = name.partition(" ")
    return f"{head} a value" if rest else head


@pytest.mark.parametrize(("flow", "name"), STACKS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_hostile_value_stays_one_word_or_is_refused(flow: str, name: str, data: st.DataObject) -> None:
    template = templates(flow)[name]
    plain = values(template)
    texts = sorted(key for key, value in plain.items() if isinstance(value, str) and key != "heat_timeout")
    target, value = data.draw(st.sampled_from(texts)), data.draw(HOSTILE)
    try:
        found = edits(template, {**plain, target: value})
    except EsiError:
        return
    expected = edits(template, plain)
    assert [len(edit["path"]) for edit in found] == [len(edit["path"]) for edit in expected]
    assert [shape(edit["set"]) for edit in found] == [shape(edit["set"]) for edit in expected]


def test_a_key_with_signs_of_the_configuration_language_is_one_word() -> None:
    template = templates("2017")["vpn_interface"]
    key = 'two words; } "quoted" \\ { #'
    group = edits(template, {**values(template), "md5": key})[1]["set"]
    assert [item for name, item in group.items() if name.startswith("neighbor ")] == [{"authentication-key": key}]
