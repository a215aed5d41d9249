"""SQL and etcd for `esi resync`, with the settings of the ring: it does not ask the API, which may run without etcd."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from esi.bootstrap.database import DATABASE, catalogue_of, server_of
from esi.bootstrap.etcd import open_kv
from esi.clock import Clock
from esi.errors import SettingsError, Unreachable
from esi.kv import KV
from esi.model import keys
from esi.schema import Catalogue
from esi.settings import Settings
from esi.store.sqlite import SqliteStore
from esi.sync.resync import Resync

Led = Callable[[], Awaitable[bool]]


@asynccontextmanager
async def open_resync(settings: Settings, only: tuple[str, ...], clock: Clock) -> AsyncIterator[tuple[Resync, Led]]:
    """What compares SQL with etcd, and whether anybody leads the sync now, who would write."""
    if not settings.etcd.endpoints:
        raise SettingsError("no etcd: name it with etcd.endpoints or --etcd; `esi dev` prints its own")
    catalogue = catalogue_of(settings)
    unknown = sorted(name for name in only if name not in catalogue.schemas or catalogue[name].nosync)
    if unknown:
        told = ", ".join(sorted(schema.id for schema in catalogue if not schema.nosync))
        raise SettingsError(f"no schema that is told to workers: {', '.join(unknown)}; known: {told}")
    kv = open_kv(settings.etcd, settings.etcd.endpoints, clock)
    try:
        store = await _rows(settings, catalogue, clock)
        try:
            yield Resync(kv, store, catalogue, only), lambda: _led(kv)
        finally:
            await store.close()
    finally:
        await kv.close()


async def _rows(settings: Settings, catalogue: Catalogue, clock: Clock) -> Any:
    if settings.database.url:
        from esi.store.postgresql import PostgresStore

        return await PostgresStore.open(
            server_of(settings.database), catalogue, clock=clock, connections=2, expand=False
        )
    file = Path(settings.ring.folder) / DATABASE
    if not file.exists():
        raise Unreachable(f"there is no database {file}: name the ring's --folder")
    return SqliteStore(file, catalogue, clock=clock, expand=False)


async def _led(kv: KV) -> bool:
    return await kv.get(keys.SYNC_LEADER) is not None
