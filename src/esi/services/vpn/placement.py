"""Which interface pairs carry a new gateway. Pure: what is there goes in, a choice or the reasons against it come out.

A downlink must be active, administratively up, on the router pair that has the policers, with a gateway and enough
bandwidth of the right kind left and with the wanted VLAN free. Of several the one with the fewest gateways is taken,
then the first in the service's list. The uplink is the first of the service's on the same router pair that is active,
up and has the VLAN free.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from esi.plugin import Conflict, Invalid, Resource
from esi.services.vpn.vlans import VlanPool, parse_restricted

COUNTERS = {"guarantee": "available_ga_bandwidth", "besteffort": "available_be_bandwidth"}
"""Which counter a QoS type is sold from."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a new gateway needs. `bandwidth` in Mbps; VLAN None means any; `uplink_id` "" means any."""

    bandwidth: int
    qos_type: str
    ha_router_id: str
    downlink_vlan: int | None
    uplink_vlan: int
    uplink_id: str = ""


class Refusal(NamedTuple):
    """Why an interface pair cannot be taken; `never` when no other gateway going away could change it."""

    path: str
    text: str
    never: bool = False


class Place(NamedTuple):
    downlink: Resource
    uplink: Resource


def choose(
    wish: Wish, downlinks: Sequence[Resource], uplinks: Sequence[Resource], routers: Mapping[str, Resource]
) -> Place:
    """The best place. Invalid when what is wished can never be had here, Conflict when it cannot be had now."""
    refusals: list[Refusal] = []
    for downlink in sorted(downlinks, key=lambda item: item["gateway_instances_count"]):
        against = next(against_downlink(wish, downlink, routers), None)
        if against is not None:
            refusals.append(against)
            continue
        for uplink in uplinks:
            against = next(against_uplink(wish, uplink, downlink["ha_router_id"]), None)
            if against is None:
                return Place(downlink, uplink)
            refusals.append(against)
    raise _error(refusals)


def against_downlink(wish: Wish, item: Resource, routers: Mapping[str, Resource]) -> Iterator[Refusal]:
    """Everything that speaks against a downlink, the most telling first."""
    where = _named(item)
    path = "vpn_service_id"
    yield from _not_usable(item, path)
    if item["ha_router_id"] != wish.ha_router_id:
        yield Refusal("qos_option_id", f"{where} is not on the router pair of the qos_option", never=True)
    router = routers.get(item["ha_router_id"])
    if router is None or router["available_gateways"] < 1:
        yield Refusal(path, f"the router pair of {where} has no gateways left")
    left = item.get(COUNTERS[wish.qos_type]) or 0
    if left < wish.bandwidth:
        yield Refusal("qos_option_id", f"{where} has {left} Mbps of {wish.qos_type} left, {wish.bandwidth} are wanted")
    pool = VlanPool.decode(item["vlan_pool_state"])
    if wish.downlink_vlan is not None:
        yield from _vlan_taken("downlink_vlan_id", wish.downlink_vlan, item, pool)
    elif not pool.available:
        yield Refusal("downlink_vlan_id", f"{where} has no free VLAN left")


def against_uplink(wish: Wish, item: Resource, ha_router_id: str) -> Iterator[Refusal]:
    """Everything that speaks against an uplink for a downlink on `ha_router_id`."""
    path = "uplink_interface_id" if wish.uplink_id else "vpn_service_id"
    yield from _not_usable(item, path)
    if item["ha_router_id"] != ha_router_id:
        yield Refusal(path, f"{_named(item)} is not on the router pair of the downlink", never=True)
    yield from _vlan_taken("uplink_vlan_id", wish.uplink_vlan, item, VlanPool.decode(item["vlan_pool_state"]))


def _not_usable(item: Resource, path: str) -> Iterator[Refusal]:
    if item.marked_for_deletion:
        yield Refusal(path, f"{_named(item)} is being deleted")
    if not item["admin_state_up"]:
        yield Refusal(path, f"{_named(item)} is administratively down")
    if item["status"] != "ACTIVE":
        yield Refusal(path, f"{_named(item)} is {item['status']}, not ACTIVE")


def _vlan_taken(path: str, vlan: int, item: Resource, pool: VlanPool) -> Iterator[Refusal]:
    if vlan in parse_restricted(item.get("restricted_vlans") or ""):
        yield Refusal(path, f"VLAN {vlan} is restricted on {_named(item)}", never=True)
    elif not pool.is_free(vlan):
        yield Refusal(path, f"VLAN {vlan} is taken on {_named(item)}")


def _named(item: Resource) -> str:
    return f"{item['link_type']} {item['name'] or item.id}"


def _error(refusals: Iterable[Refusal]) -> Invalid | Conflict:
    reasons = list(dict.fromkeys(refusals))
    if not reasons:
        return Conflict("vpn_service_id: the service has no interface pair that could carry the gateway")
    if all(reason.never for reason in reasons):
        return Invalid("there is no place for the gateway", [(reason.path, reason.text) for reason in reasons])
    words = "; ".join(f"{reason.path}: {reason.text}" for reason in reasons)
    return Conflict(f"there is no place for the gateway: {words}", fields=sorted({reason.path for reason in reasons}))
