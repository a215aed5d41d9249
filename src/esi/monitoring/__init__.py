"""The monitoring worker: first status of what has been made, and who looks at it from then on (flow of 2017).

In: jobs of the handler `monitoring_worker` (`JOBS_READY`); templates from `HEAT_TEMPLATES`; what others have seen, from
`MONITORING` and `STATE`. Out: messages to the topics of a Bus; what was seen first, into job_state.
Owns: `MAPPINGS` `/esi-worker/mappings/**`: what stands for which resource on devices, until sync has taken it in.
Killed at any moment: the job is given to another worker and done again; messages may come twice, rows may not.
Members: MonitoringHandler, and the null handler of `monitoring: none`: its jobs finish at once and watch nothing.
"""

from esi.monitoring.handler import Eyes, MonitoringHandler, MonitorsNotSeen
from esi.monitoring.null import NullMonitoring
from esi.work.shelf import Shelf

__all__ = ["Eyes", "MonitoringHandler", "MonitorsNotSeen", "NullMonitoring", "Shelf"]
