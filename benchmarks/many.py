"""Any number of VPNs on any number of router pairs, as requests with fixed ids; the first pair is the chain's own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from esi.client.resources import Client
from esi.testing import chain
from esi.testing.chain import Wish

TOGETHER = 64
"""Requests at a time while a stage is set."""


def addresses(pair: int) -> tuple[str, str]:
    """The management addresses of a pair: primary, secondary."""
    return (chain.PRIMARY_IP, chain.SECONDARY_IP) if pair == 0 else (f"10.80.{pair}.1", f"10.80.{pair}.2")


def _own(pair: int, text: str) -> str:
    """An id of the chain, for another pair."""
    return text if pair == 0 or not text.startswith("00000000-0000-4000-8000-") else f"0000{pair:04x}{text[8:]}"


def _moved(pair: int, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _moved(pair, one) for name, one in value.items()}
    if isinstance(value, list):
        return [_moved(pair, one) for one in value]
    if isinstance(value, str):
        mine = dict(zip(addresses(0), addresses(pair), strict=True))
        return mine.get(value, _own(pair, value))
    return value


def prerequisites(pair: int = 0) -> list[Wish]:
    """What gateways of a pair stand on, with limits raised: thousands of gateways, a bandwidth for each."""
    found = []
    for wish in chain.prerequisites():
        body = _moved(pair, wish.body)
        if wish.schema == "ha_router":
            body["maximum_gateways"] = 4000
        if "maximum_ga_bandwidth" in body:
            body |= {"maximum_ga_bandwidth": 1_000_000, "maximum_be_bandwidth": 1_000_000}
        found.append(Wish(wish.schema, _own(pair, wish.id), body))
    return found


REFUSED = "00000000-0000-4000-8000-000000000099"
"""A service whose interfaces no router commits: it names a configuration group that is nowhere."""


def refused_service() -> list[Wish]:
    """That service, and the bandwidth that is sold with it."""
    service, qos = chain.prerequisites()[-2:]
    group = {"primary_ebgp_config_group": "NO-SUCH-GROUP", "secondary_ebgp_config_group": "NO-SUCH-GROUP"}
    return [
        Wish(service.schema, REFUSED, {**service.body, **group}),
        Wish(qos.schema, REFUSED, {**qos.body, "vpn_service_id": REFUSED}),
    ]


def gateway(number: int, pair: int = 0, *, refused: bool = False) -> Wish:
    wish = chain.gateway()
    more = {"name": f"gateway {number}", "uplink_vlan_id": str(200 + number)}
    if refused:
        more |= {"vpn_service_id": REFUSED, "qos_option_id": REFUSED}
    return Wish("vpn_gateway", _id("a", number, pair), {**_moved(pair, wish.body), **more})


def interface(number: int, pair: int = 0) -> Wish:
    """Its networks are its own; the customer beyond is not in the lab."""
    wish = chain.interface()
    high, low = pair << 5 | number >> 6, (number & 63) * 4
    sides = {
        side: {
            "bgp_peer_ip": f"10.{first + high}.0.{low + 1}",
            "bgp_router_id": f"10.{first + high}.0.{low + 2}",
            "ip_address": f"10.{first + high}.0.{low + 2}/30",
        }
        for side, first in (("primary", 0), ("secondary", 128))
    }
    more = {"name": f"interface {number}", "vpn_gw_id": _id("a", number, pair)}
    return Wish("vpn_interface", _id("b", number, pair), {**wish.body, **more, **sides})


def _id(kind: str, number: int, pair: int) -> str:
    return f"{kind}000{pair:04x}-0000-4000-8000-{number:012d}"


async def put(client: Client, wishes: Iterable[Wish]) -> None:
    """Ask for all of them, some at a time."""
    slots = asyncio.Semaphore(TOGETHER)

    async def one(wish: Wish) -> None:
        async with slots:
            await client.put(wish.schema, wish.id, wish.body)

    await asyncio.gather(*(one(wish) for wish in wishes))
