"""BGP as a router tells it. Counters of messages are not kept: they follow from the time a session has stood."""

from __future__ import annotations

from esi.lab import replies
from esi.lab.operational.asked import Asked, Content, Reply, duration
from esi.lab.topology import BgpSession
from esi.lab.view import MAIN
from esi.lab.wiring import ESTABLISHED
from esi.netconf.xml import Element

KEEPALIVE_SECONDS = 30.0
LAST_ERRORS = {"Connect": "Hold Timer Expired Error", "Active": "Open Message Error", "Idle": "None"}


def _sessions(asked: Asked) -> dict[str, list[BgpSession]]:
    """The sessions that are asked for, by instance; `instance` is a prefix, `exact-instance` a whole name."""
    exact, prefix, peer = asked.text("exact-instance"), asked.text("instance"), asked.text("neighbor-address")
    found: dict[str, list[BgpSession]] = {}
    for name, instance in asked.topology.view(asked.router.name).instances.items():
        if (exact and name != exact) or not name.startswith(prefix) or not instance.peerings:
            continue
        found[name] = []
    for session in asked.topology.sessions(asked.router.name):
        if session.peering.instance in found and peer in ("", session.peering.peer):
            found[session.peering.instance].append(session)
    return found


def summary(asked: Asked) -> Content:
    """All sessions, or those of an instance."""
    found = _sessions(asked)
    exact = asked.text("exact-instance")
    if exact and exact != MAIN and exact not in asked.topology.view(asked.router.name).instances:
        raise asked.router.refused(f"instance {exact} is not configured", bad=exact)
    if not found and not exact:
        return [replies.element("output", "BGP is not running")]
    reply = Reply("bgp-information", "routing")
    peers = [session for sessions in found.values() for session in sessions]
    reply.add(reply.root, "group-count", len({session.peering.instance for session in peers}))
    reply.add(reply.root, "peer-count", len(peers))
    reply.add(reply.root, "down-peer-count", sum(session.state != ESTABLISHED for session in peers))
    for name in found:
        _rib(reply, reply.root, name, "brief")
    for session in peers:
        peer = reply.add(reply.root, "bgp-peer", style="terse")
        messages = int(session.seconds / KEEPALIVE_SECONDS) + 2 if session.state == ESTABLISHED else 0
        for label, value in (
            ("peer-address", session.peering.peer),
            ("peer-as", session.peering.peer_as),
            ("input-messages", messages),
            ("output-messages", messages),
            ("route-queue-count", 0),
            ("flap-count", session.flaps),
        ):
            reply.add(peer, label, value)
        reply.add(peer, "elapsed-time", duration(session.seconds), seconds=str(int(session.seconds)))
        if session.peering.description:
            reply.add(peer, "description", session.peering.description)
        up = session.state == ESTABLISHED
        reply.add(peer, "peer-state", session.state, **({"format": "Establ"} if up else {}))
        if up:
            _rib(reply, peer, session.peering.instance, "terse")
    return [reply.root]


def _rib(reply: Reply, parent: Element, instance: str, style: str) -> None:
    rib = reply.add(parent, "bgp-rib", style=style)
    reply.add(rib, "name", "inet.0" if instance == MAIN else f"{instance}.inet.0")
    names = ("active", "received", "accepted", "suppressed")
    for name in names if style == "terse" else ("total", "received", "accepted", "active", "suppressed"):
        reply.add(rib, f"{name}-prefix-count", 0)


def neighbors(asked: Asked) -> Content:
    """The same with more about each, and what was last wrong."""
    reply = Reply("bgp-information", "routing")
    for instance, sessions in _sessions(asked).items():
        for session in sessions:
            mine, up = session.peering, session.state == ESTABLISHED
            peer = reply.add(reply.root, "bgp-peer", style="detail")
            for label, value in (
                ("peer-address", f"{mine.peer}+179" if up else mine.peer),
                ("peer-as", mine.peer_as),
                ("local-address", f"{mine.local}+49152" if up else mine.local or "unspecified"),
                ("local-as", mine.local_as),
                ("description", mine.description),
                ("peer-cfg-rti", instance),
                ("peer-type", "Internal" if mine.local_as == mine.peer_as else "External"),
                ("peer-state", session.state),
                ("last-flap-event", "None" if up else "Closed"),
                ("last-error", "None" if up else LAST_ERRORS.get(session.state, "None")),
                ("flap-count", session.flaps),
                ("local-interface-name", session.verdict.unit),
            ):
                if value != "":
                    reply.add(peer, label, value)
    return [reply.root]
