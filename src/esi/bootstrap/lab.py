"""The lab of a ring: the two routers of the VPN chain, with logins and addresses as the services' data name them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh

from esi.clock import Clock
from esi.drivers.ssh import Endpoint
from esi.errors import SettingsError
from esi.lab import LabDevice, Served, serve
from esi.lab.router import day0
from esi.settings import Lab
from esi.tasks import Tasks

ROUTERS = {"vMX-router-02": ("10.79.5.185", "mx2"), "vMX-router-01": ("10.79.5.184", "mx1")}
"""Name → management address and day-0 configuration. 02 is the primary of the pair."""

PASSWORDS = {"esi": "esiesi0000"}
"""The login that the recorded edge_routers carry. Data of the lab, not a secret."""


@asynccontextmanager
async def run_lab(
    settings: Lab, folder: Path, *, clock: Clock, tasks: Tasks
) -> AsyncIterator[tuple[Mapping[str, Served], dict[str, Endpoint]]]:
    """Serve the lab's devices; yields them by name, and the inventory that reaches them."""
    ports = _ports(settings.ports)
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
        for (name, (_, start)), port in zip(ROUTERS.items(), ports, strict=True)
    ]
    async with serve(devices, clock=clock, tasks=tasks) as served:
        yield (
            served,
            {
                ip: Endpoint(served[name].host, served[name].port, served[name].host_key_public)
                for name, (ip, _) in ROUTERS.items()
            },
        )


def _ports(text: str) -> list[int]:
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
