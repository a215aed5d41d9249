"""One term of the elected master: what has come (Inbox) is turned into jobs and records, many events to one commit.

Everything it knows stands in a Reader (what is wanted) and a Board (the open jobs). Its writes are fenced by the term,
so it needs no other guard: when a commit fails, the term ends and the next one starts from what etcd holds. Up to where
all is accepted stands in the commits themselves (ACCEPTED), so that the next one need not look at the rest.
"""

from __future__ import annotations

import asyncio
import logging
import random
import string
from dataclasses import replace
from itertools import islice

from esi.clock import Clock
from esi.errors import Broken, EsiError, TerminalError
from esi.jobs.board import Board, Ops
from esi.jobs.inbox import Inbox
from esi.jobs.reader import Copy, Reader, Unread, worker_copy
from esi.kv import KV, MAX_OPS, Delete, Entry, Put
from esi.model import keys
from esi.model.codec import Config, dumps, encode_worker_config, loads_object
from esi.model.effect import EFFECTS, Effect
from esi.model.job import CREATE, LOGICAL_DELETE, MODIFY, Job
from esi.model.resource import Ref
from esi.render.mapping import Missing
from esi.runtime import Term
from esi.schema import Catalogue
from esi.tasks import Tasks
from esi.work.mappings import closed, standing
from esi.work.results import failed_state, read_state

log = logging.getLogger(__name__)

MAX_RETRIES = 20
"""A job that was given back this often is not tried again."""

AHEAD = 32
"""Copies of resources that have changed, too, read in one go."""


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
        self._ops: Ops = []
        self._copies: dict[Ref, Entry | None] = {}
        self._failure: BaseException | None = None

    def failed(self, name: str, error: BaseException) -> None:
        """A watch has broken: the term ends with its error."""
        self._failure = error
        self._inbox.wake.set()

    async def serve(self, tasks: Tasks, *, everything: bool) -> None:
        """`everything`: do not trust what the term before has kept."""
        await self._inbox.load(tasks, everything=everything)
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
        inbox = self._inbox
        while inbox:
            if inbox.dropped:
                ref = next(iter(inbox.dropped))
                del inbox.dropped[ref]
                await self._write(await self._drop(ref))
            elif inbox.ended:
                job_id = next(iter(inbox.ended))
                await self._write(await self._over(job_id, inbox.ended.pop(job_id)))
            elif inbox.changed:
                ref = next(iter(inbox.changed))
                await self._write(await self._accept(ref, new=inbox.changed.pop(ref)))
            else:
                key = next(iter(inbox.effects))
                await self._write(self._tell(key, inbox.effects.pop(key)))
        if inbox.accepted > inbox.kept and (self._ops or inbox.due):
            await self._write([self._keep(inbox.accepted)])
        await self._commit()

    async def _write(self, ops: Ops) -> None:
        """With what is to be written before it, in one commit if it fits."""
        if len(self._ops) + len(ops) > MAX_OPS or self._writes({op.key for op in ops}):
            await self._commit()
        self._ops += ops

    def _writes(self, names: set[str]) -> bool:
        """Whether the next commit writes one of these keys."""
        return any(op.key in names for op in self._ops)

    async def _commit(self) -> None:
        ops, self._ops = self._ops, []
        for start in range(0, len(ops), MAX_OPS):  # only a very wide "dependency failed" is longer than one commit
            await self._kv.commit(ops[start : start + MAX_OPS], guards=[self._term.guard])

    def _keep(self, revision: int) -> Put:
        """All that has happened under /config up to `revision` is accepted by this commit, or was before."""
        self._inbox.kept, self._inbox.due = revision, False
        return Put(keys.ACCEPTED, dumps({"revision": revision}))

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
        job = self._board.job(job_id)
        over = self._board.finish(job_id, loads_object(value, job_id)["error"] if value else "")
        last = job is not None and job.workflow == LOGICAL_DELETE and not any(self._board.open_jobs(job.ref))
        if job is None or not last or self._reader.is_wanted(job.ref):
            return over
        # It may have gone before, and nobody will speak of it again: what is left of it goes in the same commit.
        rest = await self._accept(job.ref, new=self._inbox.changed.pop(job.ref, False))
        return list({op.key: op for op in (*rest, *over)}.values())

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

    async def _accept(self, ref: Ref, *, new: bool = False) -> Ops:
        """What a change of what is wanted comes to. What is needed and not remembered is read."""
        copy = None if new else await self._copy_of(ref)
        while True:
            try:
                ops = await self._accepted(ref, copy)
            except Unread as unread:
                await asyncio.gather(*map(self._read, sorted(unread.refs)))
            else:
                self._inbox.overdue.pop(ref, None)
                self._reader.trim()
                return ops

    async def _read(self, ref: Ref) -> None:
        entry = await self._kv.get(keys.config_key(self._path_of(ref)))
        self._reader.stands(ref, entry, 0 if entry is None else entry.mod_revision)

    async def _accepted(self, ref: Ref, copy: Copy | None) -> Ops:
        wanted = self._reader.wanted(ref)
        if wanted is None:
            return [] if copy is None else await self._gone(ref, copy)
        if copy is not None and self._reader.made_after(ref, copy):
            copy = None
        if copy is not None and wanted.version <= copy.version:
            return []
        return self._plan(ref, wanted, copy)

    async def _gone(self, ref: Ref, copy: Copy) -> Ops:
        """It is not in /config any more. One that went in one step is deleted by our own copy of it, once."""
        if not copy.deleted and self._reader.handlers(self._catalogue[ref.schema], copy.body):
            return await self._drop(ref) or self._plan(ref, self._reader.as_deleted(copy), copy)
        trees = (keys.worker_config_key, keys.heat_stack_key, keys.state_key)
        return [Delete(tree(self._path_of(ref))) for tree in trees]

    def _plan(self, ref: Ref, wanted: Config, copy: Copy | None) -> Ops:
        error = self._inbox.overdue.get(ref)
        try:
            change = self._reader.change(ref, wanted, copy)
        except Missing as missing:
            if error is None:
                self._inbox.park(ref, missing.ref)
                return []
            return self._refuse(ref, wanted, copy, missing)
        except TerminalError as fault:
            return self._refuse(ref, wanted, copy, fault)
        put = self._put_copy(ref, wanted)
        if change is None:
            state = read_state(wanted.version, deleted=wanted.marked_for_deletion)
            return [Put(keys.state_key(self._path_of(ref)), state), put]
        return [put, *self._board.plan(change)]

    def _refuse(self, ref: Ref, wanted: Config, copy: Copy | None, error: EsiError) -> Ops:
        workflow = LOGICAL_DELETE if wanted.marked_for_deletion else MODIFY if copy else CREATE
        log.warning("%s cannot be planned: %s", ref, error)
        state = failed_state(wanted.version, workflow, str(error))
        return [Put(keys.state_key(self._path_of(ref)), state), self._put_copy(ref, wanted)]

    def _put_copy(self, ref: Ref, wanted: Config) -> Put:
        value = encode_worker_config(wanted.body, wanted.version, deleted=wanted.marked_for_deletion)
        return Put(keys.worker_config_key(self._path_of(ref)), value)

    async def _drop(self, ref: Ref) -> Ops:
        """Forget a resource that was deleted by force: jobs, the stack's record, our copy. Nothing is taken down."""
        path = self._path_of(ref)
        if await self._kv.get(keys.dropped_key(path)) is None:
            return []
        log.warning("%s is dropped: it was deleted by force", ref)
        self._inbox.changed.pop(ref, None)
        self._copies.pop(ref, None)
        trees = (keys.worker_config_key, keys.job_state_key, keys.heat_stack_key, keys.state_key, keys.dropped_key)
        gone: Ops = [Delete(tree(path)) for tree in trees]
        self._reader.forget(ref)
        entry = await self._kv.get(keys.config_key(path))
        if entry is not None:  # asked for anew under the same id
            self._inbox.changed[ref] = False
            if entry.mod_revision <= self._inbox.kept:
                gone.append(self._keep(entry.mod_revision - 1))
        name = keys.stack_name(ref)
        gone += [Delete(keys.stack_key(name)), Delete(keys.stack_made_key(name))]
        gone += closed(await standing(self._kv, path), path, self._clock.now())
        return [*self._board.cancel(ref, "it was deleted by force"), *gone]

    async def _copy_of(self, ref: Ref) -> Copy | None:
        """Nobody else writes copies, and we only in a resource's turn: the next ones are read with it."""
        if ref not in self._copies:
            if self._writes({keys.worker_config_key(self._path_of(ref))}):
                await self._commit()
            written = {op.key for op in self._ops}
            next_ones = islice((one for one, new in self._inbox.changed.items() if not new), AHEAD)
            refs = {one: keys.worker_config_key(self._path_of(one)) for one in (ref, *next_ones)}
            refs = {one: key for one, key in refs.items() if key not in written}
            self._copies = dict(zip(refs, await asyncio.gather(*map(self._kv.get, refs.values())), strict=True))
        entry = self._copies.pop(ref)
        return None if entry is None else worker_copy(entry)

    def _path_of(self, ref: Ref) -> str:
        return self._catalogue[ref.schema].path_of(ref.id)

    def _nonce(self) -> str:
        return "".join(self._rng.choices(string.ascii_lowercase + string.digits, k=5))
