"""The open jobs and who waits for whom. Pure: every method changes the board and returns the writes that make it true.

Indexes answer what scans would: the open jobs of a resource, the open jobs that read it, the jobs that wait for a job.
The board is the truth of one master while it is master; a new one reads it again from /jobs/.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from esi.jobs.plan import Change, build_jobs, edges, resources_of
from esi.kv import Delete, Put
from esi.model import keys
from esi.model.effect import EFFECTS, Effect
from esi.model.job import Job
from esi.model.resource import Ref
from esi.work.results import failed_state

Ops = list[Put | Delete]


@dataclass(slots=True)
class Open:
    """What the master must remember of a job that is not over. `left` are those it still waits for."""

    ref: Ref
    version: int
    workflow: str
    handler: str
    reads: frozenset[Ref]
    needs: frozenset[str]
    left: set[str]


class Board:
    """`path_of` gives a resource's API path, `nonce` five random characters of [a-z0-9]."""

    def __init__(self, path_of: Callable[[Ref], str], nonce: Callable[[], str]) -> None:
        self._path_of = path_of
        self._nonce = nonce
        self._open: dict[str, Open] = {}
        self._of: dict[Ref, dict[str, None]] = {}
        self._effects: dict[Ref, dict[str, None]] = {}
        self._readers: dict[Ref, dict[str, None]] = {}
        self._waiters: dict[str, dict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._open

    def job(self, job_id: str) -> Open | None:
        return self._open.get(job_id)

    def open_jobs(self, ref: Ref) -> Iterable[str]:
        return self._of.get(ref, ())

    def readers(self, ref: Ref) -> Iterable[str]:
        return self._readers.get(ref, ())

    def load(self, jobs: Iterable[Job]) -> None:
        """Take in all jobs found in /jobs/all."""
        jobs = list(jobs)
        present = {job.id for job in jobs}
        for job in jobs:
            self._add(job, present)

    def _add(self, job: Job, present: Container[str]) -> None:
        known = Open(
            ref=job.ref,
            version=job.version,
            workflow=job.workflow,
            handler=job.handler,
            reads=resources_of(job.params),
            needs=job.needs,
            left={other for other in job.dependency if other in present},
        )
        self._open[job.id] = known
        own = self._effects if job.handler == EFFECTS else self._of
        own.setdefault(job.ref, {})[job.id] = None
        for ref in known.reads:
            self._readers.setdefault(ref, {})[job.id] = None
        for other in known.left:
            self._waiters.setdefault(other, {})[job.id] = None

    def plan(self, change: Change) -> Ops:
        """The jobs of a change: /jobs/all first, then ready or waiting."""
        jobs = build_jobs(change, edges(change, self.open_jobs, self.readers), self._nonce)
        return [op for job in jobs for op in self._begin(job)]

    def tell(self, effect: Effect) -> Ops:
        """The job of an effect. It waits for earlier effects of its resource; nobody waits for it."""
        return self._begin(effect.job(self._nonce(), tuple(self._effects.get(effect.ref, ()))))

    def _begin(self, job: Job) -> Ops:
        self._add(job, self._open)
        queue = keys.job_waiting_key if self._open[job.id].left else keys.job_ready_key
        return [Put(keys.job_all_key(job.id), job.encode()), Put(queue(job.id), job.handler.encode())]

    def finish(self, job_id: str, error: str = "") -> Ops:
        """A job is over. Those that waited for it alone become ready; those that needed it fail with it. What its
        workflow has found so far goes with the last of its jobs.
        """
        ops: Ops = [Delete(keys.job_all_key(job_id)), Delete(keys.job_finished_key(job_id))]
        over = self._remove(job_id)
        if over is None:
            return ops
        for waiter, known in over.waiters:
            known.left.discard(job_id)
            ops += self._go_on(waiter, known, over.job, error if job_id in known.needs else "")
        open_versions = {self._open[other].version for other in self.open_jobs(over.job.ref)}
        if over.job.handler != EFFECTS and over.job.version not in open_versions:
            ops.insert(0, Delete(keys.job_state_key(self._path_of(over.job.ref))))
        return ops

    def cancel(self, ref: Ref, error: str) -> Ops:
        """Every job of a resource goes, whatever it was doing; those that needed one fail, the others need not wait."""
        own = list(self._of.get(ref, ()))
        trees = (
            keys.job_all_key,
            keys.job_waiting_key,
            keys.job_ready_key,
            keys.job_working_key,
            keys.job_finished_key,
        )
        ops: Ops = [Delete(tree(job_id)) for job_id in own for tree in trees]
        gone = [(job_id, over) for job_id in own if (over := self._remove(job_id)) is not None]
        for job_id, over in gone:
            for waiter, known in over.waiters:
                known.left.discard(job_id)
                if waiter in self._open:
                    ops += self._go_on(waiter, known, over.job, error if job_id in known.needs else "")
        return ops

    def _go_on(self, waiter: str, known: Open, cause: Open, error: str) -> Ops:
        """A job that has been waited for is over, with an error that matters to `waiter` or without."""
        if error:
            return self._fail(waiter, known, cause, error)
        if known.left or waiter not in self._open:
            return []
        return [Put(keys.job_ready_key(waiter), known.handler.encode()), Delete(keys.job_waiting_key(waiter))]

    def _fail(self, job_id: str, known: Open, cause: Open, error: str) -> Ops:
        """A waiting job fails because one it needed has. The first of a workflow tells the resource so."""
        if job_id not in self._open:
            return []
        ops: Ops = []
        same = (known.ref, known.version) == (cause.ref, cause.version)
        if not same:
            error = f"dependency failed: {cause.ref}: {error}"
            path = self._path_of(known.ref)
            ops.append(Put(keys.state_key(path), failed_state(known.version, known.workflow, error)))
        ops += [Delete(keys.job_all_key(job_id)), Delete(keys.job_waiting_key(job_id))]
        over = self._remove(job_id)
        for waiter, other in over.waiters if over else ():
            other.left.discard(job_id)
            ops += self._go_on(waiter, other, known, error if job_id in other.needs else "")
        return ops

    def _remove(self, job_id: str) -> _Over | None:
        known = self._open.pop(job_id, None)
        if known is None:
            return None
        _discard(self._effects if known.handler == EFFECTS else self._of, known.ref, job_id)
        for ref in known.reads:
            _discard(self._readers, ref, job_id)
        for other in known.left:
            _discard(self._waiters, other, job_id)
        waiting = self._waiters.pop(job_id, {})
        return _Over(known, [(waiter, self._open[waiter]) for waiter in waiting if waiter in self._open])


@dataclass(frozen=True, slots=True)
class _Over:
    job: Open
    waiters: list[tuple[str, Open]]


def _discard(index: dict[Ref, dict[str, None]] | dict[str, dict[str, None]], key: Ref | str, job_id: str) -> None:
    members = index.get(key)  # type: ignore[arg-type]  # each index is asked with its own kind of key
    if members is not None:
        members.pop(job_id, None)
        if not members:
            del index[key]  # type: ignore[arg-type]
