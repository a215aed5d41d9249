"""What resource types are given inside heat-engine: the same types, and doors in the place of etcd."""

from __future__ import annotations

from dataclasses import dataclass

from esi.bootstrap.appliances import appliance_types
from esi.bootstrap.clouds import contrail_types, open_contrail
from esi.bootstrap.compute import compute_types, open_compute
from esi.bootstrap.recording import read_url
from esi.bootstrap.workers import resource_types
from esi.client.resources import Client
from esi.client.targets import HttpTargets
from esi.clock import Clock, SystemClock
from esi.drivers import Devices
from esi.drivers.remote import HttpDevices
from esi.environment import load_settings, named_file
from esi.registry import Registry
from esi.settings import Settings
from esi.stacks import StackResource, Targets, Until
from esi.stacks.heat.until import ApiUntil
from esi.stacks.resources.monitoring import NullTargets
from esi.telemetry import NullRecorder


@dataclass(frozen=True, slots=True)
class Hands:
    """What all resources of one engine process work with."""

    types: Registry[StackResource]
    clock: Clock
    devices: Devices
    targets: Targets
    until: Until


def read_settings() -> Settings:
    """The ring's, as heat-engine's environment names them. SettingsError."""
    return load_settings(named_file())


def types_inside(settings: Settings, clock: Clock) -> Registry[StackResource]:
    """The types that Heat has from us. Nothing is asked of a cloud before a resource needs it."""
    recorder = NullRecorder()
    compute = open_compute(settings, clock, recorder)
    appliances = appliance_types(settings.ring, clock, recorder, compute)
    networks = contrail_types(open_contrail(settings, clock, recorder))
    return resource_types((*appliances, *networks, *compute_types(compute, clock)))


async def open_hands() -> Hands:
    """To be called on the loop that will use them."""
    settings, clock = read_settings(), SystemClock()
    agent, devices, heat = settings.agent, settings.devices, settings.heat
    url = agent.url or f"http://{agent.host}:{agent.port}"
    targets: Targets = HttpTargets(url, agent.token, clock) if settings.ring.monitoring == "agent" else NullTargets()
    client = Client(heat.api_url or read_url(settings), heat.api_token.reveal(), clock=clock)
    await client.__aenter__()
    return Hands(
        types=types_inside(settings, clock),
        clock=clock,
        devices=HttpDevices(devices.url or f"http://{devices.host}:{devices.port}", devices.token),
        targets=targets,
        until=ApiUntil(client),
    )
