"""What a router would refuse is refused here, with a sentence that names the field. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from esi.plugin import Invalid

HIGHEST_VLAN = 4094
HIGHEST_AS = 4294967295
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_KEY = re.compile(r"[!-~]([ -~]{0,124}[!-~])?")
POINT_TO_POINT = 31
"""In networks of this mask length and longer no address is the network's or the broadcast's own."""


def refuse(path: str, text: str) -> Invalid:
    """The error for one field."""
    return Invalid("the request cannot be accepted", [(path, text)])


def check_filled(body: Mapping[str, Any], *names: str) -> None:
    """These references must not be empty, whatever their format allows."""
    for name in names:
        if not body.get(name):
            raise refuse(name, "must not be empty")


def check_vlan(path: str, value: Any) -> int:
    """A VLAN id as text, "1" to "4094", without leading zeros."""
    if not isinstance(value, str) or not _NUMBER.fullmatch(value) or int(value) > HIGHEST_VLAN:
        raise refuse(path, f"{value!r} is no VLAN id: a number from 1 to {HIGHEST_VLAN} as text")
    return int(value)


def check_as_number(path: str, value: Any) -> int:
    """An AS number as text, "1" to "4294967295", without leading zeros."""
    if not isinstance(value, str) or not _NUMBER.fullmatch(value) or int(value) > HIGHEST_AS:
        raise refuse(path, f"{value!r} is no AS number: a number from 1 to {HIGHEST_AS} as text")
    return int(value)


def check_bgp_key(path: str, value: Any) -> None:
    """JUNOS keeps keys of up to 126 characters. The value never stands in the message."""
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise refuse(path, "must be 1 to 126 printable ASCII characters, with no blank at either end")
    if value.startswith("$9$"):
        raise refuse(path, "must not begin with $9$, which routers take for a key that is already encoded")


def check_side(name: str, side: Mapping[str, Any]) -> IPv4Interface:
    """One router's address and neighbour: IPv4, the neighbour in the same network, both usable by hosts."""
    place = f"{name}.ip_address"
    try:
        own = IPv4Interface(side["ip_address"])
    except ValueError:
        raise refuse(place, f"{side['ip_address']!r} is no IPv4 address with a mask length") from None
    if own.with_prefixlen != side["ip_address"]:
        raise refuse(place, f"write it as {own.with_prefixlen!r}")
    if own.network.prefixlen == own.max_prefixlen:
        raise refuse(place, "a /32 has no room for a neighbour")
    _check_host(place, own.ip, own)
    peer_place, peer = f"{name}.bgp_peer_ip", IPv4Address(side["bgp_peer_ip"])
    if peer not in own.network:
        raise refuse(peer_place, f"{peer} does not lie in the network {own.network} of {place}")
    if peer == own.ip:
        raise refuse(peer_place, f"is the same as {place}")
    _check_host(peer_place, peer, own)
    router_id = side.get("bgp_router_id")
    if router_id and IPv4Address(router_id).is_unspecified:
        raise refuse(f"{name}.bgp_router_id", "must not be 0.0.0.0")
    return own


def _check_host(place: str, address: IPv4Address, own: IPv4Interface) -> None:
    network = own.network
    if address.is_multicast or address.is_loopback or address.is_unspecified or address.is_reserved:
        raise refuse(place, f"{address} cannot be an interface's address")
    if network.prefixlen >= POINT_TO_POINT:
        return
    if address == network.network_address:
        raise refuse(place, f"{address} is the network address of {network}")
    if address == network.broadcast_address:
        raise refuse(place, f"{address} is the broadcast address of {network}")


def check_sides(primary: Mapping[str, Any], secondary: Mapping[str, Any]) -> None:
    """Both routers together: they stand in one BGP system and may share a network, but no address."""
    first, second = check_side("primary", primary), check_side("secondary", secondary)
    if first.ip == second.ip:
        raise refuse("secondary.ip_address", "is the same as primary.ip_address")
    if str(second.ip) == primary["bgp_peer_ip"]:
        raise refuse("primary.bgp_peer_ip", "is the same as secondary.ip_address")
    if str(first.ip) == secondary["bgp_peer_ip"]:
        raise refuse("secondary.bgp_peer_ip", "is the same as primary.ip_address")
    if first.network != second.network and first.network.overlaps(second.network):
        raise refuse("secondary.ip_address", f"its network {second.network} overlaps {first.network} of the primary")
