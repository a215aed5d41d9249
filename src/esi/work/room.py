"""Where a worker hears of jobs: a mirror of /jobs/ offers each ready one, with its body, the moment it is ready."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from esi.clock import Clock
from esi.kv import KV, Event
from esi.model import keys
from esi.model.resource import Ref
from esi.runtime import Mirror
from esi.tasks import Tasks
from esi.work import Handler
from esi.work.lease import ProcessLease
from esi.work.worker import SLOTS, Desk, Worker


class WorkRoom:
    """Works on the jobs of `handlers` until cancelled; then gives its claims back. `path_of`: a resource's API path."""

    name = "work"

    def __init__(
        self,
        kv: KV,
        lease: ProcessLease,
        handlers: Sequence[Handler],
        path_of: Callable[[Ref], str],
        *,
        clock: Clock,
        slots: int = SLOTS,
    ) -> None:
        self._kv = kv
        self._lease = lease
        self._handlers = handlers
        self._path_of = path_of
        self._clock = clock
        self._slots = slots

    async def run(self) -> None:
        mirror = Mirror(self._kv, [keys.JOBS], clock=self._clock, name="jobs")
        async with Tasks("work") as tasks:
            desk = Desk(self._kv, self._lease, self._path_of, self._clock, tasks)
            worker = Worker(desk, self._handlers, slots=self._slots)

            def changed(key: str, event: Event | None) -> None:
                if key.startswith(keys.JOBS_READY) and (ready := mirror.get(key)) is not None:
                    job_id = keys.parse_job(key)
                    body = mirror.get(keys.job_all_key(job_id))
                    worker.offer(job_id, ready, body.value if body is not None else None)
                elif key.startswith(keys.JOBS_ALL) and key not in mirror:
                    worker.withdraw(keys.parse_job(key))

            mirror.listen(changed)
            await mirror.run()
