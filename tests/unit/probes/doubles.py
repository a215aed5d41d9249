"""Doubles of devices for probes: a router that answers RPCs with recorded shapes, and targets that ask it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from esi.drivers import Address
from esi.errors import EsiError, Unreachable
from esi.model.target import Target
from esi.netconf.reply import Reply, parse_reply
from esi.netconf.xml import Element, child_text, local

JUNOS = "http://xml.juniper.net/junos/18.4R1"
PRIMARY, SECONDARY = "10.79.5.185", "10.79.5.184"

Answer = Callable[[Element], str]


def side(host: str, **more: Any) -> dict[str, Any]:
    return {"host": host, "port": 830, "login": "esi", "password": "geheim", **more}


def target(type: str, **properties: Any) -> Target:
    return Target("t-1", "tenant", 1, "r-1", "vpn_interfaces", "status", type, properties)


@dataclass
class RouterDouble:
    """`answers`: request name → what stands in the reply. `silent`: what `dial` raises instead."""

    answers: dict[str, Answer] = field(default_factory=dict)
    silent: EsiError | None = None
    dials: int = 0
    asked: list[str] = field(default_factory=list)
    sessions: list[SessionDouble] = field(default_factory=list)


@dataclass
class SessionDouble:
    router: RouterDouble
    ended: str = ""
    dead: bool = False

    @property
    def over(self) -> bool:
        return bool(self.ended)

    async def call(self, operation: Element, *, timeout: float) -> Reply:
        name = local(operation)
        self.router.asked.append(name)
        if self.dead:
            self.lost("cut")
        if self.ended:
            raise Unreachable(f"the conversation has ended: {self.ended}")
        inside = self.router.answers[name](operation)
        base = "urn:ietf:params:xml:ns:netconf:base:1.0"
        return parse_reply(f'<rpc-reply xmlns="{base}" xmlns:junos="{JUNOS}/junos">{inside}</rpc-reply>'.encode())

    def lost(self, why: str) -> None:
        self.ended = self.ended or why

    async def close(self) -> None:
        self.lost("closed")


@dataclass
class DialerDouble:
    """The way to routers by management address."""

    routers: dict[str, RouterDouble]

    async def dial(self, address: Address) -> SessionDouble:
        router = self.routers[address.ip]
        router.dials += 1
        if router.silent is not None:
            raise router.silent
        session = SessionDouble(router)
        router.sessions.append(session)
        return session


def bgp(instance: str, peers: dict[str, str]) -> Answer:
    """get-bgp-summary-information as a router with one instance answers it."""

    def answer(request: Element) -> str:
        if child_text(request, "exact-instance") != instance:
            return "<rpc-error><error-message>no such instance</error-message></rpc-error>"
        rows = "".join(
            f'<bgp-peer junos:style="terse"><peer-address>{peer}</peer-address><peer-as>9598</peer-as>'
            f"<flap-count>0</flap-count><peer-state>{state}</peer-state></bgp-peer>"
            for peer, state in peers.items()
        )
        return (
            f'<bgp-information xmlns="{JUNOS}/junos-routing"><group-count>1</group-count>'
            f"<peer-count>{len(peers)}</peer-count>{rows}</bgp-information>"
        )

    return answer


def vrrp(*rows: tuple[str, int, str]) -> Answer:
    """get-vrrp-information, brief: (interface, group, state)."""

    def answer(request: Element) -> str:
        inside = "".join(
            f"<vrrp-interface><interface>{interface}</interface><interface-state>up</interface-state>"
            f"<group>{group}</group><vrrp-state>{state}</vrrp-state><vrrp-mode>Active</vrrp-mode></vrrp-interface>"
            for interface, group, state in rows
        )
        return f'<vrrp-information xmlns="{JUNOS}/junos-vrrp" junos:style="brief">{inside}</vrrp-information>'

    return answer
