"""What a router says about its state: BGP, VRRP, interfaces, system. Computed at the moment of asking.

The shapes are those of JUNOS's own replies; counters of messages are not kept and count by time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from lxml import etree

from esi.lab import replies
from esi.lab.engine import Engine
from esi.lab.topology import BgpSession, Topology
from esi.lab.view import MAIN, Physical, Unit
from esi.lab.wiring import ESTABLISHED
from esi.netconf.xml import Element, child, child_text
from esi.render.junos.xml import JUNOS

RELEASE = ".".join(replies.VERSION.split(".")[:2])
KEEPALIVE_SECONDS = 30.0
LAST_ERRORS = {"Connect": "Hold Timer Expired Error", "Active": "Open Message Error", "Idle": "None"}


class Asked(NamedTuple):
    """A question: to which router, in which topology."""

    topology: Topology
    router: Engine
    operation: Element

    def has(self, name: str) -> bool:
        return child(self.operation, name) is not None

    def text(self, name: str) -> str:
        return child_text(self.operation, name)


Content = Sequence[bytes | Element]
Question = Callable[[Asked], Content]


class _Reply:
    """A tree of elements in one of JUNOS's namespaces."""

    def __init__(self, root: str, daemon: str, style: str = "") -> None:
        self._space = f"http://xml.juniper.net/junos/{RELEASE}/junos-{daemon}"
        self.root = etree.Element(f"{{{self._space}}}{root}", nsmap={None: self._space, "junos": JUNOS})  # type: ignore[dict-item]
        if style:
            self.root.set(f"{{{JUNOS}}}style", style)

    def add(self, parent: Element, name: str, text: object = None, **junos: str) -> Element:
        """An element below `parent`; `junos` are attributes in JUNOS's own namespace."""
        made = etree.SubElement(parent, f"{{{self._space}}}{name}")
        for key, value in junos.items():
            made.set(f"{{{JUNOS}}}{key}", value)
        if text is not None:
            made.text = "".join(one if one.isprintable() else "?" for one in str(text))
        return made


# -- BGP --------------------------------------------------------------------------------------------------------------


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


def _bgp_summary(asked: Asked) -> Content:
    found = _sessions(asked)
    exact = asked.text("exact-instance")
    if exact and exact != MAIN and exact not in asked.topology.view(asked.router.name).instances:
        raise asked.router.refused(f"instance {exact} is not configured", bad=exact)
    if not found and not exact:
        return [replies.element("output", "BGP is not running")]
    reply = _Reply("bgp-information", "routing")
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
        reply.add(peer, "elapsed-time", _duration(session.seconds), seconds=str(int(session.seconds)))
        if session.peering.description:
            reply.add(peer, "description", session.peering.description)
        up = session.state == ESTABLISHED
        reply.add(peer, "peer-state", session.state, **({"format": "Establ"} if up else {}))
        if up:
            _rib(reply, peer, session.peering.instance, "terse")
    return [reply.root]


def _rib(reply: _Reply, parent: Element, instance: str, style: str) -> None:
    rib = reply.add(parent, "bgp-rib", style=style)
    reply.add(rib, "name", "inet.0" if instance == MAIN else f"{instance}.inet.0")
    names = ("active", "received", "accepted", "suppressed")
    for name in names if style == "terse" else ("total", "received", "accepted", "active", "suppressed"):
        reply.add(rib, f"{name}-prefix-count", 0)


def _bgp_neighbor(asked: Asked) -> Content:
    reply = _Reply("bgp-information", "routing")
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


# -- VRRP -------------------------------------------------------------------------------------------------------------


def _vrrp(asked: Asked) -> Content:
    roles = list(asked.topology.roles(asked.router.name))
    interface, number = asked.text("interface-name"), asked.text("group")
    if not roles:
        raise asked.router.refused("vrrp subsystem not running - not needed by configuration.")
    style = "summary" if asked.has("summary") else "detail" if asked.has("detail") else "brief"
    reply = _Reply("vrrp-information", "vrrp", style)
    for role in roles:
        if interface not in ("", role.unit.name) or number not in ("", str(role.group.number)):
            continue
        up = role.state != "init"
        entry = reply.add(reply.root, "vrrp-interface")
        reply.add(entry, "interface", role.unit.name)
        reply.add(entry, "interface-state", "up" if up else "down")
        reply.add(entry, "group", role.group.number)
        reply.add(entry, "vrrp-state", role.state)
        if style == "detail":
            reply.add(entry, "priority", role.group.priority)
        reply.add(entry, "vrrp-mode", "Active")
        if style != "summary":
            reply.add(entry, "timer-name", {"master": "A", "backup": "D"}.get(role.state, "N"))
            reply.add(entry, "timer-value", "1.000" if up else "0.000")
        reply.add(entry, "local-interface-address", role.group.local.ip)
        for virtual in role.group.virtual:
            reply.add(entry, "virtual-ip-address", virtual)
    return [reply.root]


# -- interfaces -------------------------------------------------------------------------------------------------------


def _interfaces(asked: Asked) -> Content:
    view, name = asked.topology.view(asked.router.name), asked.text("interface-name")
    terse = asked.has("terse")
    instance = asked.text("routing-instance")
    if instance and instance not in view.instances:
        raise asked.router.refused(f"instance {instance} is not configured", bad=instance)
    reply = _Reply("interface-information", "interface", "terse" if terse else "normal")
    physical_name, _, number = name.partition(".")
    if name and (name not in view.physicals if not number else view.unit(name) is None):
        raise asked.router.refused(f"device {name} not found", bad=name)
    for physical in sorted(view.physicals.values(), key=lambda one: one.name):
        if physical_name not in ("", physical.name):
            continue
        units = [physical.units[name]] if number else list(physical.units.values())
        if instance:
            units = [unit for unit in units if view.owners.get(unit.name, MAIN) == instance]
            if not units:
                continue
        parent = reply.root if number else _physical(asked, reply, physical, terse=terse)
        for unit in units:
            _logical(asked, reply, parent, unit)
    return [reply.root]


def _physical(asked: Asked, reply: _Reply, physical: Physical, *, terse: bool) -> Element:
    entry = reply.add(reply.root, "physical-interface")
    up = asked.topology.up(asked.router.name, physical.name)
    admin = "down" if physical.disabled else "up"
    reply.add(entry, "name", physical.name)
    if terse:
        reply.add(entry, "admin-status", admin)
    else:
        reply.add(entry, "admin-status", admin, format="Disabled" if physical.disabled else "Enabled")
    reply.add(entry, "oper-status", "up" if up else "down")
    if physical.description:
        reply.add(entry, "description", physical.description)
    if not terse:
        meters = asked.topology.meters(asked.router.name)
        reply.add(entry, "snmp-index", meters.index(physical.name))
        inside, outside = meters.octets(physical.name)
        traffic = reply.add(entry, "traffic-statistics", style="brief")
        reply.add(traffic, "input-bytes", inside)
        reply.add(traffic, "output-bytes", outside)
    return entry


def _logical(asked: Asked, reply: _Reply, parent: Element, unit: Unit) -> None:
    entry = reply.add(parent, "logical-interface")
    reply.add(entry, "name", unit.name)
    reply.add(entry, "admin-status", "down" if unit.disabled else "up")
    reply.add(entry, "oper-status", "up" if asked.topology.up(asked.router.name, unit.name) else "down")
    if unit.description:
        reply.add(entry, "description", unit.description)
    reply.add(entry, "filter-information")
    for family in unit.families:
        spoken = reply.add(entry, "address-family")
        reply.add(spoken, "address-family-name", family)
        for address in unit.addresses:
            if (address.version == 4) == (family == "inet") and family in ("inet", "inet6"):
                local = reply.add(spoken, "interface-address")
                reply.add(local, "ifa-local", address, emit="emit")


# -- the system -------------------------------------------------------------------------------------------------------


def host_name(asked: Asked) -> str:
    return asked.topology.view(asked.router.name).host_name or asked.router.name


def _system(asked: Asked) -> Content:
    return [replies.system(host_name(asked))]


def _software(asked: Asked) -> Content:
    return [replies.software(host_name(asked))]


def _uptime(asked: Asked) -> Content:
    clock = asked.router.clock
    up = clock.monotonic() - asked.router.begun
    reply = _Reply("system-uptime-information", "system")
    now = clock.now()
    current = reply.add(reply.root, "current-time")
    reply.add(current, "date-time", _moment(now), seconds=str(int(now)))
    booted = reply.add(reply.root, "system-booted-time")
    reply.add(booted, "date-time", _moment(now - up), seconds=str(int(now - up)))
    reply.add(booted, "time-length", _duration(up), seconds=str(int(up)))
    return [reply.root]


def _route_engine(asked: Asked) -> Content:
    clock = asked.router.clock
    up = clock.monotonic() - asked.router.begun
    reply = _Reply("route-engine-information", "chassis")
    engine = reply.add(reply.root, "route-engine")
    for name, value in (("slot", 0), ("mastership-state", "master"), ("status", "OK"), ("model", "RE-VMX")):
        reply.add(engine, name, value)
    reply.add(engine, "start-time", _moment(clock.now() - up), seconds=str(int(clock.now() - up)))
    reply.add(engine, "up-time", _duration(up), seconds=str(int(up)))
    reply.add(engine, "last-reboot-reason", "Router rebooted after a normal shutdown.")
    return [reply.root]


def _chassis(asked: Asked) -> Content:
    reply = _Reply("chassis-inventory", "chassis")
    chassis = reply.add(reply.root, "chassis", style="inventory")
    reply.add(chassis, "name", "Chassis")
    reply.add(chassis, "serial-number", replies.serial_number(host_name(asked)))
    reply.add(chassis, "description", "VMX")
    return [reply.root]


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _duration(seconds: float) -> str:
    """As a router writes it: 4:05, 1:02:03, 2d 1:02:03 from a day on."""
    days, rest = divmod(int(seconds), 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    if not days and not hours:
        return f"{minutes}:{rest:02}"
    clock = f"{hours}:{minutes:02}:{rest:02}"
    return f"{days}d {clock}" if days else clock


QUESTIONS: Mapping[str, Question] = {
    "get-bgp-summary-information": _bgp_summary,
    "get-bgp-neighbor-information": _bgp_neighbor,
    "get-vrrp-information": _vrrp,
    "get-vrrp-interface-information": _vrrp,
    "get-interface-information": _interfaces,
    "get-system-information": _system,
    "get-software-information": _software,
    "get-system-uptime-information": _uptime,
    "get-route-engine-information": _route_engine,
    "get-chassis-inventory": _chassis,
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
