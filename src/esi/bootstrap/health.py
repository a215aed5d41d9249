"""How a process tells that it is well: which room stands on what, and where its door is found.

Each process writes the address of its door into the ring's folder (`health/<host>-<pid>.json`), as the API and the lab
write theirs, and takes it away when it ends in good order. So a file whose door does not answer is a process that died:
`esi doctor` says so, until the next one of its kind on this machine clears it away.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from esi.bootstrap.ground import Ground
from esi.clock import Clock
from esi.kv import KV
from esi.model import keys
from esi.runtime.service.door import HealthRoom
from esi.runtime.service.vitals import Vitals
from esi.settings import Health
from esi.store import Store, Tx
from esi.work.lease import ProcessLease

FOLDER = "health"
ETCD, DATABASE, LEASE = "etcd", "database", "lease"

NEEDS: Mapping[str, tuple[str, ...]] = {
    "api": (DATABASE,),
    "neutron": (DATABASE,),
    "sync": (DATABASE, ETCD),
    "work": (ETCD, LEASE),
    "devices": (ETCD, LEASE),
    "shipping": (),
    "keystone": (),
    "health": (),
}
"""Rooms that stand on something else than etcd alone."""


@dataclass(frozen=True, slots=True)
class Known:
    """A process that has said where its door is."""

    url: str
    parts: tuple[str, ...]
    pid: int
    host: str


def build_health(settings: Health, vitals: Vitals, clock: Clock) -> HealthRoom:
    vitals.needs = lambda room: NEEDS.get(room, (ETCD,))
    return HealthRoom(vitals, host=settings.host, port=settings.port, clock=clock)


def watch_etcd(vitals: Vitals, kv: KV, ground: Ground) -> None:
    """`kv` is the client itself, which counts."""

    async def answers() -> str:
        await kv.get(keys.MASTER)
        return ""

    async def numbers() -> Mapping[str, float]:
        names = {"commits": "esi_etcd_commits_total", "reads": "esi_etcd_reads_total"}
        names["renewals"] = "esi_etcd_lease_renewals_total"
        return {metric: getattr(kv, name) for name, metric in names.items() if hasattr(kv, name)}

    vitals.checks[ETCD] = answers
    vitals.numbers.append(numbers)
    vitals.labelled.append(lambda: {("esi_leads", "key", key): float(one.leads) for key, one in ground.leaders.items()})


def watch_store(vitals: Vitals, store: Store, clock: Clock, *, outbox: bool) -> None:
    """`outbox`: this process brings rows to etcd, and tells how long the oldest has waited."""

    async def answers() -> str:
        await store.read(_nothing)
        return ""

    async def numbers() -> Mapping[str, float]:
        found = {
            "esi_database_statements_total": float(store.statements),
            "esi_database_commits_total": float(store.commits),
        }
        if outbox and not (await vitals.look()).checks.get(DATABASE):
            oldest = await store.outbox_batch(1)
            found["esi_outbox_oldest_seconds"] = max(0.0, clock.now() - oldest[0].at) if oldest else 0.0
        return found

    vitals.checks[DATABASE] = answers
    vitals.numbers.append(numbers)


def watch_lease(vitals: Vitals, lease: ProcessLease) -> None:
    async def held() -> str:
        return "" if lease.held else "it has ended: what this process held may be another's now"

    async def numbers() -> Mapping[str, float]:
        return {"esi_leases_made_total": float(lease.made)}

    vitals.checks[LEASE] = held
    vitals.numbers.append(numbers)


async def _nothing(rows: Tx) -> None:
    """A transaction that only begins and ends."""


@contextmanager
def told(folder: Path, url: str, parts: Iterable[str]) -> Iterator[None]:
    """Where the door is, for as long as the block lasts; files of dead processes of our kind go."""
    mine = Known(url, tuple(sorted(parts)), os.getpid(), socket.gethostname())
    for file, other in _read(folder):
        if other.host == mine.host and other.parts == mine.parts and not Path(f"/proc/{other.pid}").exists():
            file.unlink(missing_ok=True)
    file = folder / FOLDER / f"{mine.host}-{mine.pid}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps({"url": url, "parts": mine.parts, "pid": mine.pid, "host": mine.host}))
    os.replace(draft, file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def read_doors(folder: Path) -> Sequence[Known]:
    """The processes of this folder that have said where they are, dead ones too."""
    return [known for _, known in _read(folder)]


def _read(folder: Path) -> Iterator[tuple[Path, Known]]:
    for file in sorted((folder / FOLDER).glob("*.json")):
        try:
            found = json.loads(file.read_text())
            yield file, Known(str(found["url"]), tuple(found["parts"]), int(found["pid"]), str(found["host"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
