"""The whole way of what is seen: lab routers with a customer beyond them, our probes, an agent, and /monitoring."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from esi.agent.collector import Collector, Habits
from esi.agent.room import Watching
from esi.agent.shelf import TargetShelf
from esi.bootstrap.lab import PASSWORDS, RunningLab, run_lab
from esi.clock import SystemClock
from esi.drivers.junos import JunosDriver
from esi.kv.memory import MemoryKV
from esi.model import keys
from esi.model.target import Target
from esi.probes import Probe
from esi.probes.known import build_probes
from esi.probes.netconf import Conversations
from esi.probes.snmp import Snmp
from esi.settings import Lab
from esi.tasks import Tasks
from esi.telemetry import NullRecorder
from unit.agent.doubles import PATH, request

PRIMARY, SECONDARY = "10.79.5.185", "10.79.5.184"
NAMES = {PRIMARY: "vMX-router-02", SECONDARY: "vMX-router-01"}
PEERS = {PRIMARY: ("192.168.8.2", "192.168.8.1"), SECONDARY: ("192.168.8.6", "192.168.8.5")}
VRF = "vrf_gw"
UP = {"primary": "ESTABLISHED", "secondary": "ESTABLISHED"}

SERVICE = """
set interfaces ge-0/0/1 vlan-tagging
set interfaces ge-0/0/1 unit 122 vlan-id 122
set interfaces ge-0/0/1 unit 122 family inet address {own}/30
set routing-instances vrf_gw instance-type virtual-router
set routing-instances vrf_gw interface ge-0/0/1.122
set routing-instances vrf_gw routing-options autonomous-system 65101
set routing-instances vrf_gw protocols bgp group CloudGW1 type external
set routing-instances vrf_gw protocols bgp group CloudGW1 local-address {own}
set routing-instances vrf_gw protocols bgp group CloudGW1 peer-as 9598
set routing-instances vrf_gw protocols bgp group CloudGW1 neighbor {peer} authentication-key test
"""


@dataclass
class Scene:
    lab: RunningLab
    probes: dict[str, Probe]
    driver: JunosDriver

    async def commit(self, ip: str, lines: str) -> None:
        session = self.lab.served[NAMES[ip]].router.open("operator")
        session.load_text("set", lines)
        await session.commit()
        session.close()

    async def ask(self, type: str, **properties: Any) -> Any:
        return await self.probes[type].ask(Target("t", "t", 1, "r", "vpn_interfaces", "status", type, properties))


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Both routers with the service of the record on them, and the ways to ask them."""
    clock = SystemClock()
    async with Tasks("lab") as tasks, run_lab(Lab(settle_seconds=0.0), tmp_path, clock=clock, tasks=tasks) as lab:
        driver = JunosDriver(lab.inventory, clock=clock, recorder=NullRecorder())
        conversations, snmp = Conversations(driver, clock=clock), Snmp(lab.snmp, clock=clock)
        scene = Scene(lab, build_probes(conversations, snmp), driver)
        for ip, (own, peer) in PEERS.items():
            await scene.commit(ip, SERVICE.format(own=own, peer=peer))
        yield scene
        await conversations.close()
        await snmp.close()


def side(ip: str) -> dict[str, Any]:
    return {"host": ip, "port": 830, "login": "esi", "password": PASSWORDS["esi"], "peer_address": PEERS[ip][1]}


POOL = {"instance": VRF, "primary": side(PRIMARY), "secondary": side(SECONDARY)}


async def test_sessions_are_seen_from_both_ends_of_one_conversation(scene: Scene) -> None:
    for _ in range(3):
        seen = await scene.ask("bgp_pool", **POOL)
        assert (seen.values, seen.reason) == ({"status": UP}, "")
    assert scene.driver.rpcs["get-bgp-summary-information"] == 6
    assert (await scene.ask("bgp_session", instance=VRF, **side(PRIMARY))).values == {"status": "ESTABLISHED"}
    unknown = await scene.ask("bgp_pool", **{**POOL, "secondary": {**side(SECONDARY), "peer_address": "192.0.2.9"}})
    assert unknown.reason == f"secondary {SECONDARY} has no peer 192.0.2.9 in {VRF}"


async def test_ports_and_devices_are_seen(scene: Scene) -> None:
    at = {"device_ip": PRIMARY, "community_name": "EDGE_ROUTER_COMMUNITY"}
    assert (await scene.ask("router", **at)).values == {"status": "UP"}
    first = (await scene.ask("snmp_ports", **at, if_name="ge-0/0/1.122")).values
    assert first["status"] == "UP"
    assert {type(first[name]) for name in ("traffic.in", "traffic.out")} == {int}
    await scene.lab.served[NAMES[PRIMARY]].router.faults.begin("link", "ge-0/0/1")
    down = await scene.ask("physical_port", **at, name="ge-0/0/1")
    assert (down.values, down.reason) == ({"status": "DOWN"}, f"{PRIMARY} sees ge-0/0/1 as down")
    assert (await scene.ask("bgp_pool", **POOL)).values["status"] == {**UP, "primary": "FAIL"}


async def said(kv: MemoryKV, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What stands under /monitoring, once it is as wanted: woken by the store."""
    place = keys.monitoring_key(PATH)
    async with asyncio.timeout(20), aclosing(kv.watch(place, since=1)) as batches:
        async for batch in batches:
            for event in batch:
                told: dict[str, Any] = json.loads(event.value) if event.value else {}
                if wanted(told):
                    return told
    raise AssertionError("the watch ended")


async def test_a_wrong_key_is_said_with_who_sees_what_and_a_mended_one_is_seen(scene: Scene) -> None:
    kv, clock = MemoryKV(), SystemClock()
    collector = Collector(kv, "a", scene.probes, clock=clock, rng=Random(1), habits=Habits(interval=0.2))
    shelf = TargetShelf(kv, clock=clock, types=frozenset(scene.probes), url="http://agent")
    async with Tasks("agent") as tasks:
        tasks.start("watching", Watching(kv, collector, shelf).run())
        made = await shelf.create(request(properties=POOL), key="k")
        assert (await said(kv, bool))["status"] == UP
        neighbor = "set routing-instances vrf_gw protocols bgp group CloudGW1 neighbor 192.168.8.1 authentication-key"
        await scene.commit(PRIMARY, f"{neighbor} wrong")
        bad = await said(kv, lambda told: told.get("status") == {**UP, "primary": "FAIL"})
        assert bad["reasons"]["status"].startswith(f"primary {PRIMARY} sees 192.168.8.1 as ")
        revision = kv.revision
        await scene.commit(PRIMARY, f"{neighbor} test")
        async with asyncio.timeout(20), aclosing(kv.watch(keys.monitoring_key(PATH), since=revision)) as batches:
            async for batch in batches:
                told = json.loads(batch[-1].value)
                if told["status"] == UP:
                    assert "reasons" not in told
                    break
        await shelf.delete(str(made["id"]))
        assert await kv.get(keys.monitoring_key(PATH)) is None
