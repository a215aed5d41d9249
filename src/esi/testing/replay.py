"""Play recorded requests on a whole ring in one process, and keep what it did (facts.py).

The rooms are the real ones, on the memory KV, SQLite in memory and lab routers without SSH, under a hand-turned clock.
A `Player` is any ring that takes requests and comes to rest: the same scenes can be played on others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from esi.bootstrap.ring import Base, build_jobs, build_lifecycle, build_sync, build_work, ensure_templates
from esi.bootstrap.services import Services
from esi.clock import LoopClock
from esi.drivers import Address, CommitRecord, Driver, Edit, Session
from esi.errors import NotFound, TimedOut
from esi.identity import Identity
from esi.kv import Event
from esi.kv.memory import MemoryKV
from esi.lab import Router, day0
from esi.lifecycle import Lifecycle
from esi.model import keys
from esi.model.resource import Body, Ref
from esi.runtime import Room
from esi.store import Store
from esi.store.sqlite import SqliteStore
from esi.tasks import Tasks
from esi.testing.facts import Facts, Load, Write
from esi.testing.routers import NearDriver

REST_SECONDS = 1.0
"""Between two looks whether the ring rests."""

PATIENCE_SECONDS = 120.0
"""How long a ring may take to come to rest."""

ADMIN = Identity("admin", "", ("admin",), is_admin=True)
ROUTERS = {"10.79.5.184": "mx1", "10.79.5.185": "mx2"}
"""The recorded management addresses, and the lab's routers that stand for them."""


class Player(Protocol):
    """A ring that can be played on."""

    facts: Facts

    async def post(self, path: str, body: Body) -> Body:
        """`body` as recorded, {schema: {…}}; the resource as shown."""
        ...

    async def show(self, schema: str, id: str) -> Body: ...
    async def rest(self) -> None:
        """Returns when nothing is left to do."""
        ...


@dataclass
class RecordingDriver:
    """Another driver that writes down every load."""

    inner: Driver
    loads: list[Load]

    @property
    def rpcs(self) -> Mapping[str, int]:
        return self.inner.rpcs

    async def open(self, address: Address) -> Session:
        return RecordingSession(await self.inner.open(address), address, self.loads)


@dataclass
class RecordingSession:
    inner: Session
    address: Address
    loads: list[Load]

    async def load(self, edits: Sequence[Edit]) -> None:
        await self.inner.load(edits)
        self.loads.append(Load(self.address, tuple(edits)))

    async def lock(self) -> None:
        await self.inner.lock()

    async def diff(self) -> str:
        return await self.inner.diff()

    async def commit(self, *, comment: str, confirm_within: float | None = None) -> None:
        await self.inner.commit(comment=comment, confirm_within=confirm_within)

    async def check(self) -> None:
        await self.inner.check()

    async def discard(self) -> None:
        await self.inner.discard()

    async def unlock(self) -> None:
        await self.inner.unlock()

    async def history(self) -> Sequence[CommitRecord]:
        return await self.inner.history()

    async def close(self) -> None:
        await self.inner.close()


@dataclass
class Ring:
    """A whole ring in one process; made by `open_ring`."""

    services: Services
    store: Store
    kv: MemoryKV
    lifecycle: Lifecycle
    clock: LoopClock
    routers: Mapping[str, Router]
    facts: Facts = field(default_factory=Facts)

    async def post(self, path: str, body: Body) -> Body:
        schema = self.services.catalogue.collections[path]
        row = await self.lifecycle.create(ADMIN, schema.id, body[schema.singular], "replay")
        return self.lifecycle.view(ADMIN, row)

    async def show(self, schema: str, id: str) -> Body:
        return await self.lifecycle.show(ADMIN, Ref(schema, id))

    async def delete(self, schema: str, id: str) -> None:
        await self.lifecycle.delete(ADMIN, Ref(schema, id), "replay")

    async def gone(self, schema: str, id: str) -> bool:
        try:
            await self.show(schema, id)
        except NotFound:
            return True
        return False

    async def rest(self) -> None:
        """TimedOut when there is still something to do after two minutes of the ring's own time."""
        deadline = self.clock.monotonic() + PATIENCE_SECONDS
        quiet = 0
        while quiet < 2:
            await self.clock.sleep(REST_SECONDS)
            quiet = quiet + 1 if await self._idle() else 0
            if self.clock.monotonic() > deadline:
                raise TimedOut("the ring does not come to rest")

    async def _idle(self) -> bool:
        if await self.store.outbox_batch(1):
            return False
        jobs = await self.kv.list(keys.JOBS)
        return not jobs.entries


@asynccontextmanager
async def open_ring(services: Services, *, recorded_quirks: bool = True, seed: int = 1) -> AsyncIterator[Ring]:
    """A ring of all rooms, with its templates in place. Must run on a loop of esi.testing.loop."""
    clock, kv, rng = LoopClock(), MemoryKV(), Random(seed)
    base = Base("replay", kv, services, clock, rng, recorded_quirks=recorded_quirks)
    store = SqliteStore(":memory:", services.catalogue, clock=clock, inline=True)
    lifecycle = build_lifecycle(services, store, clock, recorded_quirks=recorded_quirks)
    routers = {ip: Router(name, day0(name), clock) for ip, name in ROUTERS.items()}
    ring = Ring(services, store, kv, lifecycle, clock, routers)

    def note(events: Sequence[Event]) -> None:
        ring.facts.writes += [Write(event.key, event.value if event.kind == "put" else None) for event in events]

    kv.on_commit = note
    await ensure_templates(lifecycle, services)
    failures: list[BaseException] = []
    async with Tasks("replay", on_error=lambda name, error: failures.append(error)) as tasks:
        driver = RecordingDriver(NearDriver(routers), ring.facts.loads)
        _, work = build_work(base, driver, tasks)
        rooms: list[Room] = [build_sync(base, store, lifecycle), build_jobs(base), *work]
        for room in rooms:
            tasks.start(str(getattr(room, "name", "room")), room.run())
        await asyncio.sleep(0)  # noqa: TID251  # the rooms take their places
        yield ring
        if failures:
            raise failures[0]
    await store.close()
