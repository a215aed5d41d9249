"""What has come to a master and is not done yet: what stands is looked up once, then the watches bring what changes.

changed    resources whose /config has changed, in their order     ended    jobs, with their result, None without one
dropped    resources that were deleted by force                    effects  what workers want told, by key

A resource that refers to one that has not come yet is parked: it comes again with the other, or when it is overdue.

/config is not read as a whole: the term before kept the revision up to which it had accepted all (`ACCEPTED`), and the
watch goes on from there. What it brings of the time before this term may be done already, and undone: it says only whom
to look at, as they stand now. Without such a revision, or when etcd has forgotten it, all is compared with the copies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing

from esi.clock import Clock
from esi.jobs.board import Board
from esi.jobs.reader import Reader, worker_copy
from esi.kv import KV, Entry, Event, Progress
from esi.model import keys
from esi.model.codec import decode_config, loads_object
from esi.model.job import Job
from esi.model.resource import Ref
from esi.render.mapping import Missing
from esi.schema import Catalogue
from esi.tasks import Tasks

PARK_SECONDS = 60.0
"""How long a resource waits for another that it refers to and that has not come yet."""


class Inbox:
    """Fills `board` when it loads, and `reader` ever after. `wake` is set whenever something has come.

    `kept` is what ACCEPTED holds; `due`: it shall move on by itself. `changed`: True for what is new and has no copy.
    """

    def __init__(self, kv: KV, catalogue: Catalogue, reader: Reader, board: Board, clock: Clock) -> None:
        self._kv = kv
        self._catalogue = catalogue
        self._reader = reader
        self._board = board
        self._clock = clock
        self.wake = asyncio.Event()
        self.kept = 0
        self.due = False
        self.changed: dict[Ref, bool] = {}
        self.ended: dict[str, bytes | None] = {}
        self.dropped: dict[Ref, None] = {}
        self.effects: dict[str, bytes] = {}
        self.overdue: dict[Ref, Missing] = {}
        self._parked: dict[Ref, dict[Ref, float]] = {}
        self._begun = 0
        self._taken = 0

    def __bool__(self) -> bool:
        return bool(self.dropped or self.changed or self.ended or self.effects)

    @property
    def accepted(self) -> int:
        """Up to which revision of /config all is accepted once what has come is done. What is parked is not."""
        return self.kept if self._parked else self._taken

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

    async def load(self, tasks: Tasks, *, everything: bool) -> None:
        """Read what stands, of /config only what is new unless `everything` is asked for; then follow it in `tasks`."""
        trees = (keys.JOBS, keys.DROPPED + "/", keys.EFFECTS)
        jobs, dropped, effects = await asyncio.gather(*(self._kv.list(tree) for tree in trees))
        await self._load_kept()
        self._taken = self.kept if self.kept and not everything else await self._compare()
        await self._load_templates()
        self._load_jobs({entry.key: entry.value for entry in jobs.entries})
        for entry in dropped.entries:
            self._take_dropped(entry.key)
        self.effects = {entry.key: entry.value for entry in effects.entries}
        tasks.start("effects", self._follow(keys.EFFECTS, effects.revision, self._take_effects))
        tasks.start("dropped", self._follow(keys.DROPPED + "/", dropped.revision, self._take_drops))
        tasks.start("config", self._follow(keys.CONFIG + "/", self._taken, self._take_configs, self._take_progress))
        tasks.start("jobs", self._follow(keys.JOBS, jobs.revision, self._take_ends))

    async def _load_kept(self) -> None:
        entry = await self._kv.get(keys.ACCEPTED)
        if entry is not None and (revision := loads_object(entry.value)["revision"]) < entry.mod_revision:
            self.kept = revision  # one that is not less was copied from another etcd

    async def _compare(self) -> int:
        """Every resource that differs from its copy has changed; the revision that /config was read at."""
        copies: dict[str, int] = {}

        def take_copy(entry: Entry) -> None:
            copy = worker_copy(entry)  # a deleted one may be of an earlier life: it is always looked at
            copies[keys.parse_path(entry.key, keys.WORKER_CONFIG)] = 0 if copy.deleted else copy.version

        def take_config(entry: Entry) -> None:
            version = copies.pop(keys.parse_path(entry.key, keys.CONFIG), None)
            if decode_config(entry.value, entry.key).version == version:
                return
            if (ref := self._ref_of(entry.key, keys.CONFIG)) is not None:
                self.changed[ref] = version is None
                if self._reader.has_room():
                    self._reader.stands(ref, entry, entry.mod_revision)

        await self._each(keys.WORKER_CONFIG + "/", take_copy)
        revision = await self._each(keys.CONFIG + "/", take_config)
        self.changed |= {ref: False for path in copies if (ref := self._ref_of(path, "")) is not None}
        self.due = True
        return revision

    async def _each(self, prefix: str, take: Callable[[Entry], None]) -> int:
        """A part at a time, since what is kept of each is little; the revision that it was read at."""
        revision = 0
        async with aclosing(self._kv.pages(prefix)) as pages:
            async for part in pages:
                revision = part.revision
                for entry in part.entries:
                    take(entry)
        return revision

    async def _load_templates(self) -> None:
        templates = await self._kv.list(keys.HEAT_TEMPLATES)
        self._begun = templates.revision
        for entry in templates.entries:
            self._take_template(entry.key, entry.value)

    def _load_jobs(self, found: dict[str, bytes]) -> None:
        jobs = [Job.decode(value, key) for key, value in found.items() if key.startswith(keys.JOBS_ALL)]
        self._board.load(jobs)
        somewhere = (keys.job_working_key, keys.job_ready_key, keys.job_waiting_key)
        for job in jobs:
            if (value := found.get(keys.job_finished_key(job.id))) is not None:
                self.ended[job.id] = value
            elif not any(key(job.id) in found for key in somewhere):
                self.ended[job.id] = None

    async def _follow(
        self, prefix: str, since: int, take: Callable[[Sequence[Event]], None], progress: Progress | None = None
    ) -> None:
        async for batch in self._kv.watch(prefix, since=since, progress=progress):
            take(batch)
            self.wake.set()

    def _take_configs(self, batch: Sequence[Event]) -> None:
        for event in batch:
            if event.key.startswith(keys.HEAT_TEMPLATES):
                if event.revision > self._begun:
                    self._take_template(event.key, event.value if event.kind == "put" else None)
            elif (ref := self._ref_of(event.key, keys.CONFIG)) is not None:
                self._take_config(ref, event)
        self._taken = batch[-1].revision

    def _take_template(self, key: str, value: bytes | None) -> None:
        self._reader.set_template(key.removeprefix(keys.HEAT_TEMPLATES), value)

    def _take_config(self, ref: Ref, event: Event) -> None:
        told, put = False, event.kind == "put"
        if event.revision <= self._begun:
            self._reader.forget(ref)
        else:
            entry = Entry(event.key, event.value, event.create_revision, event.revision)
            told = self._reader.stands(ref, entry if put else None, event.revision)
        self.changed.setdefault(ref, told and event.create_revision == event.revision)
        if put:
            self.changed.update(dict.fromkeys(self._parked.pop(ref, ()), False))

    def _take_progress(self, revision: int) -> None:
        """Nothing has happened for long. What is kept follows, before etcd forgets the time that it speaks of."""
        self._taken, self.due = max(self._taken, revision), True
        self.wake.set()

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
                self.changed[ref] = False
            if not waiting:
                del self._parked[missing]

    def _ref_of(self, key: str, tree: str) -> Ref | None:
        found = self._catalogue.by_path(keys.parse_path(key, tree))
        return Ref(found[0].id, found[1]) if found is not None and found[0].state_versioning else None
