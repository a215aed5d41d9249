"""Where a new gateway is placed, and what is said when it cannot be."""

from typing import Any

import pytest

from esi.errors import Conflict, Invalid
from esi.model.resource import Ref, Resource
from esi.services.vpn.placement import Wish, choose
from esi.services.vpn.vlans import VlanPool, parse_restricted

ROUTERS = {
    name: Resource(Ref("ha_router", name), {"available_gateways": left}) for name, left in (("r1", 5), ("r2", 0))
}
WISH = Wish(bandwidth=10, qos_type="guarantee", ha_router_id="r1", downlink_vlan=None, uplink_vlan=122)


def pair(name: str, link: str, *, used: tuple[int, ...] = (), **changes: Any) -> Resource:
    restricted = changes.get("restricted_vlans", "")
    pool = VlanPool.of(parse_restricted(restricted))
    for vlan in used:
        pool.take(vlan)
    body = {
        "name": name,
        "link_type": link,
        "ha_router_id": "r1",
        "status": "ACTIVE",
        "admin_state_up": True,
        "gateway_instances_count": 0,
        "available_ga_bandwidth": 100,
        "available_be_bandwidth": 100,
        "restricted_vlans": restricted,
        "vlan_pool_state": pool.encode(),
    }
    marked = changes.pop("marked", False)
    return Resource(Ref("ha_interface", name), {**body, **changes}, marked_for_deletion=marked)


UP = pair("up", "uplink")


def test_the_downlink_with_the_fewest_gateways_is_taken_then_the_first() -> None:
    pairs = [pair(name, "downlink", gateway_instances_count=count) for name, count in (("a", 2), ("b", 1), ("c", 1))]
    place = choose(WISH, pairs, [UP], ROUTERS)
    assert (place.downlink.id, place.uplink.id) == ("b", "up")


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "MONITORING_UNAVAILABLE"},
        {"admin_state_up": False},
        {"available_ga_bandwidth": 9},
        {"marked": True},
        {"used": tuple(range(1, 4095))},
    ],
)
def test_a_downlink_that_cannot_take_it_now_is_passed_over(changes: dict[str, Any]) -> None:
    bad = pair("bad", "downlink", **changes)
    assert choose(WISH, [bad, pair("good", "downlink")], [UP], ROUTERS).downlink.id == "good"
    with pytest.raises(Conflict, match="downlink bad"):
        choose(WISH, [bad], [UP], ROUTERS)


def test_best_effort_is_sold_from_its_own_counter() -> None:
    wish = Wish(10, "besteffort", "r1", None, 122)
    choose(wish, [pair("a", "downlink", available_ga_bandwidth=0)], [UP], ROUTERS)
    with pytest.raises(Conflict, match="qos_option_id: downlink a has 0 Mbps of besteffort left, 10 are wanted"):
        choose(wish, [pair("a", "downlink", available_be_bandwidth=0)], [UP], ROUTERS)


def test_a_router_pair_without_gateways_left_takes_none() -> None:
    full = pair("a", "downlink", ha_router_id="r2")
    with pytest.raises(Conflict, match="no gateways left"):
        choose(Wish(10, "guarantee", "r2", None, 122), [full], [pair("u", "uplink", ha_router_id="r2")], ROUTERS)


def test_the_uplink_is_on_the_router_pair_of_the_downlink() -> None:
    foreign = pair("foreign", "uplink", ha_router_id="r2")
    assert choose(WISH, [pair("a", "downlink")], [foreign, UP], ROUTERS).uplink.id == "up"
    with pytest.raises(Invalid) as caught:
        choose(WISH, [pair("a", "downlink")], [foreign], ROUTERS)
    assert caught.value.errors[0][0] == "vpn_service_id"


def test_a_taken_vlan_is_a_conflict_and_a_restricted_one_is_invalid() -> None:
    wish = Wish(10, "guarantee", "r1", 200, 122)
    downlink = pair("a", "downlink")
    with pytest.raises(Conflict, match="downlink_vlan_id: VLAN 200 is taken on downlink a"):
        choose(wish, [pair("a", "downlink", used=(200,))], [UP], ROUTERS)
    with pytest.raises(Conflict, match="uplink_vlan_id: VLAN 122 is taken on uplink u"):
        choose(wish, [downlink], [pair("u", "uplink", used=(122,))], ROUTERS)
    with pytest.raises(Invalid) as caught:
        choose(wish, [pair("a", "downlink", restricted_vlans="100-300")], [UP], ROUTERS)
    assert caught.value.errors == [("downlink_vlan_id", "VLAN 200 is restricted on downlink a")]
    with pytest.raises(Invalid) as caught:
        choose(wish, [downlink], [pair("u", "uplink", restricted_vlans="122")], ROUTERS)
    assert caught.value.errors == [("uplink_vlan_id", "VLAN 122 is restricted on uplink u")]


def test_a_wanted_vlan_leads_to_the_downlink_that_has_it_free() -> None:
    wish = Wish(10, "guarantee", "r1", 200, 122)
    pairs = [pair("a", "downlink", used=(200,)), pair("b", "downlink", gateway_instances_count=7)]
    assert choose(wish, pairs, [UP], ROUTERS).downlink.id == "b"


def test_a_service_without_interfaces_has_no_place() -> None:
    with pytest.raises(Conflict, match="no interface pair"):
        choose(WISH, [], [UP], ROUTERS)
