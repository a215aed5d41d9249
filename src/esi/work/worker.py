"""Claims ready jobs, runs their handler, writes what was found. The same for every handler.

Writes, each commit fenced by the claim (the create revision of /jobs/working/<id>):

    claim    working (under the process's lease), ready deleted, job_state {} when first
    held     /state, when something begins to hold the job up and when it ends (holds.py)
    finish   what the handler wrote (the end of its stack, heat_stacks), job_state, /state when last, finished,
             working deleted
    fail     what the handler left (likewise), /state, finished, working deleted, job_state deleted

The job_state of a workflow that has ended well goes with its last job: the master takes both away.

A job that fails with a TerminalError ends its workflow with the error in /state. A TemporaryError keeps the claim and
is tried again with back-off. When the claim is lost, the work stops at once and writes nothing: its guards refuse.
Whatever else ends the work gives the claim back, and the master makes the job ready again. A waiting job holds no slot.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from esi.clock import Clock
from esi.errors import Broken, EsiError, LeaseLost, Outrun, TemporaryError, TerminalError, TimedOut
from esi.kv import KV, Delete, Entry, Guard, Put
from esi.model import keys
from esi.model.codec import dumps, loads_object
from esi.model.job import Job
from esi.model.resource import Body, Ref
from esi.tasks import Tasks
from esi.work import Claim, Handler, JobFailed, JobResult
from esi.work.holds import Holds
from esi.work.lease import ProcessLease
from esi.work.results import completed_state, failed_state, finished_value
from esi.work.slots import Slot
from esi.work.tenure import Tenures

log = logging.getLogger(__name__)

SLOTS = 1000
"""Jobs in flight per process."""

FIRST_BACK_OFF, LAST_BACK_OFF = 0.2, 15.0

JOB_DEADLINE_SECONDS = 3600.0
"""How long a job insists on temporary errors before it fails with the last of them."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a worker works with. `path_of` gives a resource's API path."""

    kv: KV
    lease: ProcessLease
    path_of: Callable[[Ref], str]
    clock: Clock
    tasks: Tasks


class Worker:
    """Works on the ready jobs of its handlers, at most `slots` at a time."""

    def __init__(self, desk: Desk, handlers: Sequence[Handler], *, slots: int = SLOTS) -> None:
        self._kv = desk.kv
        self._lease = desk.lease
        self._path_of = desk.path_of
        self._clock = desk.clock
        self._tasks = desk.tasks
        self._handlers: Mapping[str, Handler] = {handler.name: handler for handler in handlers}
        self._tenures = Tenures(desk.tasks)
        self._slots = asyncio.Semaphore(slots)
        self._mine: dict[str, Entry] = {}
        self._again: dict[str, tuple[Entry, bytes | None]] = {}
        self._at_work: dict[str, asyncio.Task[None]] = {}

    def offer(self, job_id: str, ready: Entry, body: bytes | None) -> None:
        """A job is ready. `body` is its /jobs/all value if it is known already."""
        handler = self._handlers.get(ready.value.decode())
        if handler is None:
            return
        if job_id not in self._mine:
            self._mine[job_id] = ready
            self._at_work[job_id] = self._tasks.start(job_id, self._work(job_id, handler, ready, body))
        elif self._mine[job_id].mod_revision != ready.mod_revision:  # given back and ready again while we let go of it
            self._again[job_id] = (ready, body)

    def withdraw(self, job_id: str) -> None:
        """The job is there no more: stop working on it, whatever it was doing."""
        self._again.pop(job_id, None)
        if job_id in self._at_work:
            self._at_work[job_id].cancel()

    async def _work(self, job_id: str, handler: Handler, ready: Entry, body: bytes | None) -> None:
        try:
            async with Slot(self._slots) as slot:
                if body is None:
                    entry = await self._kv.get(keys.job_all_key(job_id))
                    if entry is None:
                        return
                    body = entry.value
                job = Job.decode(body, job_id)
                claim = await self._claim(job, ready)
                try:
                    await self._until_over(job, handler, replace(claim, rest=slot.rest))
                except BaseException:
                    await self._give_back(claim)
                    raise
        except Outrun:
            log.debug("%s went to another worker", job_id)
        except TemporaryError as error:
            log.warning("%s given up for now: %s", job_id, error)
        finally:
            del self._mine[job_id], self._at_work[job_id]
            if job_id in self._again:
                self.offer(job_id, *self._again.pop(job_id))

    async def _claim(self, job: Job, ready: Entry) -> Claim:
        """Take the job, or raise Outrun when another has it. A lost reply is looked up, not guessed."""
        mine = str(uuid.uuid4()).encode()
        working = keys.job_working_key(job.id)
        pause = FIRST_BACK_OFF
        while True:
            try:
                lease = await self._lease.current()
                held = await self._kv.get(working) if pause > FIRST_BACK_OFF else None
                if held is not None and held.value == mine:
                    return Claim(Guard(working, held.create_revision, "create"), lease.lost)
                ops: list[Put | Delete] = [Put(working, mine, lease), Delete(ready.key)]
                if job.is_first:
                    ops.append(Put(keys.job_state_key(self._path_of(job.ref)), b"{}"))
                guards = [Guard(ready.key, ready.mod_revision), Guard.absent(working)]
                return Claim(Guard(working, await self._kv.commit(ops, guards=guards), "create"), lease.lost)
            except Outrun:
                raise
            except TemporaryError as error:
                await self._clock.sleep(error.after or pause)
                pause = min(pause * 2, LAST_BACK_OFF)

    async def _give_back(self, claim: Claim) -> None:
        """End the claim, so that the master makes the job ready again; insist until it has ended."""
        pause = FIRST_BACK_OFF
        while not claim.lost.is_set():
            try:
                await self._kv.commit([Delete(claim.guard.key)], guards=[claim.guard])
                return
            except Outrun:
                return
            except TemporaryError:
                await self._clock.sleep(pause)
                pause = min(pause * 2, LAST_BACK_OFF)

    async def _until_over(self, job: Job, handler: Handler, claim: Claim) -> None:
        """Run the job while its claim lasts."""
        state = keys.state_key(self._path_of(job.ref))
        async with Tasks(job.id) as tasks, self._tenures.under(claim.lost, job.id):
            holds = Holds(self._kv, self._clock, state, job.version, claim.guard, tasks)
            await self._insist(job, handler, replace(claim, held=holds.hear))

    async def _insist(self, job: Job, handler: Handler, claim: Claim) -> None:
        """Run the handler until it is done or fails for good, and write the result."""
        deadline = self._clock.monotonic() + JOB_DEADLINE_SECONDS
        pause = FIRST_BACK_OFF
        result: JobResult | None = None
        while True:
            try:
                result = result or await handler.run(job, claim)
                await self._finish(job, claim, result)
                return
            except (TerminalError, Broken) as error:
                await self._fail(job, claim, error)
                return
            except (Outrun, LeaseLost):
                raise
            except TemporaryError as error:
                if self._clock.monotonic() >= deadline:
                    await self._fail(job, claim, TimedOut(f"given up after {JOB_DEADLINE_SECONDS:g} s: {error}"))
                    return
                log.info("%s again later: %s", job.id, error)
                await self._clock.sleep(error.after or pause)
                pause = min(pause * 2, LAST_BACK_OFF)

    async def _finish(self, job: Job, claim: Claim, result: JobResult) -> None:
        path = self._path_of(job.ref)
        key = keys.job_state_key(path)
        found: Body = {}
        if not job.is_first:
            entry = await self._kv.get(key)
            found = loads_object(entry.value, key) if entry is not None else {}
        found.update(result.state)
        ops = list(result.ops)
        if result.state or result.ops:
            ops.append(Put(key, dumps(found)))
        if job.is_last:
            ops.append(Put(keys.state_key(path), completed_state(job, found)))
        ops += [Put(keys.job_finished_key(job.id), finished_value()), Delete(claim.guard.key)]
        await self._kv.commit(ops, guards=[claim.guard])

    async def _fail(self, job: Job, claim: Claim, error: EsiError) -> None:
        """End the job with its error; and its workflow too, unless failing does not matter to it."""
        log.warning("%s failed: %s", job.id, error)
        path = self._path_of(job.ref)
        ops: list[Put | Delete] = list(error.ops) if isinstance(error, JobFailed) else []
        ignored = job.on_failure == "ignore"
        if ignored and job.is_last:
            ops.append(Put(keys.state_key(path), completed_state(job, {})))
        elif not ignored:
            ops.append(Put(keys.state_key(path), failed_state(job.version, job.workflow, str(error))))
        ops.append(Put(keys.job_finished_key(job.id), b"" if ignored else finished_value(str(error))))
        ops.append(Delete(claim.guard.key))
        if job.is_last or not ignored:
            ops.append(Delete(keys.job_state_key(path)))
        await self._kv.commit(ops, guards=[claim.guard])
