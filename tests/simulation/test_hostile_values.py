"""No value becomes structure: hostile text in every text that a caller can set, through the whole ring to the routers.

The fields are found in the compiled schemas of the VPN chain. For each example one field of one resource holds a
hostile text, everything else is as always, and everything that stands on that resource is made, changed and deleted.
Either the request is refused, which names the property and makes nothing; or the service is ACTIVE, or has failed and
says so; then the routers hold the lines of an undisturbed life, the value in its own words, and not a line more.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation.lives import BREAKOUTS, CHAIN, SIGNS, Bench, Life, fields, hostile, services


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    logging.disable(logging.CRITICAL)
    bench = Bench(services())
    yield bench
    bench.close()
    logging.disable(logging.NOTSET)


def test_the_fields_are_those_of_the_schemas() -> None:
    """A look from outside: what is found is neither nothing nor forgotten."""
    names = {(CHAIN[at].schema, ".".join(map(str, path))) for at, path in fields()}
    assert {
        ("vpn_interface", "bgp_md5"),
        ("vpn_interface", "secondary.ip_address"),
        ("ha_interface", "name"),
        ("vpn_service", "uplink_interfaces.0"),
        ("edge_router", "password"),
    } <= names
    assert ("vpn_gateway", "vrf_name") not in names
    assert {schema for schema, _name in names} == {wish.schema for wish in CHAIN}


@pytest.mark.parametrize("schema", dict.fromkeys(wish.schema for wish in CHAIN))
@settings(max_examples=40, derandomize=True, database=None)
@given(data=st.data())
def test_a_hostile_value_stays_in_its_place(bench: Bench, schema: str, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from([field for field in fields() if CHAIN[field.at].schema == schema]))
    bench.run(Life(bench, field, data.draw(hostile(field))).live())


@pytest.mark.parametrize("sign", [*SIGNS, *BREAKOUTS])
def test_a_key_is_one_word_whatever_it_holds(bench: Bench, sign: str) -> None:
    """The freest of all texts that reach a router; every sign, alone and in the middle of others."""
    field = next(field for field in fields() if field.path == ("bgp_md5",))
    possible = sign.strip() == sign != "" and sign.isascii() and not sign.startswith("$9$")
    assert bench.run(Life(bench, field, sign).live()) == ("ACTIVE" if possible else "refused")
    inside = "ACTIVE" if sign.isascii() and len(sign) < 61 else "refused"
    assert bench.run(Life(bench, field, f"a {sign} {sign}b").live()) == inside


@pytest.mark.parametrize(
    ("schema", "path", "text", "outcome"),
    [
        ("edge_router", "tenant_id", "a" * 65, "refused"),
        ("edge_router", "ip", "192.0.2.254", "FAILED"),
        ("er_physical_interface", "name", "ae0ae0", "FAILED"),
        ("ha_interface", "name", "apply-groups", "ACTIVE"),
        ("ha_interface", "name", "-", "ACTIVE"),
        ("ha_interface", "name", "x" * 100, "ACTIVE"),
        ("qos_option", "incoming_policer_name", "inactive", "FAILED"),
        ("qos_option", "incoming_policer_config", "}\n} system { host-name x; } {", "ACTIVE"),
        ("vpn_service", "vrf_config", "replace: system { host-name x; }\n", "ACTIVE"),
        ("vpn_service", "primary_ebgp_config_group", "VPNGW1-VRRP", "ACTIVE"),
        ("vpn_service", "primary_ebgp_config_group", "VPNGW9", "FAILED"),
        ("vpn_gateway", "uplink_vlan_id", "4094", "ACTIVE"),
        ("vpn_interface", "primary.bgp_router_id", "255.255.255.255", "ACTIVE"),
    ],
)
def test_what_came_of_it(bench: Bench, schema: str, path: str, text: str, outcome: str) -> None:
    """Both ends that are allowed are reached, and what was wrong once."""
    found = [field for field in fields() if (CHAIN[field.at].schema, ".".join(map(str, field.path))) == (schema, path)]
    at = 1 if schema == "er_physical_interface" else 0
    assert bench.run(Life(bench, found[at], text).live()) == outcome
