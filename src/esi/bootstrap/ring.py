"""Which room is made of what: the one place that knows all constructors. Ports come in, rooms go out.

`esi dev`, each single process and the simulated ring call the same functions with other ports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from esi.bootstrap.services import Services
from esi.clock import Clock
from esi.devices import DeviceRoom
from esi.drivers import Driver
from esi.heat import HeatHandler, RecordedOutputs, Shelf
from esi.jobs import JobsRoom
from esi.kv import KV, Event
from esi.lifecycle import Lifecycle
from esi.model import keys
from esi.model.resource import Ref
from esi.monitoring import NullMonitoring
from esi.registry import Registry
from esi.render.templates import Templates
from esi.runtime import Leader, Mirror, Room
from esi.stacks import StackResource
from esi.stacks.engine import EmbeddedEngine
from esi.stacks.resources.monitoring import MonitoringTarget, NullTargets
from esi.stacks.resources.netconf import NetconfNamedConfigs
from esi.stacks.resources.nothing import Nothing
from esi.stacks.wanted import Means
from esi.store import Store
from esi.sync import SyncRoom
from esi.tasks import Tasks
from esi.telemetry import NullRecorder, Recorder
from esi.work import Handler
from esi.work.lease import ProcessLease
from esi.work.room import WorkRoom


@dataclass(frozen=True, slots=True)
class Ground:
    """What every room of a process is given. `process` names it in the keys it holds; seconds as floats."""

    process: str
    kv: KV
    services: Services
    clock: Clock
    rng: Random
    recorder: Recorder = field(default_factory=NullRecorder)
    recorded_quirks: bool = False
    lease_seconds: float = 3.0
    idle_seconds: float = 30.0
    slots: int = 1000

    def path_of(self, ref: Ref) -> str:
        return self.services.catalogue[ref.schema].path_of(ref.id)

    def leader(self, key: str) -> Leader:
        return Leader(self.kv, key, self.process.encode(), clock=self.clock, ttl=self.lease_seconds)


def resource_types() -> Registry[StackResource]:
    """The HOT types that stacks may use."""
    types: Registry[StackResource] = Registry("resource type", "esi.stack_resources")
    for type_ in (NetconfNamedConfigs(), MonitoringTarget(), Nothing()):
        types.register(type_.type, type_)
    return types


def build_lifecycle(
    services: Services, store: Store, clock: Clock, *, recorded_quirks: bool = False, monitoring: bool = False
) -> Lifecycle:
    """The pipeline over `store`; `monitoring` False counts everything monitored as up."""
    return Lifecycle(
        services.catalogue,
        store,
        services.hooks,
        clock,
        recorded_quirks=recorded_quirks,
        monitoring=monitoring,
    )


async def ensure_templates(lifecycle: Lifecycle, services: Services) -> None:
    """Rows for the templates of this flow, before anything that needs them is asked for."""
    for template in services.templates:
        await lifecycle.ensure("heat_template", template)


def build_sync(base: Ground, store: Store, lifecycle: Lifecycle) -> SyncRoom:
    leader = base.leader(keys.SYNC_LEADER)
    return SyncRoom(base.kv, store, lifecycle, leader, clock=base.clock, rng=base.rng)


def build_jobs(base: Ground) -> JobsRoom:
    leader = base.leader(keys.MASTER)
    return JobsRoom(
        base.kv, base.services.catalogue, leader, clock=base.clock, rng=base.rng, quirks=base.recorded_quirks
    )


def build_work(
    base: Ground, driver: Driver, tasks: Tasks, handlers: Sequence[str] = ("heat_worker", "monitoring_worker")
) -> tuple[ProcessLease, list[Room]]:
    """A worker: its lease, and the rooms that do the jobs of `handlers`; `tasks` owns stacks and devices at work."""
    lease = ProcessLease(base.kv, seconds=base.lease_seconds)
    templates = Templates()
    mirror = Mirror(base.kv, [keys.HEAT_TEMPLATES], clock=base.clock, name="templates")

    def changed(key: str, event: Event | None) -> None:
        entry = mirror.get(key)
        templates.put(key.removeprefix(keys.HEAT_TEMPLATES), entry.value if entry is not None else None)

    mirror.listen(changed)
    devices = DeviceRoom(base.kv, driver, lease, clock=base.clock, tasks=tasks, idle=base.idle_seconds)
    means = Means(base.kv, resource_types(), devices, NullTargets(), base.clock, base.recorder)
    schemas = base.services.catalogue.schemas
    shelf = Shelf(
        template=templates.get,
        template_path=lambda schema: schemas[schema].template_path.get("heat_worker"),
        path_of=base.path_of,
        outputs=RecordedOutputs(base.kv, base.path_of),
    )
    members: dict[str, Handler] = {
        "heat_worker": HeatHandler(shelf, EmbeddedEngine(means, tasks)),
        "monitoring_worker": NullMonitoring(),
    }
    work = WorkRoom(
        base.kv, lease, [members[name] for name in handlers], base.path_of, clock=base.clock, slots=base.slots
    )
    return lease, [mirror, work]
