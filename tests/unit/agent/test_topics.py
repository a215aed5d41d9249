"""The older door: recorded messages become targets, and the names stand flat under /monitoring."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from esi.agent.topics import TYPES, TopicDoor, parse_message
from esi.bus.memory import MemoryBus
from esi.errors import Invalid
from esi.kv.memory import MemoryKV
from esi.model.target import Observation
from esi.monitoring.template import KINDS
from esi.tasks import Tasks
from esi.testing.loop import run
from unit.agent.doubles import ID, TENANT, Desk, ProbeDouble, agent

KNOWN = frozenset(TYPES.values())
SAID = {"primary": "ESTABLISHED", "secondary": "ESTABLISHED", "version": 1}


def message(name: str, action: str = "create", version: object = 1, **more: Any) -> bytes:
    properties = {"instance": "vrf", "host": "10.79.5.185", "peer_address": "192.168.8.1", "password": "geheim"}
    told = {
        "gohan_resource_type": "vpn_interfaces",
        "name": name,
        "tenant_id": TENANT,
        "version": version,
        "action": action,
        "gohan_id": ID,
        "properties": properties,
    }
    return json.dumps({**told, **more}).encode()


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[MemoryBus, Desk, ProbeDouble]]:
    """An agent that reads topics."""
    bus, probe = MemoryBus(), ProbeDouble()
    probe.says |= {name: Observation({"status": "ESTABLISHED"}) for name in ("primary", "secondary")}
    probe.says["primary_uplink"] = Observation({"status": "UP"})
    async with agent(MemoryKV(), probe=probe) as desk, Tasks("door") as tasks:
        tasks.start("topics", TopicDoor(bus, desk.shelf, KNOWN, clock=desk.clock).run())
        yield bus, desk, probe


async def publish(bus: MemoryBus, *messages: bytes, topic: str = "monitor_vpn_interface") -> None:
    for one in messages:
        await bus.publish(topic, "k", one)


def test_every_topic_that_monitors_write_is_read() -> None:
    assert {kind.topic for kind in KINDS.values() if kind.topic} == set(TYPES)


def test_recorded_messages_become_one_flat_value() -> None:
    async def work() -> None:
        async with listening() as (bus, desk, probe):
            heard: list[bytes] = []
            desk.kv.on_commit = lambda events: heard.extend(e.value for e in events if e.key.startswith("/monitoring"))
            await publish(bus, message("primary_uplink"), topic="monitor_logical_port")
            await publish(bus, message("primary"))
            await desk.clock.sleep(0.4)
            await publish(bus, message("secondary"))
            await desk.until_said(SAID, within=2)
            assert len(heard) == 1
            assert {name for _, name in probe.looks} == {"primary", "secondary", "primary_uplink"}

    run(work())


def test_a_message_twice_is_one_target_and_a_newer_version_replaces_it() -> None:
    async def work() -> None:
        async with listening() as (bus, desk, _):
            await publish(bus, message("primary"), message("primary"), message("secondary"))
            await desk.until_said(SAID)
            await publish(bus, message("primary", version=2), message("secondary", version=2), message("primary"))
            await desk.until_said({**SAID, "version": 2})
            assert len((await desk.kv.list("/esi-worker/targets/")).entries) == 2

    run(work())


def test_a_delete_removes_what_is_not_newer() -> None:
    async def work() -> None:
        async with listening() as (bus, desk, _):
            await publish(bus, message("primary"), message("secondary"))
            await desk.until_said(SAID)
            gone = [message(name, "delete", 2, properties={}) for name in ("primary", "secondary")]
            await publish(bus, gone[0], gone[1])
            await desk.until_said(None)
            await publish(bus, message("primary", version=3), gone[0])
            await desk.until_said({"primary": "ESTABLISHED", "version": 3})
            await desk.clock.sleep(100)
            assert await desk.monitoring() is not None

    run(work())


def test_what_cannot_be_understood_is_set_aside_with_its_reason() -> None:
    async def work() -> None:
        async with listening() as (bus, desk, _):
            await publish(
                bus, b"{", message("primary", "explode"), message("primary", version="one"), message("secondary")
            )
            await desk.until_said({"secondary": "ESTABLISHED", "version": 1})
            reasons = [one.reason for one in await bus.rejected(["monitor_vpn_interface"])]
            assert len(reasons) == 3
            assert "not JSON" in reasons[0]
            assert "neither create nor delete" in reasons[1]
            assert "version" in reasons[2]

    run(work())


def test_a_name_that_is_a_path_is_refused() -> None:
    with pytest.raises(Invalid, match="field_name"):
        parse_message("monitor_vpn_interface", message("../x"), KNOWN)
    with pytest.raises(Invalid, match="resource_id"):
        parse_message("monitor_vpn_interface", message("primary", gohan_id="a/b"), KNOWN)
