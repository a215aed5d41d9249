"""The monitoring worker: first status of what has been made, and who looks at it from then on.

In: jobs of the handler `monitoring_worker` (`JOBS_READY`). Out: what was seen first, into job_state.
Owns: nothing. Killed at any moment: the job is given to another worker and done again.
Today it has one member, the null handler of `monitoring: none`: its jobs finish at once and watch nothing.
"""

from esi.monitoring.null import NullMonitoring

__all__ = ["NullMonitoring"]
