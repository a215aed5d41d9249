"""The eyes of a ring: probes over the same inventory as the drivers, and the collector agent.

The setting `ring.monitoring` decides: `agent` looks, `none` puts null members in every place (house rule 17).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from esi.agent.collector import Collector, build_habits
from esi.agent.room import AgentRoom, Listen
from esi.agent.tsdb import OpenTsdb
from esi.bootstrap.appliances import Fresh
from esi.bootstrap.ground import Ground
from esi.bootstrap.inventory import inventory_file, read_snmp
from esi.bus import Bus
from esi.client.targets import HttpTargets
from esi.clock import Clock
from esi.drivers.compute import Clouds
from esi.drivers.contrail import Analytics
from esi.drivers.junos import JunosDriver
from esi.errors import SettingsError
from esi.monitoring import Eyes
from esi.probes import Probe
from esi.probes.known import build_probes
from esi.probes.netconf import Conversations
from esi.probes.snmp import Snmp
from esi.settings import Agent, Metrics, Ring, Settings


def open_probes(
    ring: Ring, ground: Ground, driver: JunosDriver, analytics: Analytics, compute: Clouds
) -> dict[str, Probe]:
    """One set per process: probes share sessions, sockets and interface numbers."""
    file = inventory_file(Path(ring.folder), ring.inventory)
    read_snmp(file)  # a fault in it is told at the start
    snmp = Snmp(Fresh(file, read_snmp), clock=ground.clock)
    return build_probes(Conversations(driver, clock=ground.clock), snmp, analytics, compute)


def open_eyes(ground: Ground, probes: Mapping[str, Probe], bus: Bus) -> Eyes:
    """With what the monitoring worker takes its first look, and where it says what is to be watched."""
    return Eyes(bus, probes, ground.clock)


def build_agent(settings: Settings, ground: Ground, probes: Mapping[str, Probe], bus: Bus) -> AgentRoom:
    """An agent that looks often enough for `ring.age_seconds`."""
    habits = build_habits(settings.agent.interval_seconds, settings.ring.age_seconds)
    collector = Collector(ground.kv, ground.process, probes, clock=ground.clock, rng=ground.rng, habits=habits)
    collector.tsdb = open_tsdb(settings.metrics, clock=ground.clock, rng=ground.rng)
    agent = settings.agent
    listen = Listen(agent.host, agent.port, agent.url, agent.token)
    return AgentRoom(ground.kv, collector, listen=listen, bus=bus)


def open_tsdb(settings: Metrics, *, clock: Clock, rng: Random) -> OpenTsdb | None:
    """Where metrics go, if anywhere. SettingsError."""
    if not settings.url:
        return None
    try:
        url = urlsplit(settings.url)
    except ValueError:
        url = urlsplit("")
    if url.scheme not in ("http", "https") or not url.hostname:
        raise SettingsError(f"metrics.url: {settings.url!r} is not the http:// or https:// URL of an OpenTSDB")
    if settings.waiting_points < 1:
        raise SettingsError("metrics.waiting_points: one point at least must be able to wait")
    return OpenTsdb(settings.url, clock=clock, rng=rng, most=settings.waiting_points)


def open_targets(settings: Agent, ground: Ground) -> HttpTargets:
    """The agent of another process."""
    url = settings.url or f"http://{settings.host}:{settings.port}"
    return HttpTargets(url, settings.token, ground.clock)
