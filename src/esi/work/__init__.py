"""What every job handler needs: a claim on a job, and the way its result is written.

A handler does the work of one job and returns what it found; claiming, fencing, job_state, /state and /jobs/finished
are written here, the same for all handlers (esi.work.worker). Everything a handler itself writes to the KV carries
`claim.guard`: when the claim is gone, so is the right to write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from esi.errors import TerminalError
from esi.kv import Delete, Guard, Put
from esi.model.job import Job
from esi.model.resource import Body


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on one job. `guard` fences every write; `lost` is set when the right has ended; `held` is told
    what holds the work up, and "" when nothing does any more. While in `rest` the job holds no slot: for whoever only
    waits.
    """

    guard: Guard
    lost: asyncio.Event
    held: Callable[[str], None] = lambda words: None
    rest: Callable[[], AbstractAsyncContextManager[None]] = nullcontext


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a handler found. `state` is merged into the resource's job_state; `ops` are written in the same commit."""

    state: Body = field(default_factory=dict)
    ops: Sequence[Put | Delete] = ()


class JobFailed(TerminalError):
    """The job has failed for good, and its handler leaves a record of it: `ops` are written with the failure."""

    code = "job_failed"

    def __init__(self, message: str, ops: Sequence[Put | Delete] = (), **details: Any) -> None:
        super().__init__(message, **details)
        self.ops = tuple(ops)


class Handler(Protocol):
    """Does jobs of one kind. Safe to run twice, safe to kill. A TerminalError fails the job with its words (a JobFailed
    leaves records, too); a TemporaryError is tried again until the job's deadline. Cancelled: the job is taken away.
    """

    name: str

    async def run(self, job: Job, claim: Claim) -> JobResult: ...
