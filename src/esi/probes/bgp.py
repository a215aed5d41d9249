"""BGP sessions as routers see them: get-bgp-summary-information of exactly one routing instance, the row of one peer.

The word is ESTABLISHED or FAIL; which of BGP's five other states it is stands in the reason. They change from second to
second, and one of them is called Active, which elsewhere is the word for what works.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from lxml import etree

from esi.errors import Unsupported
from esi.model.target import FAIL, Observation, Target
from esi.netconf.xml import child_text, local
from esi.probes.netconf import Conversations, address_of, answered
from esi.probes.pairs import Words, from_both

ESTABLISHED = "ESTABLISHED"


class BgpPool:
    """Type bgp_pool: {instance, primary, secondary}, each side {host, port, login, password, peer_address}."""

    type: ClassVar[str] = "bgp_pool"

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    async def ask(self, target: Target) -> Observation:
        instance = _instance(target.properties)

        async def look(side: str, properties: Mapping[str, Any]) -> tuple[Words, list[str]]:
            word, reason = await see(self._conversations, instance, properties, side)
            return {side: word}, [reason] if reason else []

        return await from_both(target, lambda side: [side], look)

    async def close(self) -> None:
        await self._conversations.close()


class BgpSession:
    """Type bgp_session: one side of a pool, {instance, host, port, login, password, peer_address}."""

    type: ClassVar[str] = "bgp_session"

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    async def ask(self, target: Target) -> Observation:
        word, reason = await see(self._conversations, _instance(target.properties), target.properties, "")
        return Observation({"status": word}, reason)

    async def close(self) -> None:
        await self._conversations.close()


def _instance(properties: Mapping[str, Any]) -> str:
    instance = properties.get("instance")
    if not isinstance(instance, str) or not instance:
        raise Unsupported("the target names no routing instance")
    return instance


async def see(conversations: Conversations, instance: str, properties: Mapping[str, Any], side: str) -> tuple[str, str]:
    """One peer's word, and why it is not ESTABLISHED ("" when it is)."""
    address = address_of(properties, side)
    peer = str(properties.get("peer_address") or "")
    request = etree.Element("get-bgp-summary-information")
    etree.SubElement(request, "exact-instance").text = instance
    summary = answered(address, await conversations.ask(address, request), "bgp-information")
    who = f"{side} {address.ip}".strip()
    for row in summary.iter():
        if local(row) == "bgp-peer" and child_text(row, "peer-address").partition("+")[0] == peer:
            state = child_text(row, "peer-state")
            if state.upper() == ESTABLISHED:
                return ESTABLISHED, ""
            return FAIL, f"{who} sees {peer} as {state or 'nothing'}"
    return FAIL, f"{who} has no peer {peer} in {instance}"
