"""VRRP as routers see it: get-vrrp-information in its brief form, the rows of one interface and its groups.

The request takes no interface, so the rows are chosen here. Words are the router's states in capitals (MASTER, BACKUP,
INIT, …); FAIL means that there is no such group. Which words make a good pair is not decided here.
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

GOOD = frozenset({"MASTER", "BACKUP"})


class VrrpPool:
    """Type vrrp_pool: {vrid: [n, …], primary, secondary}, each side {host, port, login, password, interface}.

    With one group the words are `primary` and `secondary`; with several, `primary_vrid1`, `primary_vrid2`, … in the
    order of the list.
    """

    type: ClassVar[str] = "vrrp_pool"

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    async def ask(self, target: Target) -> Observation:
        groups = _groups(target.properties)

        def keys(side: str) -> list[str]:
            return [side] if len(groups) == 1 else [f"{side}_vrid{number}" for number in range(1, len(groups) + 1)]

        async def look(side: str, properties: Mapping[str, Any]) -> tuple[Words, list[str]]:
            states, reasons = await see(self._conversations, groups, properties, side)
            return dict(zip(keys(side), states, strict=True)), reasons

        return await from_both(target, keys, look)

    async def close(self) -> None:
        await self._conversations.close()


class VrrpSession:
    """Type vrrp_session: one group from one side, {host, port, login, password, interface, vrid}."""

    type: ClassVar[str] = "vrrp_session"

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    async def ask(self, target: Target) -> Observation:
        states, reasons = await see(self._conversations, _groups(target.properties), target.properties, "")
        return Observation({"status": states[0]}, "; ".join(reasons))

    async def close(self) -> None:
        await self._conversations.close()


def _groups(properties: Mapping[str, Any]) -> list[str]:
    given = properties.get("vrid")
    groups = [str(group) for group in (given if isinstance(given, list) else [given]) if str(group).isdecimal()]
    if not groups:
        raise Unsupported("the target names no VRRP group")
    return groups


async def see(
    conversations: Conversations, groups: list[str], properties: Mapping[str, Any], side: str
) -> tuple[list[str], list[str]]:
    """The state of each group on the side's interface, and what is wrong with them."""
    address = address_of(properties, side)
    interface = str(properties.get("interface") or "")
    request = etree.Element("get-vrrp-information")
    told = answered(address, await conversations.ask(address, request), "vrrp-information")
    rows = {
        child_text(row, "group"): child_text(row, "vrrp-state")
        for row in told.iter()
        if local(row) == "vrrp-interface" and child_text(row, "interface") == interface
    }
    who = f"{side} {address.ip}".strip()
    states = [rows[group].upper() if rows.get(group) else FAIL for group in groups]
    wrong = [(group, state) for group, state in zip(groups, states, strict=True) if state not in GOOD]
    return states, [
        f"{who} has no group {group} on {interface}"
        if state == FAIL
        else f"{who} is {state.lower()} in group {group} on {interface}"
        for group, state in wrong
    ]
