"""The router itself: name, release, time, routing engine."""

from __future__ import annotations

from esi.lab import replies
from esi.lab.operational.asked import Asked, Content, Reply, duration, moment


def host_name(asked: Asked) -> str:
    return asked.topology.view(asked.router.name).host_name or asked.router.name


def system(asked: Asked) -> Content:
    """Model, version, name."""
    return [replies.system(host_name(asked))]


def software(asked: Asked) -> Content:
    """What `show version` says."""
    return [replies.software(host_name(asked))]


def uptime(asked: Asked) -> Content:
    """The time, and since when the router runs."""
    clock = asked.router.clock
    up = clock.monotonic() - asked.router.begun
    reply = Reply("system-uptime-information", "system")
    now = clock.now()
    current = reply.add(reply.root, "current-time")
    reply.add(current, "date-time", moment(now), seconds=str(int(now)))
    booted = reply.add(reply.root, "system-booted-time")
    reply.add(booted, "date-time", moment(now - up), seconds=str(int(now - up)))
    reply.add(booted, "time-length", duration(up), seconds=str(int(up)))
    return [reply.root]


def route_engine(asked: Asked) -> Content:
    """The only routing engine."""
    clock = asked.router.clock
    up = clock.monotonic() - asked.router.begun
    reply = Reply("route-engine-information", "chassis")
    engine = reply.add(reply.root, "route-engine")
    for name, value in (("slot", 0), ("mastership-state", "master"), ("status", "OK"), ("model", "RE-VMX")):
        reply.add(engine, name, value)
    reply.add(engine, "start-time", moment(clock.now() - up), seconds=str(int(clock.now() - up)))
    reply.add(engine, "up-time", duration(up), seconds=str(int(up)))
    reply.add(engine, "last-reboot-reason", "Router rebooted after a normal shutdown.")
    return [reply.root]


def chassis(asked: Asked) -> Content:
    """The chassis without its parts."""
    reply = Reply("chassis-inventory", "chassis")
    made = reply.add(reply.root, "chassis", style="inventory")
    reply.add(made, "name", "Chassis")
    reply.add(made, "serial-number", replies.serial_number(host_name(asked)))
    reply.add(made, "description", "VMX")
    return [reply.root]
