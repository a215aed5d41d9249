"""The rooms as etcd shows them: who leads, which agents are there, devices that nobody owns, jobs that nobody takes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from esi.bootstrap.etcd import open_kv
from esi.clock import Clock
from esi.doctor.asking import agent_at
from esi.doctor.finding import Finding, Findings, ok, warn, wrong
from esi.doctor.ward import Ward
from esi.errors import Broken, EsiError
from esi.kv import KV, Entry
from esi.model import keys
from esi.model.codec import loads_object

ABOUT = "rooms"
LEADERS = {keys.SYNC_LEADER: ("sync", "esi api"), keys.MASTER: ("jobs", "esi api")}
LOOK_SECONDS = 1.5
"""A job that is ready is taken at once where a worker lives; one that still waits after this is nobody's."""


async def ask(ward: Ward) -> Findings:
    if not ward.endpoints:
        return []
    kv = open_kv(ward.settings.etcd, ward.settings.etcd.endpoints, ward.clock)
    try:
        agents = await _agents(kv, ward.patience) if ward.settings.ring.monitoring == "agent" else []
        return [*await _leaders(kv), *agents, *await _work(kv, ward.clock)]
    except EsiError:
        return []  # what is wrong with etcd, etcd's own findings say
    finally:
        await kv.close()


async def _leaders(kv: KV) -> list[Finding]:
    found = []
    for key, (room, command) in LEADERS.items():
        holder = await kv.get(key)
        if holder is None:
            found.append(wrong(ABOUT, room, f"nobody leads {room}: no change gets any further", f"start `{command}`"))
        else:
            found.append(ok(ABOUT, room, f"{holder.value.decode(errors='replace')} leads {room}"))
    return found


async def _agents(kv: KV, patience: float) -> list[Finding]:
    agents = (await kv.list(keys.AGENTS)).entries
    if not agents:
        words = "no collector agent is there: services are never seen to work, and do not become ACTIVE"
        return [wrong(ABOUT, "agent", words, "start `esi agent`, or set ring.monitoring to none")]
    names = [(entry.key.removeprefix(keys.AGENTS), entry.value.decode(errors="replace")) for entry in agents]
    answers = await asyncio.gather(*(agent_at(url, f"agent {name}", patience) for name, url in names))
    return [ok(ABOUT, "agent", f"{len(names)} look"), *answers]


async def _work(kv: KV, clock: Clock) -> list[Finding]:
    """Devices that keep somebody waiting; jobs and devices that nobody takes, looked at twice."""
    owned = await _owned(kv)
    found = list(_held(owned))
    before, waiting = await _ready(kv), await _waiting(kv)
    if not before and not waiting - owned.keys():
        return found
    await clock.sleep(LOOK_SECONDS)
    after = await _ready(kv)
    stuck = [key for key, revision in before.items() if after.get(key) == revision]
    if stuck:
        words = f"{len(stuck)} jobs are ready and nobody takes them, first {keys.parse_job(stuck[0])}"
        found.append(wrong(ABOUT, "work", words, "start `esi worker`, or see why those that run do not work"))
    for ip in sorted((waiting & await _waiting(kv)) - (await _owned(kv)).keys()):
        words = f"changes wait for {ip}, and no process owns it"
        found.append(wrong(ABOUT, "devices", words, "start a process with the room devices, as `esi worker` is"))
    return found


async def _ready(kv: KV) -> dict[str, int]:
    return {entry.key: entry.mod_revision for entry in (await kv.list(keys.JOBS_READY)).entries}


async def _owned(kv: KV) -> dict[str, Entry]:
    return {entry.key.removeprefix(keys.DEVICES): entry for entry in (await kv.list(keys.DEVICES)).entries}


async def _waiting(kv: KV) -> set[str]:
    """Devices that somebody waits for."""
    listed = (await kv.list(keys.INTENTS)).entries
    names = [entry.key.removeprefix(keys.INTENTS) for entry in listed]
    return {name.partition("/")[0] for name in names if not name.partition("/")[2].startswith("done/")}


def _held(owned: dict[str, Entry]) -> Iterator[Finding]:
    for ip, entry in owned.items():
        try:
            value = loads_object(entry.value, entry.key)
        except Broken:
            continue
        if value.get("held"):
            words = f"{ip} keeps {value.get('process')} waiting: {value['held']}"
            yield warn(ABOUT, "devices", words, "see whether the device can be reached, and who holds its lock")
