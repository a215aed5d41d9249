"""Ports and units as a router tells them."""

from __future__ import annotations

from esi.lab.operational.asked import Asked, Content, Reply
from esi.lab.view import MAIN, Physical, Unit
from esi.netconf.xml import Element


def interfaces(asked: Asked) -> Content:
    """All ports with their units, one of them, or those of an instance. Raises Refused for an unknown one."""
    view, name = asked.topology.view(asked.router.name), asked.text("interface-name")
    terse = asked.has("terse")
    instance = asked.text("routing-instance")
    if instance and instance not in view.instances:
        raise asked.router.refused(f"instance {instance} is not configured", bad=instance)
    reply = Reply("interface-information", "interface", "terse" if terse else "normal")
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


def _physical(asked: Asked, reply: Reply, physical: Physical, *, terse: bool) -> Element:
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


def _logical(asked: Asked, reply: Reply, parent: Element, unit: Unit) -> None:
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
