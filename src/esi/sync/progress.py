"""Where the change of a row has got to, looked up in etcd: a reason for what is overdue, an answer for who asks why."""

from __future__ import annotations

from esi.kv import KV
from esi.model import keys
from esi.model.codec import decode_config, loads_object
from esi.model.job import CREATE, DELETE, LOGICAL_DELETE, MODIFY, Job
from esi.model.resource import Resource
from esi.schema import Catalogue

HANDLERS = ("heat_worker", "monitoring_worker")
ACTIONS = (CREATE, MODIFY, DELETE, LOGICAL_DELETE)
NAMED = 3
"""Jobs that a reason names at most."""


class Progress:
    """Reads only."""

    def __init__(self, kv: KV, catalogue: Catalogue) -> None:
        self._kv = kv
        self._catalogue = catalogue

    async def waits_for(self, row: Resource) -> str:
        """Where the change of a row has got to."""
        path = self._catalogue[row.schema].path_of(row.id)
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
