"""What every owner of one process is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from esi.clock import Clock
from esi.drivers import Driver
from esi.kv import KV
from esi.telemetry import NullRecorder, Recorder
from esi.work.lease import ProcessLease


@dataclass(frozen=True, slots=True)
class Means:
    """Without a `driver` this process owns no device: it hands everything over. `numbers` name its intents in etcd: no
    number is given twice under one lease."""

    kv: KV
    driver: Driver | None
    lease: ProcessLease
    clock: Clock
    recorder: Recorder = field(default_factory=NullRecorder)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
