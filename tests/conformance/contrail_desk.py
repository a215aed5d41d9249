"""The lab's Contrail on its ports, and in this process, each with the drivers that speak to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

import aiohttp

from conformance.keystone_desk import SERVICE
from esi.client.keystone import Credentials
from esi.clock import SystemClock
from esi.drivers.contrail.api import HttpAnalytics, HttpContrail
from esi.drivers.contrail.http import Door, HttpWire, Means
from esi.identity.accounts import account
from esi.identity.keystone import KeystoneIdentity, Login
from esi.lab.contrail import LabContrail
from esi.lab.keystone import Directory, KeystoneRoom
from esi.lab.web import app
from esi.runtime.door import HttpDoor
from esi.tasks import Tasks
from esi.telemetry import Secret
from esi.testing.clouds import NearContrail

TENANT = "0a" * 16
MEMBER = account("alice", tenant=TENANT, project="blue", roles=["Member"], password="alice-password")
LOGIN = Login("esi", Secret("service-password"), "service")


@dataclass
class Desk:
    lab: LabContrail
    api: HttpContrail
    analytics: HttpAnalytics
    urls: tuple[str, str] = ("", "")
    session: aiohttp.ClientSession | None = None


@asynccontextmanager
async def near_desk() -> AsyncIterator[Desk]:
    near = NearContrail(SystemClock(), Random(1))
    yield Desk(near.lab, near.api, near.analytics)


@asynccontextmanager
async def http_desk() -> AsyncIterator[Desk]:
    async with guarded_desk() as desk:
        yield desk


@asynccontextmanager
async def guarded_desk(user: str = "esi", password: str = "service-password") -> AsyncIterator[Desk]:
    """Contrail asks the lab's Keystone whose a token is, and the driver gets its tokens there."""
    clock = SystemClock()
    keystone = KeystoneRoom(Directory([SERVICE, MEMBER]), clock=clock)
    identity = KeystoneIdentity(lambda: f"{keystone.url}/v3", LOGIN, clock=clock)
    lab = LabContrail(clock, Random(1), keystone="http://keystone")
    doors = [
        HttpDoor("contrail", lambda: app(lab.api, clock, identity.identify), host="127.0.0.1", port=0),
        HttpDoor("analytics", lambda: app(lab.analytics, clock), host="127.0.0.1", port=0),
    ]
    async with Tasks("contrail") as tasks, aiohttp.ClientSession() as session:
        for room in (keystone, *doors):
            tasks.start(room.name, room.run())
            await room.ready.wait()
        project = "service" if user == "esi" else "blue"
        credentials = Credentials(keystone.url, user, Secret(password), project_name=project)
        means = Means(clock, credentials=credentials)
        urls = (doors[0].url, doors[1].url)
        api = HttpContrail(Door("contrail", HttpWire("contrail", lambda: urls[0]), means))
        analytics = HttpAnalytics(Door("analytics", HttpWire("analytics", lambda: urls[1]), Means(clock)))
        yield Desk(lab, api, analytics, urls, session)
        await api.close()
        await analytics.close()
