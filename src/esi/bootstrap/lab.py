"""The lab of a ring: the pair of edge routers of the VPN chain, the customer's router beyond them, and access switches;
appliances are booted on demand.

Logins and addresses are those of the services' data. Each router is reached by NETCONF and SNMP on ports of its own,
the whole lab by its control door.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import asyncssh

from esi.bootstrap.racks import LabIdentity, Racks, service_user
from esi.clock import Clock
from esi.drivers.endpoint import Endpoint
from esi.errors import SettingsError
from esi.lab import LabDevice, Served, Topology, day0, segments, serve
from esi.lab.contrail import LabContrail
from esi.lab.control import Control, serve_control
from esi.lab.glance import Glance
from esi.lab.netscaler import Appliances
from esi.lab.nova import Nova, Pace, World
from esi.lab.nova.cloud import HttpNeutron
from esi.lab.snmp import serve_snmp
from esi.lab.switch import Switch, switch_agent
from esi.lab.web import Core, Identify, serve_web
from esi.settings import Lab
from esi.tasks import Tasks

ROUTERS = {"vMX-router-02": ("10.79.5.185", "mx2"), "vMX-router-01": ("10.79.5.184", "mx1")}
"""Name → management address and day-0 configuration. 02 is the primary of the pair."""

SWITCHES = {"10.161.0.33": "QFX-NW01", "10.161.0.34": "QFX-NW02"}
"""Management address → name, of access switches: SNMP only."""

CUSTOMER = "ce1"

PASSWORDS = {"esi": "esiesi0000"}
"""The login that the recorded edge_routers carry. Data of the lab, not a secret."""


@dataclass(frozen=True)
class RunningLab:
    """Devices by name; the inventory and the SNMP agents by management address; the control door; appliances, which
    come and go; URLs of the clouds.
    """

    served: Mapping[str, Served]
    inventory: Mapping[str, Endpoint]
    snmp: Mapping[str, tuple[str, int]]
    control: Path
    appliances: Appliances
    clouds: Mapping[str, str]


@asynccontextmanager
async def run_lab(settings: Lab, folder: Path, *, clock: Clock, tasks: Tasks) -> AsyncIterator[RunningLab]:
    """Serve the lab's devices and its control door, both in `folder`."""
    ports = _ports(settings.ports)
    starts = {name: start for name, (_, start) in ROUTERS.items()} | {CUSTOMER: CUSTOMER}
    devices = [
        LabDevice(
            name,
            day0(start),
            PASSWORDS,
            host=settings.host,
            port=port,
            host_key=_host_key(folder / f"{name}.key"),
            commit_seconds=settings.commit_seconds,
        )
        for (name, start), port in zip(starts.items(), (*ports, 0), strict=True)
    ]
    primary, secondary = ROUTERS
    topology = Topology(clock, segments(secondary, primary, CUSTOMER), settle_seconds=settings.settle_seconds)
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(serve(devices, clock=clock, tasks=tasks, topology=topology))
        appliances = await stack.enter_async_context(Appliances(clock, host=settings.host))
        contrail = LabContrail(clock, Random())
        contrail.furnish()
        glance = Glance()
        neutron = HttpNeutron(lambda: service_user(folder.parent))
        stack.push_async_callback(neutron.close)
        build = settings.build_seconds
        pace = Pace(build=build, action=build / 2, vif_plugging_timeout=settings.vif_plugging_timeout)
        racks = Racks(appliances, settings.boot_seconds)
        nova = Nova(World(clock, tasks, neutron, glance.name_of, racks, pace))
        identity = LabIdentity(folder.parent, clock)
        faces: Mapping[str, tuple[Core, int, Identify | None]] = {
            "contrail": (contrail.api, settings.contrail_port, None),
            "analytics": (contrail.analytics, settings.analytics_port, None),
            "nova": (nova, settings.nova_port, identity),
            "glance": (glance, settings.glance_port, identity),
        }
        clouds = {
            name: await stack.enter_async_context(serve_web(face, name, (settings.host, port), clock, tasks, whose))
            for name, (face, port, whose) in faces.items()
        }
        faults = {"contrail": contrail.faults, "nova": nova.faults, "glance": glance.faults}
        control = Control(served, appliances, faults)
        door = await stack.enter_async_context(serve_control(control, folder))
        switches = {
            ip: await stack.enter_async_context(
                serve_snmp(switch_agent(Switch(name, contrail.config, clock)), settings.host)
            )
            for ip, name in SWITCHES.items()
        }
        reached = {ip: served[name] for name, (ip, _) in ROUTERS.items()}
        yield RunningLab(
            served,
            {ip: Endpoint(one.host, one.port, one.host_key_public) for ip, one in reached.items()},
            {ip: (one.host, one.snmp_port) for ip, one in reached.items()}
            | {ip: (settings.host, port) for ip, port in switches.items()},
            door,
            appliances,
            clouds,
        )


def _ports(text: str) -> list[int]:
    """The ports of the edge routers; the customer's router takes a free one."""
    if not text:
        return [0] * len(ROUTERS)
    try:
        ports = [int(part) for part in text.split(",")]
    except ValueError:
        raise SettingsError(f"lab.ports: {text!r} is not a comma list of numbers") from None
    if len(ports) != len(ROUTERS):
        raise SettingsError(f"lab.ports: {len(ROUTERS)} devices need {len(ROUTERS)} ports")
    return ports


def _host_key(file: Path) -> str:
    """A router's own private key, made at its first start and kept: a router that changes its key is refused."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    return file.read_text()
