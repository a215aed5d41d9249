"""Doors: of each process (is it well, is its clock right), of the API and the agent, of Kafka and the clouds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from esi.bootstrap.health import Known, read_doors
from esi.bootstrap.recording import read_url
from esi.client.keystone import Credentials, grant
from esi.doctor.asking import SILENT, agent_at, get, why
from esi.doctor.finding import Finding, Findings, ok, warn, wrong
from esi.doctor.ward import Ward
from esi.errors import EsiError, NotFound
from esi.runtime.service.vitals import CHECK_SECONDS

DOORS, CLOUDS = "doors", "clouds"
SKEW_SECONDS = 2.0
CATALOGUE = {"compute": "nova", "heat": "heat", "contrail": ""}


async def ask_processes(ward: Ward) -> Findings:
    """Those that have written where they are into the ring's folder, and those that health.doors names."""
    named = [part.strip().rstrip("/") for part in ward.settings.health.doors.split(",") if part.strip()]
    known = [*read_doors(ward.folder), *(Known(url, (), 0, "") for url in named)]
    answers = await asyncio.gather(*(_process(ward, one) for one in known))
    return [finding for found in answers for finding in found]


async def _process(ward: Ward, one: Known) -> list[Finding]:
    which = f"{'+'.join(one.parts)} ({one.host}:{one.pid})" if one.parts else one.url
    try:
        _, told = await get(f"{one.url}/readyz", ward.patience + CHECK_SECONDS)  # it asks others first
    except SILENT as error:
        words = f"the process {which} is dead or hangs: its door {one.url} gives {why(error)}"
        return [wrong(DOORS, which, words, "start it again; its log says why it ended")]
    if not isinstance(told, Mapping) or "rooms" not in told:
        words = f"what answers at {one.url} is no process of a ring"
        return [wrong(DOORS, which, words, "correct health.doors, or start the process again")]
    return list(_told(which, told, ward.clock.now()))


def _told(which: str, told: Mapping[str, Any], now: float) -> Iterator[Finding]:
    sick = {name: room.get("why") for name, room in told["rooms"].items() if not room.get("ready")}
    for name, reason in sick.items():
        words = f"{which}: room {name} is not ready: {reason}"
        yield wrong(DOORS, which, words, "mend what it stands on; it goes on by itself")
    skew = abs(float(told.get("now", now)) - now)
    if skew > SKEW_SECONDS:
        words = f"the clock of {which} is {skew:.0f} s away from this machine's"
        yield warn(DOORS, which, words, "let both follow the same NTP servers: times of deadlines and logs differ")
    if not sick:
        yield ok(DOORS, which, f"{len(told['rooms'])} rooms are ready")


async def ask_api(ward: Ward) -> Findings:
    api = ward.settings.api
    url = read_url(ward.settings) or (f"http://{api.host}:{api.port}" if api.port else "")
    if not url:
        return [warn(DOORS, "API", "no API has said where it is, and api.port is 0", "start `esi api`")]
    try:
        status, _ = await get(f"{url}/healthz", ward.patience)
    except SILENT as error:
        return [wrong(DOORS, "API", f"the API does not answer at {url}: {why(error)}", "start `esi api`")]
    if status != 200:
        words = f"the API at {url} answers {status}: it cannot read its database"
        return [wrong(DOORS, "API", words, "see what is said of the database")]
    return [ok(DOORS, "API", f"it answers at {url}")]


async def ask_agent(ward: Ward) -> Findings:
    """The one that workers bring targets to, where it is named. Those that are there say so in etcd: rooms.py."""
    url = ward.settings.agent.url.rstrip("/")
    if ward.settings.ring.monitoring != "agent" or not url:
        return []
    return [await agent_at(url, "agent", ward.patience)]


async def ask_kafka(ward: Ward) -> Findings:
    """Whether brokers listen; logins are the rooms' own affair."""
    bus = ward.settings.bus
    if bus.kind != "kafka":
        return []
    return [await _broker(one.strip(), ward.patience) for one in bus.servers.split(",") if one.strip()]


async def _broker(server: str, patience: float) -> Finding:
    host, _, port = server.rpartition(":")
    try:
        async with asyncio.timeout(patience):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        writer.transport.abort()
    except (OSError, ValueError, TimeoutError) as error:
        words = f"Kafka's broker {server} cannot be reached: {why(error)}"
        return wrong(DOORS, f"kafka {server}", words, "see whether it runs, and correct bus.servers")
    return ok(DOORS, f"kafka {server}", "it listens")


async def ask_clouds(ward: Ward) -> Findings:
    """Each OpenStack that the settings name: does its Keystone know us, does its catalogue have what we need."""
    settings = ward.settings
    named = {name: getattr(settings, name) for name in CATALOGUE if getattr(settings, name).auth_url}
    asked = [_cloud(ward, name, one.auth_url, one) for name, one in named.items()]
    if settings.keystone.url:
        asked.append(_cloud(ward, "keystone", settings.keystone.url, settings.keystone))
    return list(await asyncio.gather(*asked))


async def _cloud(ward: Ward, name: str, auth_url: str, one: Any) -> Finding:
    domains = {"user_domain": one.domain, "project_domain": one.domain}
    who = Credentials(auth_url, one.user, one.password, project_name=one.project, **domains)
    try:
        async with asyncio.timeout(ward.patience):
            given = await grant(who, clock=ward.clock)
        service = CATALOGUE.get(name, "")
        if service and not one.url:
            given.endpoint(service, getattr(one, "region", ""))
    except NotFound as error:
        return wrong(CLOUDS, name, str(error), f"set {name}.url, or {name}.region")
    except TimeoutError:
        return wrong(CLOUDS, name, f"Keystone at {auth_url} does not answer in time", f"correct {name}.auth_url")
    except EsiError as error:
        return wrong(CLOUDS, name, str(error), f"correct the settings of {name}: address, user, password, project")
    return ok(CLOUDS, name, f"Keystone at {auth_url} knows {one.user}")
