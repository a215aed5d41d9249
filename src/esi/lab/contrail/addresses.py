"""Subnets inside a network's references to its IPAMs, and the addresses that are taken from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from esi.lab.contrail.objects import Objects, Refused, Standing

NO_GATEWAYS = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Subnet:
    """Addresses as numbers. `pools` are first and last, both given out; `reserved` never are."""

    uuid: str
    network: IPv4Network | IPv6Network
    pools: tuple[tuple[int, int], ...]
    reserved: frozenset[int]
    from_start: bool

    def gives(self, address: int) -> bool:
        return address not in self.reserved and any(first <= address <= last for first, last in self.pools)

    def free(self, taken: set[int]) -> str:
        """The next address that is free, "" when none is."""
        pools = self.pools if self.from_start else tuple(reversed(self.pools))
        for first, last in pools:
            for address in range(first, last + 1) if self.from_start else range(last, first - 1, -1):
                if address not in taken and self.gives(address):
                    return str(type(self.network.network_address)(address))
        return ""


def subnets_of(network: Standing) -> list[Subnet]:
    return list(read_subnets(network.refs[pair] for pair in network.refs if pair[0] == "network-ipam"))


def read_subnets(attrs: Any) -> Iterator[Subnet]:
    """The subnets in the attrs of references to IPAMs. Refused for what no subnet can be."""
    for attr in attrs:
        for raw in (attr or {}).get("ipam_subnets") or ():
            yield _read(raw)


def _read(raw: Any) -> Subnet:
    prefix = raw.get("subnet") or {}
    cidr = f"{prefix.get('ip_prefix')}/{prefix.get('ip_prefix_len')}"
    try:
        network = ip_network(cidr)
    except ValueError:
        raise Refused(400, f"Invalid subnet: {cidr}") from None
    uuid = raw.get("subnet_uuid") or ""
    if len(uuid) != 36:
        raise Refused(400, f"Invalid subnet-uuid: {uuid}")
    start = bool(raw.get("addr_from_start"))
    first, last = int(network.network_address), int(network.broadcast_address)
    gateway = _inside(raw.get("default_gateway"), network, first + 1 if start else last - 1, "gateway Ip")
    service = _inside(raw.get("dns_server_address"), network, first + 2 if start else last - 2, "service address")
    pools = tuple(_pool(pool, network) for pool in raw.get("allocation_pools") or ())
    return Subnet(uuid, network, pools or ((first, last),), frozenset({first, last, gateway, service}), start)


def _inside(text: Any, network: IPv4Network | IPv6Network, usual: int, what: str) -> int:
    if not text:
        return usual
    try:
        address = ip_address(text)
    except ValueError:
        raise Refused(400, f"Invalid {'gateway Ip address' if what == 'gateway Ip' else what}: {text}") from None
    if text not in NO_GATEWAYS and address not in network:
        raise Refused(400, f"{what} {text} out of cidr: {network}")
    return int(address)


def _pool(raw: Any, network: IPv4Network | IPv6Network) -> tuple[int, int]:
    start, end = raw.get("start"), raw.get("end")
    try:
        first, last = ip_address(start), ip_address(end)
    except ValueError:
        raise Refused(400, f"Invalid allocation Pool start:{start}, end:{end} in subnet:{network}") from None
    if first not in network or last not in network:
        raise Refused(400, f"allocation pool start:{start}, end:{end} out of cidr:{network}")
    if int(first) > int(last):
        raise Refused(400, f"Invalid allocation Pool start:{start}, end:{end} in subnet:{network}")
    return int(first), int(last)


def check_overlap(subnets: Sequence[Subnet], status: int) -> None:
    for index, one in enumerate(subnets):
        for other in subnets[:index]:
            if one.network.version == other.network.version and one.network.overlaps(other.network):
                raise Refused(status, f"Overlapping addresses: ['{other.network}', '{one.network}']")


def check_change(objects: Objects, network: Standing, attrs: list[Any]) -> None:
    """May a network have these subnets from now on?"""
    before = {subnet.uuid: subnet for subnet in subnets_of(network)}
    after = {subnet.uuid: subnet for subnet in read_subnets(attrs)}
    check_overlap(list(after.values()), 409)
    for uuid, old in before.items():
        new = after.get(uuid)
        if new is not None and new.network == old.network:
            if _gateway(network, uuid) != _wanted_gateway(attrs, uuid):
                raise Refused(400, "default gateway change is not allowed")
            continue
        for address in taken(objects, network):
            if address in range(int(old.network.network_address), int(old.network.broadcast_address) + 1):
                shown = str(ip_address(address))
                raise Refused(409, f"Cannot Delete IP Block, IP({shown}) is in use")


def _gateway(network: Standing, uuid: str) -> Any:
    return _wanted_gateway([attr for (kind, _), attr in network.refs.items() if kind == "network-ipam"], uuid)


def _wanted_gateway(attrs: list[Any], uuid: str) -> Any:
    rows = (raw for attr in attrs for raw in (attr or {}).get("ipam_subnets") or ())
    return next((raw.get("default_gateway") for raw in rows if raw.get("subnet_uuid") == uuid), None)


def taken(objects: Objects, network: Standing) -> set[int]:
    found = (one.body.get("instance_ip_address") for one in objects.referrers(network, "instance-ip"))
    return {int(ip_address(text)) for text in found if text}


def take(objects: Objects, network: Standing, *, wanted: str, subnet: str, of_machine: bool) -> str:
    """The address that an instance-ip gets. Refused when it is in use, outside, or none is left."""
    where = f"Virtual-Network({':'.join(network.fq_name)})"
    subnets = [one for one in subnets_of(network) if subnet in ("", one.uuid)]
    if subnet and not subnets:
        raise Refused(400, f"{where} has invalid subnet({subnet})")
    used = taken(objects, network)
    if not wanted:
        free = next((text for one in subnets if (text := one.free(used))), "")
        if not free:
            raise Refused(400, f"{where} has exhausted subnet({subnet or 'all'})")
        return free
    address = ip_address(wanted)
    if int(address) in used:
        raise Refused(409, "Ip address already in use")
    around = next((one for one in subnets if address in one.network), None)
    if around is None:
        raise Refused(400, f"{where} has invalid subnet({wanted})")
    if of_machine and str(address) == str(_gateway(network, around.uuid)):
        raise Refused(400, f"Gateway IP cannot be used by VM port: {wanted}")
    return wanted
