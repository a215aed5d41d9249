"""A process that can be thrown away at any await: all it can touch, it touches through handles that die with it (those
to devices: hands.py).

A handle passes every call on to the shared world and announces it twice, before and after its effect, as a *point*
such as "kv.commit /jobs/ready before". A crash plan kills the process at a point, a lossy plan loses the answer there.
Once dead its handles refuse, so that whatever clean-up code still runs changes nothing; its leases are renewed no more,
its device sessions are cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from esi.drivers import Session
from esi.errors import Unreachable
from esi.kv import PAGE_KEYS, Batches, Delete, Entry, Guard, Lease, Listing, Progress, Put
from esi.kv.memory import MemoryKV, MemoryLease
from esi.store import OutboxRow, Store, T, Wake, Work
from esi.tasks import Tasks

Plan = Callable[[str], bool]
"""Told of every point; True kills the process there."""


@dataclass
class Process:
    """One life of one process. `start` gives it something to run; `kill` ends it without a word."""

    name: str
    plan: Plan = lambda point: False
    lossy: Plan = lambda point: False
    dead: bool = False
    points: list[str] = field(default_factory=list)
    leases: list[MemoryLease] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    delay: Callable[[], float] | None = None
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    awake: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.tasks = Tasks(self.name, on_error=self._ended)
        self.awake.set()

    def _ended(self, name: str, error: BaseException) -> None:
        if not self.dead:
            raise error

    async def point(self, name: str) -> None:
        """Something is about to happen or has happened. May not return."""
        if self.dead:
            raise Unreachable(f"{self.name} is dead")
        self.points.append(name)
        if self.plan(name):
            self.die()
            raise Unreachable(f"{self.name} is dead")
        if self.lossy(name):
            raise Unreachable(f"the answer to {name} is lost")
        if self.delay is not None and (pause := self.delay()) > 0:
            await asyncio.sleep(pause)  # noqa: TID251  # the loop's timer is the clock here
        if not self.awake.is_set():
            await self.awake.wait()
        if self.dead:
            raise Unreachable(f"{self.name} is dead")

    def die(self) -> None:
        """From here on nothing it does has an effect."""
        if self.dead:
            return
        self.dead = True
        for lease in self.leases:
            lease.renewing = False
        self.gone.set()

    async def kill(self) -> None:
        """Die, and end its tasks; the sessions it had are cut as a kernel cuts a dead process's connections."""
        self.die()
        await self.tasks.close()
        for session in self.sessions:
            await session.close()

    def pause(self) -> None:
        """Stop doing anything, and stop renewing; the world goes on."""
        self.awake.clear()
        for lease in self.leases:
            lease.renewing = False

    def resume(self) -> None:
        for lease in self.leases:
            lease.renewing = True
        self.awake.set()


def _tree(ops: Sequence[Put | Delete]) -> str:
    """The trees that a commit writes to, as a word for its points."""
    return ",".join(dict.fromkeys("/".join(op.key.split("/")[1:3]) for op in ops))


class KVHandle:
    """The KV as one process sees it."""

    def __init__(self, process: Process, kv: MemoryKV) -> None:
        self._process = process
        self._kv = kv

    async def get(self, key: str) -> Entry | None:
        await self._process.point("kv.get")
        return await self._kv.get(key)

    async def list(self, prefix: str, *, page: int = PAGE_KEYS) -> Listing:
        await self._process.point("kv.list")
        return await self._kv.list(prefix, page=page)

    async def pages(self, prefix: str, *, page: int = PAGE_KEYS) -> AsyncGenerator[Listing, None]:
        yield await self.list(prefix, page=page)

    async def commit(self, ops: Sequence[Put | Delete], *, guards: Sequence[Guard] = ()) -> int:
        name = f"kv.commit {_tree(ops)}"
        await self._process.point(name + " before")
        revision = await self._kv.commit(ops, guards=guards)
        await self._process.point(name + " after")
        return revision

    async def watch(self, prefix: str, *, since: int, progress: Progress | None = None) -> Batches:
        await self._process.point("kv.watch")
        async for batch in self._kv.watch(prefix, since=since, progress=progress):
            await self._process.point(f"kv.watch {prefix}")
            yield batch

    async def lease(self, ttl: float) -> Lease:
        await self._process.point("kv.lease")
        lease = await self._kv.lease(ttl)
        assert isinstance(lease, MemoryLease)
        self._process.leases.append(lease)
        return LeaseHandle(self._process, lease)

    async def close(self) -> None:
        return None


class LeaseHandle:
    """A lease as one process sees it: a dead one cannot even give it back."""

    def __init__(self, process: Process, lease: MemoryLease) -> None:
        self._process = process
        self._lease = lease
        self.id = lease.id
        self.lost = lease.lost

    async def revoke(self) -> None:
        if not self._process.dead:
            await self._lease.revoke()


class StoreHandle:
    """The database as one process sees it; the rows outlive it as a file does."""

    def __init__(self, process: Process, store: Store) -> None:
        self._process = process
        self._store = store

    @property
    def wake(self) -> Wake:
        return self._store.wake

    @property
    def statements(self) -> int:
        return self._store.statements

    @property
    def commits(self) -> int:
        return self._store.commits

    async def _call(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        await self._process.point(f"{name} before")
        result = await work()
        await self._process.point(f"{name} after")
        return result

    async def transaction(self, work: Work[T]) -> T:
        return await self._call("store.transaction", lambda: self._store.transaction(work))

    async def read(self, work: Work[T]) -> T:
        await self._process.point("store.read")
        return await self._store.read(work)

    async def outbox_batch(self, limit: int) -> Sequence[OutboxRow]:
        await self._process.point("store.outbox_batch")
        return await self._store.outbox_batch(limit)

    async def outbox_done(self, ids: Sequence[int]) -> None:
        await self._call("store.outbox_done", lambda: self._store.outbox_done(ids))

    async def outbox_park(self, id: int, error: str) -> None:
        await self._call("store.outbox_park", lambda: self._store.outbox_park(id, error))

    async def outbox_parked(self) -> Sequence[tuple[OutboxRow, str]]:
        return await self._store.outbox_parked()

    async def close(self) -> None:
        return None
