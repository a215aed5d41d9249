"""The room's door: finds or starts the owner of an intent's device, and closes owners that have had nothing to do.

As a room that runs, it also looks after devices that nobody owns although intents wait for them: those of processes
that own no devices themselves, or whose owner has died.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from esi.clock import Clock
from esi.devices.means import Means
from esi.devices.owner import Owner
from esi.drivers import Driver, Intent, IntentResult
from esi.kv import KV, Entry, Event
from esi.model.keys import DEVICES, INTENTS, device_key, intent_done_key, intents_key
from esi.runtime import Mirror
from esi.tasks import Tasks
from esi.telemetry import Recorder
from esi.work.lease import ProcessLease

IDLE_SECONDS = 30.0
"""A device's session is closed after this long without work, as recorded (spec: services C.3)."""


class DeviceRoom:
    """Implements the Devices port for one process. `lease` is the process's own; `idle` in seconds.

    Without a `driver` it never talks to a device: every intent goes to a process that has one and runs this room.
    """

    name = "devices"

    def __init__(
        self,
        kv: KV,
        driver: Driver | None,
        lease: ProcessLease,
        *,
        clock: Clock,
        tasks: Tasks,
        idle: float = IDLE_SECONDS,
    ) -> None:
        self._means = Means(kv, driver, lease, clock)
        self._tasks = tasks
        self._idle = idle
        self._owners: dict[str, Owner] = {}

    def tell(self, recorder: Recorder) -> None:
        """From now on commits are told to it."""
        self._means = replace(self._means, recorder=recorder)

    async def submit(self, intent: Intent) -> IntentResult:
        """Hand an intent to its device's owner. Raises Rejected or a TemporaryError; see `Devices`."""
        return await self._owner(intent.address.ip).submit(intent)

    def _owner(self, ip: str) -> Owner:
        owner = self._owners.get(ip)
        if owner is None:
            owner = self._owners[ip] = Owner(ip, self._means)
            self._tasks.start(ip, self._serve(ip, owner))
        return owner

    async def run(self) -> None:
        """Take devices that nobody owns and somebody waits for, until cancelled."""
        mirror = Mirror(self._means.kv, [DEVICES, INTENTS], clock=self._means.clock, name="devices")

        def changed(key: str, event: Event | None) -> None:
            ip = key.removeprefix(INTENTS).removeprefix(DEVICES).partition("/")[0]
            if mirror.get(device_key(ip)) is None and any(_intents(mirror, ip)):
                self._owner(ip).call()

        mirror.listen(changed)
        await mirror.run()

    @property
    def held(self) -> Mapping[str, str]:
        """Devices that keep this process waiting: why, by management address."""
        return {ip: owner.held for ip, owner in self._owners.items() if owner.held}

    async def _serve(self, ip: str, owner: Owner) -> None:
        try:
            await owner.run(idle=self._idle)
        finally:
            if self._owners.get(ip) is owner:
                del self._owners[ip]
            owner.abandon()


def _intents(mirror: Mirror, ip: str) -> Iterator[Entry]:
    done = intent_done_key(ip, "")
    return (entry for entry in mirror.items(intents_key(ip)) if not entry.key.startswith(done))
