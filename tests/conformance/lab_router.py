"""What the driver suites share: a lab router, a driver for it, and edits that it takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from esi.clock import SystemClock
from esi.drivers import Address, Edit, Session, Step
from esi.drivers.junos import Endpoint, JunosDriver, JunosSession, Timeouts
from esi.lab import LabDevice, Served, day0, serve
from esi.tasks import Tasks
from esi.telemetry import MemoryRecorder

MX2 = Address("10.79.5.185", 830, "esi", "geheim")

INTERFACES = Step("interfaces")
PORT = Step("interface", "ge-0/0/1", "name", "named_tag")
INSTANCE = (Step("routing-instances"), Step("instance", "vrf_a", "name", "named_tag"))
GROUP = (*INSTANCE, Step("protocols"), Step("bgp"), Step("group", "CloudGW1", "named_tag", "named_tag"))


def unit(number: int) -> tuple[Step, ...]:
    return (INTERFACES, PORT, Step("unit", str(number), "named_tag", "named_tag"))


def add_unit(number: int, vlan: int) -> Edit:
    return Edit(unit(number), text=f"description test; vlan-id {vlan};")


BGP = [
    add_unit(122, 122),
    Edit(INSTANCE, text="instance-type virtual-router; interface ge-0/0/1.122;"),
]


@asynccontextmanager
async def lab(**options: object) -> AsyncIterator[Served]:
    """One lab router with the day-0 configuration of the primary."""
    device = LabDevice("mx2", day0("mx2"), {"esi": "geheim", "other": "geheim"})
    async with (
        Tasks("lab") as tasks,
        serve([replace(device, **options)], clock=SystemClock(), tasks=tasks) as served,  # type: ignore[arg-type]
    ):
        yield served["mx2"]


def driver_of(served: Served, *, port: int = 0, timeouts: Timeouts | None = None, host_key: str = "") -> JunosDriver:
    endpoint = Endpoint(served.host, port or served.port, host_key or served.host_key_public)
    return JunosDriver({MX2.ip: endpoint}, clock=SystemClock(), recorder=MemoryRecorder(), timeouts=timeouts)


@asynccontextmanager
async def opened(driver: JunosDriver, address: Address = MX2) -> AsyncIterator[JunosSession]:
    session = await driver.open(address)
    try:
        yield session
    finally:
        await session.close()


async def cycle(session: Session, edits: list[Edit], comment: str) -> str:
    """The owner's cycle: load pipelined behind discard, diff, commit."""
    await session.lock()
    _, _, diff = await asyncio.gather(session.discard(), session.load(edits), session.diff())
    await session.check()
    await session.commit(comment=comment)
    await session.unlock()
    return diff
