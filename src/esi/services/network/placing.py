"""What a port takes: addresses of its network's subnets, the lowest free one where none is named, and a MAC.

Each is a value of a pool in the same transaction, so nobody else has it, and costs the same however many are taken.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from esi.plugin import Body, Conflict, Resource, Tx
from esi.services.network.addresses import check_host, ranges_of, refuse
from esi.services.network.subnets import address_pool, of_network

MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
OURS = 0xFA163E000000
"""fa:16:3e, with room for 24 bits."""

LAST = 0xFFFFFF
MULTICAST = 1 << 40
MOST = 32
"""Addresses that one port may have."""


async def take_mac(tx: Tx, network_id: str, given: str | None) -> str:
    """The given one, else one of ours that is free: the first from a random place on."""
    if given:
        number = parse_mac("mac_address", given)
        try:
            await tx.allocate(f"mac:{network_id}", number)
        except Conflict:
            raise Conflict(f"mac_address: {given} is in use in the network", fields=["mac_address"]) from None
        return mac_text(number)
    start = OURS + secrets.randbelow(LAST + 1)
    return mac_text(await tx.allocate_lowest(f"mac:{network_id}", [(start, OURS + LAST), (OURS, start - 1)]))


def parse_mac(path: str, text: str) -> int:
    """The MAC of one interface, as a number."""
    if not MAC.fullmatch(text.lower()):
        raise refuse(path, f"{text!r} is no MAC address: six pairs of hexadecimal digits with colons")
    number = int(text.replace(":", ""), 16)
    if number == 0 or number & MULTICAST:
        raise refuse(path, f"{text} is no interface's own MAC address")
    return number


def mac_text(number: int) -> str:
    return ":".join(f"{number:012x}"[at : at + 2] for at in range(0, 12, 2))


async def take_addresses(
    tx: Tx, network_id: str, wanted: Sequence[Body] | None, *, gateway: bool = False
) -> list[Body]:
    """fixed_ips with every address taken. None: one address, if the network has a subnet. A `gateway` may have the
    address that the subnet keeps for one.
    """
    subnets = await of_network(tx, network_id)
    if wanted is None:
        return [await _any(tx, subnets)] if subnets else []
    if len(wanted) > MOST:
        raise refuse("fixed_ips", f"a port has at most {MOST} addresses")
    return [await _one(tx, subnets, item, f"fixed_ips[{place}]", gateway) for place, item in enumerate(wanted)]


async def give_back(tx: Tx, fixed_ips: Sequence[Body]) -> None:
    for item in fixed_ips:
        await tx.release(address_pool(item["subnet_id"]), int(IPv4Address(item["ip_address"])))


async def _any(tx: Tx, subnets: Sequence[Resource]) -> Body:
    for subnet in subnets:
        if not subnet.marked_for_deletion:
            try:
                return await _lowest(tx, subnet, "fixed_ips")
            except Conflict:
                continue
    raise Conflict("fixed_ips: no subnet of the network has a free address", fields=["fixed_ips"])


async def _one(tx: Tx, subnets: Sequence[Resource], item: Body, path: str, gateway: bool) -> Body:
    address, subnet = item.get("ip_address"), _subnet(subnets, item, path)
    if not address:
        return await _lowest(tx, subnet, path)
    number = check_host(f"{path}.ip_address", address, IPv4Network(subnet["cidr"]))
    kept = gateway and address == subnet["gateway_ip"]
    try:
        await tx.allocate(f"gateway:{subnet.id}" if kept else address_pool(subnet.id), number)
    except Conflict:
        raise Conflict(f"{path}.ip_address: {address} is in use on the subnet", fields=["fixed_ips"]) from None
    return {"subnet_id": subnet.id, "ip_address": address}


def _subnet(subnets: Sequence[Resource], item: Body, path: str) -> Resource:
    wanted, address = item.get("subnet_id"), item.get("ip_address")
    if not wanted and not address:
        raise refuse(path, "names neither a subnet_id nor an ip_address")
    for subnet in subnets:
        if subnet.id == wanted or (not wanted and _holds(subnet, address)):
            if subnet.marked_for_deletion:
                raise Conflict(f"{path}: the subnet is being deleted", fields=["fixed_ips"])
            return subnet
    if wanted:
        raise refuse(f"{path}.subnet_id", "is no subnet of the port's network")
    raise refuse(f"{path}.ip_address", f"{address} lies in no subnet of the network")


def _holds(subnet: Resource, address: Any) -> bool:
    try:
        return IPv4Address(address) in IPv4Network(subnet["cidr"])
    except ValueError:
        return False


async def _lowest(tx: Tx, subnet: Resource, path: str) -> Body:
    try:
        number = await tx.allocate_lowest(address_pool(subnet.id), ranges_of(subnet["allocation_pools"]))
    except Conflict:
        raise Conflict(f"{path}: subnet {subnet.id} has no free address left", fields=["fixed_ips"]) from None
    return {"subnet_id": subnet.id, "ip_address": str(IPv4Address(number))}
