"""What every room of one process is given. The simulated ring gives the same with other ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from esi.bootstrap.services import Services
from esi.clock import Clock
from esi.kv import KV
from esi.model.resource import Ref
from esi.runtime import Leader
from esi.stacks import StackResource
from esi.telemetry import NullRecorder, Recorder
from esi.work.effects import Teller


@dataclass(frozen=True, slots=True)
class Ground:
    """What every room of a process is given. `process` names it in the keys it holds; seconds as floats; `types`
    are the resource types that need a cloud or an appliance; `tellers` tell effects, by kind; `leaders` are the
    candidates of this process, by key."""

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
    types: tuple[StackResource, ...] = ()
    tellers: Mapping[str, Teller] = field(default_factory=dict)
    leaders: dict[str, Leader] = field(default_factory=dict)

    def path_of(self, ref: Ref) -> str:
        return self.services.catalogue[ref.schema].path_of(ref.id)

    def leader(self, key: str) -> Leader:
        found = Leader(self.kv, key, self.process.encode(), clock=self.clock, ttl=self.lease_seconds)
        self.leaders[key] = found
        return found
