"""The handler of monitoring_worker jobs (flow of 2017).

    create    messages to the topics → first status of each monitor → state_monitoring, mappings opened
    delete    messages to the topics → mappings closed

The messages are the recorded ones; the back end that reads the topics watches on from there. A job that is done again
sends them again: they say the same. A monitor whose time is over fails the job and names what was seen last.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from esi.bus import Bus
from esi.clock import Clock
from esi.errors import TemplateError, TerminalError, Unsupported
from esi.kv import KV
from esi.model.codec import dumps
from esi.model.job import DELETE, Job
from esi.model.resource import Body
from esi.model.target import Target
from esi.monitoring.first import EtcdReader, NotSeen, asked, first_status
from esi.monitoring.mappings import opened
from esi.monitoring.template import ETCD_READER, Monitor, Watch, read_watch
from esi.probes import Probe
from esi.tasks import Tasks
from esi.work import Claim, JobResult
from esi.work.mappings import closed, standing
from esi.work.outputs import param_value
from esi.work.shelf import Shelf

log = logging.getLogger(__name__)

T = TypeVar("T")

MONITORING_WORKER = "monitoring_worker"


@dataclass(frozen=True, slots=True)
class Eyes:
    """With what the handler looks and speaks. `probes`: one per type of monitor; etcd_reader is our own."""

    bus: Bus
    probes: Mapping[str, Probe]
    clock: Clock


class MonitorsNotSeen(TerminalError):
    """Several monitors of one resource were not what they should be; each says its own."""

    code = "monitors_not_seen"

    def __init__(self, errors: list[NotSeen]) -> None:
        errors = sorted(errors, key=str)
        super().__init__("; ".join(map(str, errors)), monitors=[dict(error.details) for error in errors])


class MonitoringHandler:
    """The handler `monitoring_worker` of rings that have somebody to look."""

    name = MONITORING_WORKER

    def __init__(self, shelf: Shelf, eyes: Eyes, kv: KV) -> None:
        self._shelf = shelf
        self._eyes = eyes
        self._kv = kv
        self._reader = EtcdReader(kv, shelf.path_of)

    async def run(self, job: Job, claim: Claim) -> JobResult:
        """Raises NotSeen or MonitorsNotSeen, TemplateError, Unsupported, or a TemporaryError: try again."""
        path = self._shelf.path_of(job.ref)
        if job.action == DELETE:
            return await self._delete(job, path)
        watch = await self._watch(job)
        await self._publish(job, path, watch)
        seen = await self._first_statuses(job, path, watch)
        rows = await standing(self._kv, path)
        ops = opened(watch.mappings, job, path, rows, self._eyes.clock.now())
        return JobResult({"state_monitoring": seen}, ops)

    async def _delete(self, job: Job, path: str) -> JobResult:
        """Mappings are closed whatever has become of the template."""
        try:
            await self._publish(job, path, await self._watch(job))
        except TemplateError as error:
            log.info("nobody is told that %s is gone: %s", job.ref, error)
        return JobResult({}, closed(await standing(self._kv, path), path, self._eyes.clock.now()))

    async def _watch(self, job: Job) -> Watch:
        entry = self._shelf.entry(MONITORING_WORKER, job)
        values = {param["param"]: await param_value(param, self._shelf.outputs) for param in job.params}
        return read_watch(entry.template_file, values, job)

    # The topics

    async def _publish(self, job: Job, path: str, watch: Watch) -> None:
        """In the order of the template; a bus may keep them together."""

        async def publish(monitor: Monitor) -> None:
            message = _message(job, path, monitor)
            await self._eyes.bus.publish(monitor.topic, f"{path}/{monitor.name}", dumps(message))

        await _side_by_side({monitor.name: publish(monitor) for monitor in watch.monitors if monitor.topic})

    # The first status

    async def _first_statuses(self, job: Job, path: str, watch: Watch) -> dict[str, str]:
        """All monitors side by side, each within its own time."""
        late: list[NotSeen] = []

        async def look(monitor: Monitor) -> str:
            try:
                return await self._first_status(job, path, monitor)
            except NotSeen as error:
                late.append(error)
                return ""

        monitors = [monitor for monitor in watch.monitors if monitor.asked]
        found = await _side_by_side({monitor.name: look(monitor) for monitor in monitors})
        if late:
            raise late[0] if len(late) == 1 else MonitorsNotSeen(late)
        return found

    async def _first_status(self, job: Job, path: str, monitor: Monitor) -> str:
        target = _target(job, path, monitor)
        clock = self._eyes.clock
        if monitor.type == ETCD_READER:
            return await first_status(monitor, self._reader.looks(target, clock))
        probe = self._eyes.probes.get(monitor.type)
        if probe is None:
            raise Unsupported(f"monitor {monitor.name}: there is no probe for {monitor.type}")
        return await first_status(monitor, asked(probe, target, clock, monitor.pause))


async def _side_by_side(works: Mapping[str, Coroutine[Any, Any, T]]) -> dict[str, T]:
    """What each has found, by name. The first error ends all."""

    def told(name: str, error: BaseException) -> None:
        return None  # raised below

    async with Tasks("monitors", on_error=told) as tasks:
        found = await asyncio.gather(*[tasks.start(name, work) for name, work in works.items()])
    return dict(zip(works, found, strict=True))


def _plural(path: str) -> str:
    return path.rsplit("/", 2)[1]


def _message(job: Job, path: str, monitor: Monitor) -> Body:
    """As recorded; `action` is create or delete."""
    return {
        "gohan_resource_type": _plural(path),
        "gohan_id": job.resource_id,
        "tenant_id": job.resource_input.get("tenant_id") or "",
        "name": monitor.name,
        "version": job.version,
        "action": job.action,
        "properties": monitor.properties,
    }


def _target(job: Job, path: str, monitor: Monitor) -> Target:
    return Target(
        id=f"{path}/{monitor.name}",
        tenant_id=str(job.resource_input.get("tenant_id") or ""),
        version=job.version,
        resource_id=job.resource_id,
        resource_type=_plural(path),
        field_name=monitor.name,
        type=monitor.type,
        properties=monitor.properties,
    )
