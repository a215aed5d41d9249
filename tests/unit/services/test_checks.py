"""What would only fail on a router is refused before, and the field is named."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.errors import Invalid
from esi.services.vpn.checks import check_as_number, check_bgp_key, check_filled, check_sides, check_vlan

PRIMARY = {"ip_address": "198.51.100.2/30", "bgp_peer_ip": "198.51.100.1"}
SECONDARY = {"ip_address": "198.51.100.6/30", "bgp_peer_ip": "198.51.100.5"}


def refused(check: Callable[..., Any], *arguments: Any) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        check(*arguments)
    ((path, text),) = caught.value.errors
    return path, text


def test_two_sides_in_their_own_networks_stand() -> None:
    check_sides(PRIMARY, SECONDARY)


def test_two_sides_may_share_one_network_and_one_neighbour() -> None:
    first = {"ip_address": "198.51.100.2/29", "bgp_peer_ip": "198.51.100.1"}
    check_sides(first, {"ip_address": "198.51.100.3/29", "bgp_peer_ip": "198.51.100.1"})


def test_a_point_to_point_network_has_two_hosts() -> None:
    check_sides({"ip_address": "198.51.100.0/31", "bgp_peer_ip": "198.51.100.1"}, SECONDARY)


@pytest.mark.parametrize(
    ("side", "path"),
    [
        ({"ip_address": "198.51.100.0/30", "bgp_peer_ip": "198.51.100.1"}, "primary.ip_address"),
        ({"ip_address": "198.51.100.3/30", "bgp_peer_ip": "198.51.100.1"}, "primary.ip_address"),
        ({"ip_address": "198.51.100.2/32", "bgp_peer_ip": "198.51.100.2"}, "primary.ip_address"),
        ({"ip_address": "2001:db8::2/64", "bgp_peer_ip": "198.51.100.1"}, "primary.ip_address"),
        ({"ip_address": "198.51.100.2/255.255.255.252", "bgp_peer_ip": "198.51.100.1"}, "primary.ip_address"),
        ({"ip_address": "224.0.0.5/30", "bgp_peer_ip": "224.0.0.6"}, "primary.ip_address"),
        ({"ip_address": "127.0.0.1/30", "bgp_peer_ip": "127.0.0.2"}, "primary.ip_address"),
        ({"ip_address": "198.51.100.2/30", "bgp_peer_ip": "198.51.100.2"}, "primary.bgp_peer_ip"),
        ({"ip_address": "198.51.100.2/30", "bgp_peer_ip": "198.51.100.9"}, "primary.bgp_peer_ip"),
        ({"ip_address": "198.51.100.2/30", "bgp_peer_ip": "198.51.100.3"}, "primary.bgp_peer_ip"),
        ({"ip_address": "198.51.100.2/30", "bgp_peer_ip": "198.51.100.0"}, "primary.bgp_peer_ip"),
        ({**PRIMARY, "bgp_router_id": "0.0.0.0"}, "primary.bgp_router_id"),
    ],
)
def test_an_address_that_no_router_takes_is_refused(side: dict[str, str], path: str) -> None:
    assert refused(check_sides, side, SECONDARY)[0] == path


@pytest.mark.parametrize(
    ("first", "second", "path"),
    [
        ("198.51.100.2/29 198.51.100.1", "198.51.100.2/29 198.51.100.1", "secondary.ip_address"),
        ("198.51.100.2/29 198.51.100.3", "198.51.100.3/29 198.51.100.1", "primary.bgp_peer_ip"),
        ("198.51.100.2/29 198.51.100.1", "198.51.100.3/29 198.51.100.2", "secondary.bgp_peer_ip"),
        ("198.51.100.2/29 198.51.100.1", "198.51.100.6/30 198.51.100.5", "secondary.ip_address"),
    ],
)
def test_both_sides_together_must_make_sense(first: str, second: str, path: str) -> None:
    sides = [dict(zip(("ip_address", "bgp_peer_ip"), text.split(), strict=True)) for text in (first, second)]
    assert refused(check_sides, *sides)[0] == path


@given(st.integers(1, 4094))
def test_every_vlan_id_is_taken_as_text(vlan: int) -> None:
    assert check_vlan("uplink_vlan_id", str(vlan)) == vlan


@pytest.mark.parametrize("value", ["0", "4095", "012", "-1", "", " 7", "7 ", "1e3", "x", None, 122, "٣"])
def test_what_is_no_vlan_id_is_refused(value: object) -> None:
    assert refused(check_vlan, "uplink_vlan_id", value)[0] == "uplink_vlan_id"


@given(st.integers(1, 4294967295))
def test_every_as_number_is_taken_as_text(number: int) -> None:
    assert check_as_number("local_as_number", str(number)) == number


@pytest.mark.parametrize("value", ["0", "4294967296", "99999999999", "1.10", "AS65000", "065000", "", None, 65000])
def test_what_is_no_as_number_is_refused(value: object) -> None:
    assert refused(check_as_number, "local_as_number", value)[0] == "local_as_number"


@pytest.mark.parametrize("value", ["a", "two words", 'with "quotes"', "}; {", "x" * 126])
def test_a_key_may_hold_anything_printable(value: str) -> None:
    check_bgp_key("bgp_md5", value)


@pytest.mark.parametrize("value", ["", " a", "a ", "x" * 127, "tab\tstop", "línea", "$9$abcdef", None])
def test_a_key_that_routers_refuse_is_not_repeated_in_the_message(value: str | None) -> None:
    path, text = refused(check_bgp_key, "bgp_md5", value)
    assert path == "bgp_md5"
    assert not value or not value.strip() or value.strip() == "a" or value not in text


def test_an_empty_reference_is_refused_by_name() -> None:
    assert refused(check_filled, {"a": "x", "b": ""}, "a", "b")[0] == "b"
