"""Ranges of IPv4 addresses, as numbers, and what is wrong with them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from esi.plugin import Invalid

SMALLEST = 30
"""The longest mask that leaves room for a gateway, the DHCP server and nobody else."""

Range = tuple[int, int]


def refuse(path: str, text: str) -> Invalid:
    """The error for one field."""
    return Invalid("the request cannot be accepted", [(path, text)])


def parse_network(path: str, text: str) -> IPv4Network:
    """A network as it must be written: IPv4, without a host part."""
    try:
        network = IPv4Network(text, strict=False)
    except ValueError:
        raise refuse(path, f"{text!r} is no IPv4 network") from None
    if str(network) != text:
        raise refuse(path, f"write it as {str(network)!r}")
    if network.prefixlen > SMALLEST:
        raise refuse(path, f"/{network.prefixlen} has no room for a gateway and hosts; /{SMALLEST} is the smallest")
    if network.is_multicast or network.is_loopback or network.is_unspecified or network.network_address.is_reserved:
        raise refuse(path, f"{network} cannot be given to hosts")
    return network


def hosts(network: IPv4Network) -> Range:
    """The first and the last address that hosts may have."""
    return int(network.network_address) + 1, int(network.broadcast_address) - 1


def check_host(path: str, text: str, network: IPv4Network) -> int:
    """An address that a host of the network may have, as a number."""
    try:
        number = int(IPv4Address(text))
    except ValueError:
        raise refuse(path, f"{text!r} is no IPv4 address") from None
    first, last = hosts(network)
    if not first <= number <= last:
        raise refuse(path, f"{text} is no host's address in {network}")
    return number


def pools_around(network: IPv4Network, gateway: str | None) -> list[dict[str, str]]:
    """All hosts but the gateway, as allocation_pools."""
    first, last = hosts(network)
    middle = int(IPv4Address(gateway)) if gateway else None
    ranges = [(first, last)] if middle is None else [(first, middle - 1), (middle + 1, last)]
    return [{"start": str(IPv4Address(a)), "end": str(IPv4Address(b))} for a, b in ranges if a <= b]


def ranges_of(pools: Iterable[Mapping[str, Any]]) -> list[Range]:
    """allocation_pools as ranges, the lowest first."""
    return sorted((int(IPv4Address(pool["start"])), int(IPv4Address(pool["end"]))) for pool in pools)


def check_pools(pools: Sequence[Mapping[str, Any]], network: IPv4Network, gateway: str | None) -> None:
    """Each inside the network, none with the gateway, no two with an address in common."""
    for place, pool in enumerate(pools):
        path = f"allocation_pools[{place}]"
        first = check_host(f"{path}.start", pool["start"], network)
        last = check_host(f"{path}.end", pool["end"], network)
        if last < first:
            raise refuse(f"{path}.end", f"{pool['end']} comes before {pool['start']}")
        if gateway and first <= int(IPv4Address(gateway)) <= last:
            raise refuse(path, f"holds the gateway_ip {gateway}")
    for (_, last), (first, _) in zip(ranges_of(pools), ranges_of(pools)[1:], strict=False):
        if first <= last:
            raise refuse("allocation_pools", f"{IPv4Address(first)} stands in two of them")
