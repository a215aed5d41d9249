"""The rooms that make it so: the job master, and a worker with its handlers, stacks and devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from esi.bootstrap.ground import Ground
from esi.bootstrap.inventory import inventory_file, read_inventory
from esi.clock import Clock
from esi.devices import DeviceRoom
from esi.drivers import Driver
from esi.drivers.junos import JunosDriver
from esi.heat import HeatHandler, RecordedOutputs, Shelf
from esi.jobs import JobsRoom
from esi.kv import Event
from esi.model import keys
from esi.model.effect import EFFECTS
from esi.model.resource import Ref
from esi.monitoring import Eyes, MonitoringHandler, NullMonitoring
from esi.monitoring import Shelf as MonitoringShelf
from esi.registry import Registry
from esi.render.templates import Templates
from esi.runtime import Mirror, Room
from esi.settings import Ring
from esi.stacks import StackBackend, StackResource, Targets
from esi.stacks.engine import EmbeddedEngine
from esi.stacks.recording import RecordingTargets
from esi.stacks.resources.monitoring import MonitoringTarget, NullTargets
from esi.stacks.resources.netconf import NetconfNamedConfigs
from esi.stacks.resources.nothing import Nothing
from esi.stacks.wanted import Means
from esi.tasks import Tasks
from esi.telemetry import NullRecorder
from esi.work import Handler
from esi.work.effects import EffectsHandler
from esi.work.lease import ProcessLease
from esi.work.room import WorkRoom


def resource_types(more: Sequence[StackResource] = ()) -> Registry[StackResource]:
    """The HOT types that stacks may use; `more` are those of clouds and appliances."""
    types: Registry[StackResource] = Registry("resource type", "esi.stack_resources")
    ours: tuple[StackResource, ...] = (NetconfNamedConfigs(), MonitoringTarget(), Nothing())
    for type_ in (*ours, *more):
        types.register(type_.type, type_)
    return types


def build_jobs(ground: Ground) -> JobsRoom:
    leader = ground.leader(keys.MASTER)
    return JobsRoom(
        ground.kv, ground.services.catalogue, leader, clock=ground.clock, rng=ground.rng, quirks=ground.recorded_quirks
    )


def build_lease(ground: Ground) -> ProcessLease:
    """What a worker process holds, it holds under this."""
    return ProcessLease(ground.kv, seconds=ground.lease_seconds, process=ground.process)


def build_devices(ground: Ground, driver: Driver | None, lease: ProcessLease, tasks: Tasks) -> DeviceRoom:
    """The owner of devices; without a `driver` only the door to owners in other processes, which need not run."""
    room = DeviceRoom(ground.kv, driver, lease, clock=ground.clock, tasks=tasks, idle=ground.idle_seconds)
    room.tell(ground.recorder)
    return room


@dataclass(frozen=True, slots=True)
class Beside:
    """What a worker may be given beside its ground. Without `eyes` monitoring jobs finish at once and watch nothing;
    without `targets` stacks are watched by nobody. `stacks` makes them in place of the embedded engine, and brings
    what is for devices to the `door`.
    """

    eyes: Eyes | None = None
    targets: Targets | None = None
    stacks: StackBackend | None = None
    door: Callable[[DeviceRoom], Room] | None = None


ALONE = Beside()


def build_work(
    ground: Ground,
    driver: Driver | None,
    tasks: Tasks,
    handlers: Sequence[str] = ("heat_worker", "monitoring_worker"),
    beside: Beside = ALONE,
) -> tuple[ProcessLease, list[Room]]:
    """A worker: its lease, and the rooms that do the jobs of `handlers`; `tasks` owns stacks and devices at work.

    Who does the jobs of heat_worker tells effects, too.
    Without a `driver` it hands what is for devices over to processes that run the room `devices`.
    """
    lease = build_lease(ground)
    templates = Templates()
    mirror = Mirror(ground.kv, [keys.HEAT_TEMPLATES], clock=ground.clock, name="templates")

    def changed(key: str, event: Event | None) -> None:
        entry = mirror.get(key)
        templates.put(key.removeprefix(keys.HEAT_TEMPLATES), entry.value if entry is not None else None)

    mirror.listen(changed)
    devices = build_devices(ground, driver, lease, tasks)
    catalogue, clock = ground.services.catalogue, ground.clock
    watching = RecordingTargets(beside.targets or NullTargets(), ground.recorder, catalogue, clock)
    means = Means(
        *(ground.kv, resource_types(ground.types), devices, watching, clock, ground.recorder),
        path_of=lambda ref: ground.path_of(Ref(*ref)),
    )
    schemas = catalogue.schemas
    shelf = Shelf(
        template=templates.get,
        template_path=lambda schema: schemas[schema].template_path.get("heat_worker"),
        path_of=ground.path_of,
        outputs=RecordedOutputs(ground.kv, ground.path_of),
    )
    members: dict[str, Handler] = {
        "heat_worker": HeatHandler(shelf, beside.stacks or EmbeddedEngine(means, tasks)),
        EFFECTS: EffectsHandler(ground.tellers),
        "monitoring_worker": build_monitoring(ground, templates, beside.eyes) if beside.eyes else NullMonitoring(),
    }
    names = [*handlers, EFFECTS] if "heat_worker" in handlers else handlers
    work = WorkRoom(
        ground.kv, lease, [members[name] for name in names], ground.path_of, clock=ground.clock, slots=ground.slots
    )
    rooms: list[Room] = [mirror, work]
    if driver is not None:
        rooms.append(devices)
    if beside.door is not None:
        rooms.append(beside.door(devices))
    return lease, rooms


def build_monitoring(ground: Ground, templates: Templates, eyes: Eyes) -> MonitoringHandler:
    """The handler of the flow of 2017 that really looks."""
    schemas = ground.services.catalogue.schemas
    shelf = MonitoringShelf(
        template=templates.get,
        template_path=lambda schema: schemas[schema].template_path.get("monitoring_worker"),
        path_of=ground.path_of,
        outputs=RecordedOutputs(ground.kv, ground.path_of),
    )
    return MonitoringHandler(shelf, eyes, ground.kv)


def open_driver(ring: Ring, clock: Clock) -> JunosDriver:
    """The way to the devices of the ring's inventory, or of the lab's. SettingsError when there is neither."""
    file = inventory_file(Path(ring.folder), ring.inventory)
    return JunosDriver(read_inventory(file), clock=clock, recorder=NullRecorder())
