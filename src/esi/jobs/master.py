"""One term of the elected master: load everything once, then react to the watches, many events to one commit.

Everything it knows stands in a Reader (what is wanted) and a Board (the open jobs). Its writes are fenced by the term,
so it needs no other guard: when a commit fails, the term ends and the next one starts from what etcd holds.
"""

from __future__ import annotations

import asyncio
import logging
import random
import string
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from esi.clock import Clock
from esi.errors import Broken, EsiError, TerminalError
from esi.jobs.board import Board, Ops
from esi.jobs.plan import Change
from esi.jobs.reader import Reader, Unread, worker_copy
from esi.kv import KV, MAX_OPS, Delete, Entry, Event, Put
from esi.model import keys
from esi.model.codec import Config, encode_worker_config, loads_object
from esi.model.effect import EFFECTS, Effect
from esi.model.job import CREATE, LOGICAL_DELETE, MODIFY, Job
from esi.model.resource import Body, Ref
from esi.render.mapping import Missing
from esi.runtime import Term
from esi.schema import Catalogue
from esi.tasks import Tasks
from esi.work.mappings import closed, standing
from esi.work.results import failed_state, read_state

log = logging.getLogger(__name__)

PARK_SECONDS = 60.0
"""How long a resource waits for another that it refers to and that has not come yet."""

MAX_RETRIES = 20
"""A job that was given back this often is not tried again."""


class Master:
    """`serve` runs the term to its end."""

    def __init__(
        self, kv: KV, catalogue: Catalogue, term: Term, *, clock: Clock, rng: random.Random, quirks: bool
    ) -> None:
        self._kv = kv
        self._catalogue = catalogue
        self._term = term
        self._clock = clock
        self._rng = rng
        self._reader = Reader(catalogue, recorded_quirks=quirks)
        self._board = Board(self._path_of, self._nonce)
        self._wake = asyncio.Event()
        self._changed: dict[Ref, None] = {}
        self._ended: dict[str, bytes | None] = {}
        self._parked: dict[Ref, dict[Ref, float]] = {}
        self._overdue: dict[Ref, Missing] = {}
        self._dropped: dict[Ref, None] = {}
        self._effects: dict[str, bytes] = {}
        self._failure: BaseException | None = None

    def failed(self, name: str, error: BaseException) -> None:
        """A watch has broken: the term ends with its error."""
        self._failure = error
        self._wake.set()

    async def serve(self, tasks: Tasks) -> None:
        await self._load(tasks)
        tasks.start("term", self._wake_at_end())
        while not self._term.lost.is_set():
            if self._failure is not None:
                raise self._failure
            await self._react()
            if not (self._dropped or self._changed or self._ended or self._effects):
                await self._wait()

    async def _wake_at_end(self) -> None:
        await self._term.lost.wait()
        self._wake.set()

    async def _wait(self) -> None:
        """Until a watch brings something, or the time of something parked is over."""
        dues = [due for waiting in self._parked.values() for due in waiting.values()]
        try:
            async with asyncio.timeout(max(0.0, min(dues) - self._clock.monotonic()) if dues else None):
                await self._wake.wait()
        except TimeoutError:
            self._give_up_parked()
        self._wake.clear()

    # What the watches bring

    async def _load(self, tasks: Tasks) -> None:
        trees = (keys.JOBS, keys.DROPPED + "/", keys.EFFECTS)
        jobs, dropped, effects = await asyncio.gather(*(self._kv.list(tree) for tree in trees))
        await self._load_from(keys.WORKER_CONFIG + "/", self._load_copy)
        since = await self._load_from(keys.CONFIG + "/", self._load_config)
        self._changed = dict.fromkeys(self._reader.all_pending())
        self._load_jobs({entry.key: entry.value for entry in jobs.entries})
        for entry in dropped.entries:
            self._take_dropped(entry.key)
        self._effects = {entry.key: entry.value for entry in effects.entries}
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
                self._ended[job.id] = value
            elif not any(key(job.id) in found for key in somewhere):
                self._ended[job.id] = None

    async def _follow(self, prefix: str, since: int, take: Callable[[Sequence[Event]], None]) -> None:
        async for batch in self._kv.watch(prefix, since=since):
            take(batch)
            self._wake.set()

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
            self._changed[ref] = None
        if value is not None:
            self._changed.update(dict.fromkeys(self._parked.pop(ref, ())))

    def _take_drops(self, batch: Sequence[Event]) -> None:
        for event in batch:
            if event.kind == "put":
                self._take_dropped(event.key)

    def _take_dropped(self, key: str) -> None:
        ref = self._ref_of(key, keys.DROPPED)
        if ref is not None:
            self._dropped[ref] = None

    def _take_effects(self, batch: Sequence[Event]) -> None:
        self._effects.update((event.key, event.value) for event in batch if event.kind == "put")

    def _take_ends(self, batch: Sequence[Event]) -> None:
        """A result, or a claim that has ended without one. The two always stand in one revision when both are there."""
        for event in batch:
            job_id = keys.parse_job(event.key)
            if event.kind == "put" and event.key.startswith(keys.JOBS_FINISHED):
                self._ended[job_id] = event.value
            elif event.kind == "delete" and event.key.startswith(keys.JOBS_WORKING) and job_id in self._board:
                self._ended.setdefault(job_id, None)

    def _give_up_parked(self) -> None:
        now = self._clock.monotonic()
        for missing, waiting in list(self._parked.items()):
            for ref in [ref for ref, due in waiting.items() if due <= now]:
                del waiting[ref]
                self._overdue[ref] = Missing(missing)
                self._changed[ref] = None
            if not waiting:
                del self._parked[missing]

    # What is done about it

    async def _react(self) -> None:
        """Turn all that has come into as few commits as it takes, each decision whole in one of them."""
        ops: Ops = []
        while self._dropped or self._ended or self._changed or self._effects:
            if self._dropped:
                ref = next(iter(self._dropped))
                del self._dropped[ref]
                more = await self._drop(ref)
            elif self._ended:
                job_id = next(iter(self._ended))
                more = await self._over(job_id, self._ended.pop(job_id))
            elif self._changed:
                ref = next(iter(self._changed))
                del self._changed[ref]
                more = await self._accept(ref)
            else:
                key = next(iter(self._effects))
                more = self._tell(key, self._effects.pop(key))
            if len(ops) + len(more) > MAX_OPS or {op.key for op in ops} & {op.key for op in more}:
                await self._commit(ops)
                ops = []
            ops += more
        await self._commit(ops)

    async def _commit(self, ops: Ops) -> None:
        for start in range(0, len(ops), MAX_OPS):  # only a very wide "dependency failed" is longer than one commit
            await self._kv.commit(ops[start : start + MAX_OPS], guards=[self._term.guard])

    def _tell(self, key: str, value: bytes) -> Ops:
        try:
            effect = Effect.decode(value, key)
            return [Delete(key), *self._board.tell(effect)]
        except Broken as error:
            log.error("an effect cannot be told: %s", error)
            return [Delete(key)]

    async def _over(self, job_id: str, value: bytes | None) -> Ops:
        if value is None:
            return await self._again(job_id)
        error = loads_object(value, job_id)["error"] if value else ""
        ref = self._board.ref(job_id)
        if ref is not None and not self._reader.is_wanted(ref):
            self._changed[ref] = None
        return self._board.finish(job_id, error)

    async def _again(self, job_id: str) -> Ops:
        """The claim on a job has ended without a result: its worker is gone. Make it ready again."""
        entry = await self._kv.get(keys.job_all_key(job_id))
        if entry is None or job_id not in self._board:
            return []
        job = replace(Job.decode(entry.value, job_id), retries=Job.decode(entry.value, job_id).retries + 1)
        if job.retries <= MAX_RETRIES:
            log.info("%s is ready again: its worker has gone", job_id)
            return [Put(entry.key, job.encode()), Put(keys.job_ready_key(job_id), job.handler.encode())]
        error = f"{job.handler} has given up on it {MAX_RETRIES} times; see its log"
        if job.handler == EFFECTS:
            return self._board.finish(job_id)
        state = Put(keys.state_key(self._path_of(job.ref)), failed_state(job.version, job.workflow, error))
        return [state, *self._board.finish(job_id, error)]

    async def _accept(self, ref: Ref) -> Ops:
        """What a change of what is wanted comes to. Bodies that are needed and are not kept are read."""
        while True:
            try:
                ops = await self._accepted(ref)
            except Unread as unread:
                entry = await self._kv.get(keys.config_key(self._path_of(unread.ref)))
                self._reader.set_config(unread.ref, entry.value if entry is not None else None)
            else:
                self._overdue.pop(ref, None)
                self._reader.trim()
                return ops

    async def _accepted(self, ref: Ref) -> Ops:
        if not self._reader.pending(ref):
            return []
        path = self._path_of(ref)
        old = await self._old(ref, path)
        wanted = self._reader.wanted(ref) or self._last_rites(ref, old)
        if not self._reader.is_wanted(ref) and wanted is not None and (drop := await self._drop(ref)):
            return drop
        if wanted is None:
            self._reader.forget(ref)
            trees = (keys.worker_config_key, keys.heat_stack_key, keys.state_key)
            return [Delete(tree(path)) for tree in trees]
        error = self._overdue.get(ref)
        try:
            change = self._reader.change(ref, wanted, old)
        except Missing as missing:
            if error is None:
                self._parked.setdefault(missing.ref, {})[ref] = self._clock.monotonic() + PARK_SECONDS
                return []
            return self._refuse(ref, wanted, old, missing)
        except TerminalError as fault:
            return self._refuse(ref, wanted, old, fault)
        return self._plan(ref, wanted, change)

    def _plan(self, ref: Ref, wanted: Config, change: Change | None) -> Ops:
        copy = self._copy(ref, wanted)
        if change is None:
            state = read_state(wanted.version, deleted=wanted.marked_for_deletion)
            return [Put(keys.state_key(self._path_of(ref)), state), copy]
        return [copy, *self._board.plan(change)]

    def _refuse(self, ref: Ref, wanted: Config, old: tuple[Body, int] | None, error: EsiError) -> Ops:
        workflow = LOGICAL_DELETE if wanted.marked_for_deletion else MODIFY if old else CREATE
        log.warning("%s cannot be planned: %s", ref, error)
        state = failed_state(wanted.version, workflow, str(error))
        return [Put(keys.state_key(self._path_of(ref)), state), self._copy(ref, wanted)]

    def _copy(self, ref: Ref, wanted: Config) -> Put:
        self._reader.accept(ref, wanted.version, deleted=wanted.marked_for_deletion)
        value = encode_worker_config(wanted.body, wanted.version, deleted=wanted.marked_for_deletion)
        return Put(keys.worker_config_key(self._path_of(ref)), value)

    async def _drop(self, ref: Ref) -> Ops:
        """Forget a resource that was deleted by force: jobs, the stack's record, our copy. Nothing is taken down."""
        path = self._path_of(ref)
        if await self._kv.get(keys.dropped_key(path)) is None:
            return []
        log.warning("%s is dropped: it was deleted by force", ref)
        self._reader.forget(ref)
        self._changed.pop(ref, None)
        if await self._kv.get(keys.config_key(path)) is not None:
            self._changed[ref] = None  # asked for anew under the same id
        else:
            self._reader.set_config(ref, None)
        trees = (keys.worker_config_key, keys.job_state_key, keys.heat_stack_key, keys.dropped_key)
        gone: Ops = [Delete(tree(path)) for tree in trees]
        name = keys.stack_name(ref)
        gone += [Delete(keys.stack_key(name)), Delete(keys.stack_made_key(name))]
        gone += closed(await standing(self._kv, path), path, self._clock.now())
        return [*self._board.cancel(ref, "it was deleted by force"), *gone]

    async def _old(self, ref: Ref, path: str) -> tuple[Body, int] | None:
        if self._reader.known(ref) is None:
            return None
        entry = await self._kv.get(keys.worker_config_key(path))
        return None if entry is None else worker_copy(entry.value)[:2]

    def _last_rites(self, ref: Ref, old: tuple[Body, int] | None) -> Config | None:
        """A resource that went from /config in one step is deleted by our own copy of it, once."""
        schema = self._catalogue[ref.schema]
        known = self._reader.known(ref)
        if old is None or known is None or known.deleted or not self._reader.handlers(schema, old[0]):
            return None
        return self._reader.as_deleted(old)

    def _path_of(self, ref: Ref) -> str:
        return self._catalogue[ref.schema].path_of(ref.id)

    def _ref_of(self, key: str, tree: str) -> Ref | None:
        found = self._catalogue.by_path(keys.parse_path(key, tree))
        return Ref(found[0].id, found[1]) if found is not None and found[0].state_versioning else None

    def _nonce(self) -> str:
        return "".join(self._rng.choices(string.ascii_lowercase + string.digits, k=5))
