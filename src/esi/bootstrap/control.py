"""The rooms that hold what is wanted: the API, and the sync between SQL and etcd."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from esi.api import ApiRoom
from esi.bootstrap.database import DATABASE, server_of
from esi.bootstrap.ground import Ground
from esi.bootstrap.identity import open_identity
from esi.bootstrap.services import Services
from esi.clock import Clock
from esi.lifecycle import Deadlines, Lifecycle, Ways, timeouts
from esi.model import keys
from esi.settings import Settings
from esi.stacks.remains import StackRemains
from esi.stacks.resources.netconf import NetconfNamedConfigs
from esi.store import Messages, Store
from esi.store.recording import RecordingStore
from esi.store.sqlite import SqliteStore
from esi.store.wake import Datagrams, Hints
from esi.sync import SyncRoom
from esi.sync.progress import Progress
from esi.telemetry import Recorder

DEADLINES = Deadlines()


def build_lifecycle(
    services: Services,
    store: Store,
    clock: Clock,
    *,
    recorded_quirks: bool = False,
    monitoring: bool = False,
    deadlines: Deadlines = DEADLINES,
) -> Lifecycle:
    """The pipeline over `store`; `monitoring` False counts everything monitored as up. The templates' own timeouts are
    added to `deadlines`.
    """
    deadlines = replace(deadlines, timeouts=timeouts(services.templates))
    return Lifecycle(services.catalogue, store, services.hooks, clock, Ways(recorded_quirks, monitoring, deadlines))


async def ensure_rows(lifecycle: Lifecycle, services: Services) -> None:
    """The templates of this flow; and what services want from the first start, which stays as it is found."""
    for template in services.templates:
        await lifecycle.ensure("heat_template", template)
    for schema, body in services.rows:
        await lifecycle.ensure(schema, body, unless=lambda _row: True)


def build_sync(ground: Ground, store: Store, lifecycle: Lifecycle) -> SyncRoom:
    lifecycle.remains = StackRemains(ground.kv, {NetconfNamedConfigs.type: NetconfNamedConfigs().claims})
    lifecycle.progress = Progress(ground.kv, lifecycle.catalogue)
    leader = ground.leader(keys.SYNC_LEADER)
    return SyncRoom(ground.kv, store, lifecycle, leader, clock=ground.clock, rng=ground.rng)


async def open_store(
    settings: Settings, services: Services, clock: Clock, stack: AsyncExitStack
) -> tuple[Store, Hints]:
    """The ring's rows, and the way to tell other processes of changes."""
    folder, database = Path(settings.ring.folder), settings.database
    if not database.url:
        rows = SqliteStore(folder / DATABASE, services.catalogue, clock=clock, expand=database.expand)
        stack.push_async_callback(rows.close)
        others = Datagrams(folder / f"{DATABASE}.changes")
        stack.callback(others.close)
        return rows, others
    from esi.store.postgresql import PostgresStore

    kept = await PostgresStore.open(
        server_of(database),
        services.catalogue,
        clock=clock,
        connections=database.connections,
        expand=database.expand,
    )
    stack.push_async_callback(kept.close)
    return kept, kept.changes


async def open_lifecycle(
    settings: Settings, services: Services, clock: Clock, stack: AsyncExitStack, recorder: Recorder
) -> Lifecycle:
    """The pipeline over the ring's database, its templates in place."""
    ring = settings.ring
    rows, others = await open_store(settings, services, clock, stack)
    store = RecordingStore(rows, recorder, clock)
    monitoring = ring.monitoring != "none"
    deadlines = Deadlines(ring.pending_seconds, ring.age_seconds)
    lifecycle = build_lifecycle(
        services, store, clock, recorded_quirks=ring.recorded_quirks, monitoring=monitoring, deadlines=deadlines
    )
    lifecycle.changes.others = others
    await ensure_rows(lifecycle, services)
    return lifecycle


def build_api(
    settings: Settings, lifecycle: Lifecycle, recorder: Recorder, messages: Messages | None = None
) -> ApiRoom:
    api = settings.api
    known = open_identity(settings, lifecycle.clock)
    room = ApiRoom(lifecycle, known, host=api.host, port=api.port, recorder=recorder, messages=messages)
    room.grace = max(1, int(settings.health.stop_seconds) - 2)
    return room
