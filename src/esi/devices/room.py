"""The room's door: finds or starts the owner of an intent's device, and closes owners that have had nothing to do."""

from __future__ import annotations

from collections.abc import Mapping

from esi.clock import Clock
from esi.devices.means import Means
from esi.devices.owner import Owner
from esi.drivers import Driver, Intent, IntentResult
from esi.kv import KV
from esi.tasks import Tasks
from esi.work.lease import ProcessLease

IDLE_SECONDS = 30.0
"""A device's session is closed after this long without work, as recorded (spec: services C.3)."""


class DeviceRoom:
    """Implements the Devices port for one process. `lease` is the process's own; `idle` in seconds."""

    def __init__(
        self, kv: KV, driver: Driver, lease: ProcessLease, *, clock: Clock, tasks: Tasks, idle: float = IDLE_SECONDS
    ) -> None:
        self._means = Means(kv, driver, lease, clock)
        self._tasks = tasks
        self._idle = idle
        self._owners: dict[str, Owner] = {}

    async def submit(self, intent: Intent) -> IntentResult:
        """Hand an intent to its device's owner. Raises Rejected or a TemporaryError; see `Devices`."""
        ip = intent.address.ip
        owner = self._owners.get(ip)
        if owner is None:
            owner = self._owners[ip] = Owner(ip, self._means)
            self._tasks.start(ip, self._run(ip, owner))
        return await owner.submit(intent)

    @property
    def held(self) -> Mapping[str, str]:
        """Devices of this process whose lock a stranger has: `held by USER since …` by management address."""
        return {ip: owner.held for ip, owner in self._owners.items() if owner.held}

    async def _run(self, ip: str, owner: Owner) -> None:
        try:
            await owner.run(idle=self._idle)
        finally:
            if self._owners.get(ip) is owner:
                del self._owners[ip]
            owner.abandon()
