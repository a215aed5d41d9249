"""The way to load balancer appliances, and the resource types that need it.

Appliances come and go while a process runs, so what the inventory says of them is read again when its file has changed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from esi.bootstrap.inventory import LAB_FILE, read_appliances
from esi.clock import Clock
from esi.drivers.compute import Clouds
from esi.drivers.nitro.driver import NitroDriver
from esi.drivers.nitro.wire import HttpLine
from esi.errors import SettingsError
from esi.settings import Ring
from esi.stacks import StackResource
from esi.stacks.resources.netscaler import NetscalerConfig
from esi.stacks.resources.netscaler_syslog import NetscalerSyslogServer
from esi.telemetry import Recorder

log = logging.getLogger(__name__)

V = TypeVar("V")


class Fresh(Mapping[str, V]):
    """What a file says, as it is now; while it cannot be read, what it said before."""

    def __init__(self, file: Path, read: Callable[[Path], Mapping[str, V]]) -> None:
        self._file = file
        self._read = read
        self._stamp: tuple[int, int, int] | None = None
        self._known: Mapping[str, V] = {}

    def now(self) -> Mapping[str, V]:
        try:
            found = self._file.stat()
        except OSError:
            return self._known
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._known = self._read(self._file)
            except SettingsError as error:
                log.error("what was known before counts: %s", error)
        return self._known

    def __getitem__(self, key: str) -> V:
        return self.now()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.now())

    def __len__(self) -> int:
        return len(self.now())


def appliance_types(
    ring: Ring, clock: Clock, recorder: Recorder, clouds: Clouds | None = None
) -> tuple[StackResource, ...]:
    """The resource types of appliances that stand in the ring's inventory, or in the lab's; `clouds` run them."""
    file = Path(ring.inventory) if ring.inventory else Path(ring.folder).resolve() / LAB_FILE
    endpoints = Fresh(file, read_appliances)

    def find(ip: str) -> HttpLine | None:
        endpoint = endpoints.get(ip)
        return HttpLine(ip, endpoint) if endpoint is not None else None

    driver = NitroDriver(find, clock=clock, recorder=recorder)
    return NetscalerConfig(driver, clock, clouds), NetscalerSyslogServer(driver, clouds)
