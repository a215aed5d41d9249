"""The resource reader and the job manager: from what is wanted to jobs, and from finished jobs to the next ones.

In: `CONFIG` `/config/**`, `JOBS_FINISHED` and `JOBS_WORKING` (a claim that ends without a result);
`DROPPED` `/esi-worker/dropped/**`: what was deleted by force; `EFFECTS` `/esi-worker/effects/**`: what is to be told.
Out: `WORKER_CONFIG`, `ACCEPTED`, `JOBS_ALL`, `JOBS_WAITING`, `JOBS_READY`; `STATE` for resources without a template.
Owns: `MASTER` `/job_manager_id`: one elected master is the only planner, and every write is fenced by its election.
Killed at any moment: a plan is one commit, so it stands whole or not at all; a new master goes on from there.
"""

from esi.jobs.room import JobsRoom

__all__ = ["JobsRoom"]
