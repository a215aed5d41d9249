"""VRRP as a router tells it."""

from __future__ import annotations

from esi.lab.operational.asked import Asked, Content, Reply


def groups(asked: Asked) -> Content:
    """All groups, or that of an interface. Raises Refused on a router without any."""
    roles = list(asked.topology.roles(asked.router.name))
    interface, number = asked.text("interface-name"), asked.text("group")
    if not roles:
        raise asked.router.refused("vrrp subsystem not running - not needed by configuration.")
    style = "summary" if asked.has("summary") else "detail" if asked.has("detail") else "brief"
    reply = Reply("vrrp-information", "vrrp", style)
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
