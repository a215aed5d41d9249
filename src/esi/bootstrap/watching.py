"""The eyes of a ring: probes over the same inventory as the drivers, topics in etcd, and the collector agent.

The setting `ring.monitoring` decides: `agent` looks, `none` puts null members in every place (house rule 17).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from esi.agent.collector import Collector, build_habits
from esi.agent.room import AgentRoom, Listen
from esi.bootstrap.ground import Ground
from esi.bootstrap.inventory import inventory_file, read_snmp
from esi.bus import Bus
from esi.bus.kv import KvBus
from esi.bus.recording import RecordingBus
from esi.client.targets import HttpTargets
from esi.drivers.junos import JunosDriver
from esi.monitoring import Eyes
from esi.probes import Probe
from esi.probes.known import build_probes
from esi.probes.netconf import Conversations
from esi.probes.snmp import Snmp
from esi.settings import Agent, Ring


def open_probes(ring: Ring, ground: Ground, driver: JunosDriver) -> dict[str, Probe]:
    """One set per process: probes share sessions, sockets and interface numbers."""
    snmp = Snmp(read_snmp(inventory_file(Path(ring.folder), ring.inventory)), clock=ground.clock)
    return build_probes(Conversations(driver, clock=ground.clock), snmp)


def open_bus(ground: Ground) -> Bus:
    """Topics in etcd: the monitoring worker says there what is to be watched, agents read it."""
    kept = KvBus(ground.kv, clock=ground.clock)
    return RecordingBus(kept, ground.recorder, ground.services.catalogue, ground.clock)


def open_eyes(ground: Ground, probes: Mapping[str, Probe], bus: Bus) -> Eyes:
    """With what the monitoring worker takes its first look, and where it says what is to be watched."""
    return Eyes(bus, probes, ground.clock)


def build_agent(settings: Agent, ground: Ground, probes: Mapping[str, Probe], bus: Bus, *, age: float) -> AgentRoom:
    """`age`: for how many seconds a look counts."""
    habits = build_habits(settings.interval_seconds, age)
    collector = Collector(ground.kv, ground.process, probes, clock=ground.clock, rng=ground.rng, habits=habits)
    listen = Listen(settings.host, settings.port, settings.url, settings.token)
    return AgentRoom(ground.kv, collector, listen=listen, bus=bus)


def open_targets(settings: Agent, ground: Ground) -> HttpTargets:
    """The agent of another process."""
    url = settings.url or f"http://{settings.host}:{settings.port}"
    return HttpTargets(url, settings.token, ground.clock)
