"""What has come to a master and is not done yet: everything is loaded once, then the watches bring what changes.

changed    resources whose /config has changed, in their order     ended    jobs, with their result, None without one
dropped    resources that were deleted by force                    effects  what workers want told, by key

A resource that refers to one that has not come yet is parked: it comes again with the other, or when it is overdue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing

from esi.clock import Clock
from esi.jobs.board import Board
from esi.jobs.reader import Reader, worker_copy
from esi.kv import KV, Entry, Event
from esi.model import keys
from esi.model.job import Job
from esi.model.resource import Ref
from esi.render.mapping import Missing
from esi.schema import Catalogue
from esi.tasks import Tasks

PARK_SECONDS = 60.0
"""How long a resource waits for another that it refers to and that has not come yet."""


class Inbox:
    """Fills `reader` and `board` when it loads, and `reader` ever after. `wake` is set whenever something has come."""

    def __init__(self, kv: KV, catalogue: Catalogue, reader: Reader, board: Board, clock: Clock) -> None:
        self._kv = kv
        self._catalogue = catalogue
        self._reader = reader
        self._board = board
        self._clock = clock
        self.wake = asyncio.Event()
        self.changed: dict[Ref, None] = {}
        self.ended: dict[str, bytes | None] = {}
        self.dropped: dict[Ref, None] = {}
        self.effects: dict[str, bytes] = {}
        self.overdue: dict[Ref, Missing] = {}
        self._parked: dict[Ref, dict[Ref, float]] = {}

    def __bool__(self) -> bool:
        return bool(self.dropped or self.changed or self.ended or self.effects)

    async def wait(self) -> None:
        """Until a watch brings something, or the time of something parked is over."""
        dues = [due for waiting in self._parked.values() for due in waiting.values()]
        try:
            async with asyncio.timeout(max(0.0, min(dues) - self._clock.monotonic()) if dues else None):
                await self.wake.wait()
        except TimeoutError:
            self._give_up_parked()
        self.wake.clear()

    def park(self, ref: Ref, missing: Ref) -> None:
        """`ref` cannot be planned before `missing` has come; after PARK_SECONDS it is overdue."""
        self._parked.setdefault(missing, {})[ref] = self._clock.monotonic() + PARK_SECONDS

    async def load(self, tasks: Tasks) -> None:
        """Read all that stands, then follow it in `tasks`."""
        trees = (keys.JOBS, keys.DROPPED + "/", keys.EFFECTS)
        jobs, dropped, effects = await asyncio.gather(*(self._kv.list(tree) for tree in trees))
        await self._load_from(keys.WORKER_CONFIG + "/", self._load_copy)
        since = await self._load_from(keys.CONFIG + "/", self._load_config)
        self.changed = dict.fromkeys(self._reader.all_pending())
        self._load_jobs({entry.key: entry.value for entry in jobs.entries})
        for entry in dropped.entries:
            self._take_dropped(entry.key)
        self.effects = {entry.key: entry.value for entry in effects.entries}
        tasks.start("effects", self._follow(keys.EFFECTS, effects.revision, self._take_effects))
        tasks.start("dropped", self._follow(keys.DROPPED + "/", dropped.revision, self._take_drops))
        tasks.start("config", self._follow(keys.CONFIG + "/", since, self._take_configs))
        tasks.start("jobs", self._follow(keys.JOBS, jobs.revision, self._take_ends))

    async def _load_from(self, prefix: str, load: Callable[[Entry], None]) -> int:
        """A part at a time, since what is kept of each is little; the revision that it was read at."""
        since = 0
        async with aclosing(self._kv.pages(prefix)) as pages:
            async for part in pages:
                since = part.revision
                for entry in part.entries:
                    load(entry)
        return since

    def _load_copy(self, entry: Entry) -> None:
        if (ref := self._ref_of(entry.key, keys.WORKER_CONFIG)) is not None:
            _, version, deleted = worker_copy(entry.value)
            self._reader.accept(ref, version, deleted=deleted)

    def _load_config(self, entry: Entry) -> None:
        self._take_config(entry.key, entry.value, young=False)

    def _load_jobs(self, found: dict[str, bytes]) -> None:
        jobs = [Job.decode(value, key) for key, value in found.items() if key.startswith(keys.JOBS_ALL)]
        self._board.load(jobs)
        somewhere = (keys.job_working_key, keys.job_ready_key, keys.job_waiting_key)
        for job in jobs:
            if (value := found.get(keys.job_finished_key(job.id))) is not None:
                self.ended[job.id] = value
            elif not any(key(job.id) in found for key in somewhere):
                self.ended[job.id] = None

    async def _follow(self, prefix: str, since: int, take: Callable[[Sequence[Event]], None]) -> None:
        async for batch in self._kv.watch(prefix, since=since):
            take(batch)
            self.wake.set()

    def _take_configs(self, batch: Sequence[Event]) -> None:
        for event in batch:
            self._take_config(event.key, event.value if event.kind == "put" else None)

    def _take_config(self, key: str, value: bytes | None, *, young: bool = True) -> None:
        if key.startswith(keys.HEAT_TEMPLATES):
            self._reader.set_template(key.removeprefix(keys.HEAT_TEMPLATES), value)
            return
        ref = self._ref_of(key, keys.CONFIG)
        if ref is None:
            return
        self._reader.set_config(ref, value, young=young)
        if young:
            self.changed[ref] = None
        if value is not None:
            self.changed.update(dict.fromkeys(self._parked.pop(ref, ())))

    def _take_drops(self, batch: Sequence[Event]) -> None:
        for event in batch:
            if event.kind == "put":
                self._take_dropped(event.key)

    def _take_dropped(self, key: str) -> None:
        ref = self._ref_of(key, keys.DROPPED)
        if ref is not None:
            self.dropped[ref] = None

    def _take_effects(self, batch: Sequence[Event]) -> None:
        self.effects.update((event.key, event.value) for event in batch if event.kind == "put")

    def _take_ends(self, batch: Sequence[Event]) -> None:
        """A result, or a claim that has ended without one. The two always stand in one revision when both are there."""
        for event in batch:
            job_id = keys.parse_job(event.key)
            if event.kind == "put" and event.key.startswith(keys.JOBS_FINISHED):
                self.ended[job_id] = event.value
            elif event.kind == "delete" and event.key.startswith(keys.JOBS_WORKING) and job_id in self._board:
                self.ended.setdefault(job_id, None)

    def _give_up_parked(self) -> None:
        now = self._clock.monotonic()
        for missing, waiting in list(self._parked.items()):
            for ref in [ref for ref, due in waiting.items() if due <= now]:
                del waiting[ref]
                self.overdue[ref] = Missing(missing)
                self.changed[ref] = None
            if not waiting:
                del self._parked[missing]

    def _ref_of(self, key: str, tree: str) -> Ref | None:
        found = self._catalogue.by_path(keys.parse_path(key, tree))
        return Ref(found[0].id, found[1]) if found is not None and found[0].state_versioning else None
