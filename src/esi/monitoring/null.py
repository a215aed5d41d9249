"""Monitoring for whoever has no collector: every job of the workflow exists and is done, nothing is watched."""

from __future__ import annotations

from esi.model.job import Job
from esi.work import Claim, JobResult


class NullMonitoring:
    """The handler `monitoring_worker` under the setting `monitoring: none`."""

    name = "monitoring_worker"

    async def run(self, job: Job, claim: Claim) -> JobResult:
        return JobResult()
