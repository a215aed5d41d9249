"""The older door: messages on topics become targets, one per resource and monitor name (pipeline.md 6.2, 6.3).

    {"gohan_resource_type", "gohan_id", "tenant_id", "name", "version", "action": "create" | "delete", "properties"}

A create of a newer version replaces the target, a delete takes away what is not newer than itself. In /monitoring the
names stand flat, as that flow wrote them. What cannot be understood is set aside with its reason.
"""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Mapping
from contextlib import aclosing
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from esi.agent.records import parse_request
from esi.agent.seen import STATUS
from esi.agent.shelf import TargetShelf
from esi.bus import Bus, Delivery
from esi.clock import Clock
from esi.errors import Broken, Invalid, Outrun, TemporaryError
from esi.model.codec import loads_object
from esi.model.target import Target

log = logging.getLogger(__name__)

GROUP = "collector_agent"
RETRY_SECONDS = 0.5

TYPES = {
    "monitor_vpn_interface": "bgp_session",
    "monitor_igs_interface": "vrrp_session",
    "monitor_physical_port": "physical_port",
    "monitor_logical_port": "logical_port",
    "monitor_snmp_device": "snmp_device",
    "monitor_virtual_machine_interface": "virtual_machine_interface",
}
"""Topic → type of target."""

SILENT = frozenset({"monitor_logical_port"})
"""Looked at and counted, but not told under /monitoring: recorded uplinks never stand there."""


def parse_message(topic: str, value: bytes, types: frozenset[str]) -> tuple[str, Target, str]:
    """(action, target without id and time, its id) of one message. Invalid."""
    try:
        message = loads_object(value, "the message")
    except Broken as error:
        raise Invalid(error.message) from error
    action = message.get("action")
    if action not in ("create", "delete"):
        raise Invalid(f"the action is neither create nor delete: {str(action)[:40]!r}")
    request = _request(topic, message)
    target = parse_request(request, types)
    name = f"{topic}/{target.resource_type}/{target.resource_id}/{target.field_name}"
    return action, target, str(uuid5(NAMESPACE_URL, name))


def _request(topic: str, message: Mapping[str, Any]) -> dict[str, Any]:
    name = message.get("name")
    told = topic not in SILENT and isinstance(name, str)
    return {
        "tenant_id": message.get("tenant_id"),
        "version": message.get("version"),
        "resource_id": message.get("gohan_id"),
        "resource_type": message.get("gohan_resource_type"),
        "field_name": name,
        "type": TYPES[topic],
        "properties": message.get("properties", {}),
        "syncer_properties": {"etcd": {STATUS: {"key": name}}} if told else {},
    }


class TopicDoor:
    """Takes messages in until cancelled. Twice the same message is the same target."""

    def __init__(self, bus: Bus, shelf: TargetShelf, types: frozenset[str], *, clock: Clock) -> None:
        self._bus = bus
        self._shelf = shelf
        self._types = types
        self._clock = clock

    async def run(self) -> None:
        while True:
            try:
                async with aclosing(self._bus.consume(list(TYPES), group=GROUP)) as deliveries:
                    async for delivery in deliveries:
                        await self._take(delivery)
            except TemporaryError as error:
                log.info("topics are read again: %s", error)
                await self._clock.sleep(error.after or RETRY_SECONDS)

    async def _take(self, delivery: Delivery) -> None:
        try:
            action, target, id_ = parse_message(delivery.topic, delivery.value, self._types)
        except Invalid as error:
            log.warning("a message on %s is set aside: %s", delivery.topic, error)
            await _told(delivery, delivery.reject(error.message))
            return
        if action == "create":
            await self._shelf.place(target, id_)
        else:
            await self._shelf.remove(id_, up_to=target.version)
        await _told(delivery, delivery.done())


async def _told(delivery: Delivery, telling: Coroutine[Any, Any, None]) -> None:
    """The bus is told; where another agent is served by now it comes again, and to take it in twice is no harm."""
    try:
        await telling
    except Outrun as error:
        log.info("topic %s: %s", delivery.topic, error)
