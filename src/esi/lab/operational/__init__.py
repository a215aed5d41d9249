"""What a router says about its state, in the shapes of JUNOS's own replies, computed at the moment of asking."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from esi.lab.operational import bgp, interfaces, system, vrrp
from esi.lab.operational.asked import Asked, Question

__all__ = ["COMMANDS", "QUESTIONS", "Asked", "known"]

QUESTIONS: Mapping[str, Question] = {
    "get-bgp-summary-information": bgp.summary,
    "get-bgp-neighbor-information": bgp.neighbors,
    "get-vrrp-information": vrrp.groups,
    "get-vrrp-interface-information": vrrp.groups,
    "get-interface-information": interfaces.interfaces,
    "get-system-information": system.system,
    "get-software-information": system.software,
    "get-system-uptime-information": system.uptime,
    "get-route-engine-information": system.route_engine,
    "get-chassis-inventory": system.chassis,
}
"""The requests that ask for state."""

COMMANDS: Mapping[str, str] = {
    "show version": "get-software-information",
    "show system information": "get-system-information",
    "show system uptime": "get-system-uptime-information",
    "show bgp summary": "get-bgp-summary-information",
    "show bgp neighbor": "get-bgp-neighbor-information",
    "show vrrp": "get-vrrp-information",
    "show interfaces": "get-interface-information",
    "show chassis hardware": "get-chassis-inventory",
}


def known(words: Iterable[str]) -> str:
    """The request that a command of these words makes; empty for none."""
    given = list(words)
    return next((COMMANDS[" ".join(given[:size])] for size in (3, 2) if " ".join(given[:size]) in COMMANDS), "")
