"""What is pending for too long fails, and what was seen too long ago is unknown: woken by a timer, never by a scan.

The rows' own times stand in an index of the database; this reads the soonest and sleeps until then. A change that is
accepted meanwhile cannot be due before the shortest deadline has passed, so nobody needs to tell; what was *seen* can,
and whoever applies such a report says so (`expect`).

Before a pending row fails it is looked up in etcd where its change has got to, so that the reason names it.
"""

from __future__ import annotations

import asyncio

from esi.clock import Clock
from esi.kv import KV
from esi.lifecycle import Lifecycle
from esi.model import keys
from esi.model.codec import decode_config, loads_object
from esi.model.job import CREATE, DELETE, LOGICAL_DELETE, MODIFY, Job
from esi.model.resource import Ref, Resource

ROWS = 100
"""Read at once."""

HANDLERS = ("heat_worker", "monitoring_worker")
ACTIONS = (CREATE, MODIFY, DELETE, LOGICAL_DELETE)
NAMED = 3
"""Jobs that a reason names at most."""


class Deadlines:
    """`run` is eternal; one per cluster, beside the sync leader."""

    def __init__(self, kv: KV, lifecycle: Lifecycle, clock: Clock) -> None:
        self._kv = kv
        self._lifecycle = lifecycle
        self._clock = clock
        self._next = 0.0
        self._sooner = asyncio.Event()

    def expect(self, at: float) -> None:
        """Something may be due at `at` (epoch seconds)."""
        if at < self._next:
            self._sooner.set()

    async def run(self) -> None:
        shortest = self._lifecycle.world.ways.deadlines.pending_seconds
        while True:
            self._sooner.clear()
            now = self._clock.now()
            rows = await self._lifecycle.due(ROWS)
            over = [ref for at, ref in rows if at <= now]
            for ref in over:
                await self._overdue(ref)
            if len(over) == ROWS:
                continue
            later = [at for at, _ref in rows if at > now]
            self._next = min([now + shortest, *later[:1]])
            try:
                async with asyncio.timeout(self._next - now):
                    await self._sooner.wait()
            except TimeoutError:
                continue

    async def _overdue(self, ref: Ref) -> None:
        row = await self._lifecycle.store.read(lambda rows: rows.get(ref))
        if row is not None:
            await self._lifecycle.overdue(ref, await self._waits_for(row))

    async def _waits_for(self, row: Resource) -> str:
        """Where the change of a row has got to."""
        path = self._lifecycle.catalogue[row.schema].path_of(row.id)
        config = await self._kv.get(keys.config_key(path))
        if config is None or decode_config(config.value, config.key).version < row.config_version:
            return "it could not yet be put into etcd"
        copy = await self._kv.get(keys.worker_config_key(path))
        if copy is None or loads_object(copy.value, copy.key)["version"] < row.config_version:
            return "no job manager has taken it up"
        jobs = [job for action in ACTIONS for handler in HANDLERS for job in await self._jobs(action, handler, row)]
        if not jobs:
            return "its jobs are over, but no report has come"
        return "; ".join([await self._state(job) for job in jobs[:NAMED]])

    async def _jobs(self, action: str, handler: str, row: Resource) -> list[Job]:
        prefix = keys.job_all_key(f"{action}:{handler}:{row.schema}:{row.id}:{row.config_version}:")
        listing = await self._kv.list(prefix)
        return [Job.decode(entry.value, entry.key) for entry in listing.entries]

    async def _state(self, job: Job) -> str:
        name = f"{job.action} by {job.handler}"
        if await self._kv.get(keys.job_working_key(job.id)) is not None:
            return f"{name} is at work"
        if await self._kv.get(keys.job_ready_key(job.id)) is not None:
            return f"{name} waits for a worker"
        open_jobs = [other for other in job.dependency if await self._kv.get(keys.job_all_key(other)) is not None]
        names = [" of ".join((other.split(":")[0], ":".join(other.split(":")[2:4]))) for other in open_jobs[:NAMED]]
        return f"{name} waits for {', '.join(names)}" if names else f"{name} is about to begin"
