"""A desk for appliances: one of the lab on loopback, the driver that reaches it, and a clock that does not wait."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from esi.clock import SystemClock
from esi.drivers.nitro import Login
from esi.drivers.nitro.driver import NitroDriver
from esi.drivers.nitro.wire import Endpoint, HttpLine, Line
from esi.lab.netscaler import Appliances, Image, Netscaler, Reached
from esi.stacks import Context, Props
from esi.telemetry import MemoryRecorder
from unit.stacks.bench import CountingDevices, CountingTargets, Crash, Routers

IP, GATEWAY = "100.64.193.3", "100.64.193.1"
LOGIN = Login(IP, "vlbadmin", "password")


class QuickClock(SystemClock):
    """Sleeping costs nothing and moves the clock; `slept` remembers how long."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ahead += seconds
        await super().sleep(0)


@dataclass
class Desk:
    appliances: Appliances
    reached: Reached
    driver: NitroDriver
    clock: QuickClock
    recorder: MemoryRecorder
    context: Context
    held: list[str] = field(default_factory=list)

    @property
    def appliance(self) -> Netscaler:
        return self.reached.appliance

    def world(self) -> dict[str, Any]:
        """What runs, kind by kind; nothing of it is unsaved."""
        rows = self.appliance.rows
        kinds = {kind: [dict(row) for row in rows.of(kind)] for kind in sorted(rows.kinds())}
        return {**{kind: found for kind, found in kinds.items() if found}, "capacity": rows.capacity}


@asynccontextmanager
async def desk(
    image: Image | None = None, *, server: ssl.SSLContext | None = None, trust: dict[str, str] | None = None
) -> AsyncIterator[Desk]:
    clock, recorder, held = QuickClock(), MemoryRecorder(), list[str]()
    async with Appliances(clock, tls=server) as appliances:
        reached = await appliances.boot(IP, image or Image(IP, gateway=GATEWAY))

        def find(ip: str) -> Line | None:
            there = appliances.running().get(ip)
            return HttpLine(ip, Endpoint(there.url, **(trust or {}))) if there is not None else None

        driver = NitroDriver(find, clock=clock, recorder=recorder)
        devices = CountingDevices(Routers(), Crash())
        ref = ("load_balancer_conf", "1", 1)
        context = Context("s", "r", "op", "t", devices, CountingTargets(), ref, None, held.append)
        yield Desk(appliances, reached, driver, clock, recorder, context, held)


def config(**changes: Any) -> Props:
    """Properties as recorded (spec/cases/load_balancer), structured values in Python's notation; then `changes`."""
    return {
        "management_ip": IP,
        "server_id": "47531b14-72e9-439d-8949-fd941457ecde",
        "credentials": "{u'username': u'vlbadmin', u'password': u'password'}",
        "init_config": "{}",
        "license_code": "LA-0001969526-49522",
        "model": "{u'edition': u'Standard', u'size': u'10'}",
        "networks": [network(IP, "100.64.193.0/24"), dummy("10.121.232.3"), dummy("10.121.232.4")],
        "internet_port": "{u'ip_address': u'100.64.193.4', u'mask': u'255.255.255.0'}",
        "default_gateway": "",
        "management_gateway": GATEWAY,
        "admin_username": "user-admin",
        "admin_password": "Aa0bcdefghij",
        "user_username": "user-read",
        "user_password": "Bb0bcdefghij",
        "other_username": "",
        "other_password": "",
        **changes,
    }


def network(ip: str, cidr: str) -> dict[str, str]:
    return {"ip_address": ip, "cidr": cidr, "type": "user"}


def dummy(ip: str) -> dict[str, str]:
    return {"ip_address": ip, "cidr": "10.121.232.0/24", "type": "dummy"}


def syslog(**changes: Any) -> Props:
    return {
        "management_ip": IP,
        "server_id": "47531b14-72e9-439d-8949-fd941457ecde",
        "credentials": {"username": "vlbadmin", "password": "password"},
        "init_config": "",
        "name": "sys1",
        "ip_address": "10.0.0.9",
        "port_number": 514,
        "log_level": "ALL",
        "log_facility": "LOCAL0",
        "date_format": "MMDDYYYY",
        "time_zone": "GMT_TIME",
        "tcp_logging": "NONE",
        "acl_logging": "DISABLED",
        "appflow_logging": "DISABLED",
        "user_configurable_log_messages": "NO",
        "transport_type": "UDP",
        "priority": 1,
        "vserver_ip_address": "",
        "comment": "",
        **changes,
    }
