"""One term of the elected master: what has come (Inbox) is turned into jobs and records, many events to one commit.

Everything it knows stands in a Reader (what is wanted) and a Board (the open jobs). Its writes are fenced by the term,
so it needs no other guard: when a commit fails, the term ends and the next one starts from what etcd holds.
"""

from __future__ import annotations

import logging
import random
import string
from dataclasses import replace

from esi.clock import Clock
from esi.errors import Broken, EsiError, TerminalError
from esi.jobs.board import Board, Ops
from esi.jobs.inbox import Inbox
from esi.jobs.plan import Change
from esi.jobs.reader import Reader, Unread, worker_copy
from esi.kv import KV, MAX_OPS, Delete, Put
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
        self._inbox = Inbox(kv, catalogue, self._reader, self._board, clock)
        self._failure: BaseException | None = None

    def failed(self, name: str, error: BaseException) -> None:
        """A watch has broken: the term ends with its error."""
        self._failure = error
        self._inbox.wake.set()

    async def serve(self, tasks: Tasks) -> None:
        await self._inbox.load(tasks)
        tasks.start("term", self._wake_at_end())
        while not self._term.lost.is_set():
            if self._failure is not None:
                raise self._failure
            await self._react()
            if not self._inbox:
                await self._inbox.wait()

    async def _wake_at_end(self) -> None:
        await self._term.lost.wait()
        self._inbox.wake.set()

    async def _react(self) -> None:
        """Turn all that has come into as few commits as it takes, each decision whole in one of them."""
        ops: Ops = []
        inbox = self._inbox
        while inbox:
            if inbox.dropped:
                ref = next(iter(inbox.dropped))
                del inbox.dropped[ref]
                more = await self._drop(ref)
            elif inbox.ended:
                job_id = next(iter(inbox.ended))
                more = await self._over(job_id, inbox.ended.pop(job_id))
            elif inbox.changed:
                ref = next(iter(inbox.changed))
                del inbox.changed[ref]
                more = await self._accept(ref)
            else:
                key = next(iter(inbox.effects))
                more = self._tell(key, inbox.effects.pop(key))
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
            self._inbox.changed[ref] = None
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
                self._inbox.overdue.pop(ref, None)
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
        error = self._inbox.overdue.get(ref)
        try:
            change = self._reader.change(ref, wanted, old)
        except Missing as missing:
            if error is None:
                self._inbox.park(ref, missing.ref)
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
        self._inbox.changed.pop(ref, None)
        if await self._kv.get(keys.config_key(path)) is not None:
            self._inbox.changed[ref] = None  # asked for anew under the same id
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

    def _nonce(self) -> str:
        return "".join(self._rng.choices(string.ascii_lowercase + string.digits, k=5))
