"""Who owns a device: a key under the lease of a process, and the sessions that owners had with the device.

The key vanishes with its owner's lease. The session ids stay: when the device denies its lock to a new owner because
an earlier owner's session holds it (a process that hangs, or whose connection is not noticed to be dead yet), the new
owner ends exactly that session. The edits of the old owner are gone with it, and it cannot lock again without finding
that it owns nothing.
"""

from __future__ import annotations

from esi.devices.means import Means
from esi.errors import LeaseLost, Outrun, TemporaryError
from esi.kv import Delete, Guard, Lease, Put
from esi.model.codec import dumps, loads, loads_object
from esi.model.keys import device_key, sessions_key

MAX_SESSIONS = 4
"""Session ids of earlier owners that are remembered."""

AT_ONCE = 0.01
"""Seconds after which a worker that has lost a device asks who owns it now."""


class Ownership:
    """One process's view of who owns one device. `revision`: of our ownership, 0 when we have none; `other`: of the
    owner that was found instead. `earlier`: session ids of owners before us that may still be alive.
    """

    def __init__(self, ip: str, means: Means) -> None:
        self._ip = ip
        self._kv = means.kv
        self._lease = means.lease
        self._process = means.lease.process
        self._may = means.driver is not None
        self._key = device_key(ip)
        self._held: str | None = ""
        self._recorded = False
        self.revision = 0
        self.other = 0
        self.earlier: list[str] = []

    @property
    def guard(self) -> Guard:
        """Holds only while we own the device."""
        return Guard(self._key, self.revision, "create")

    async def take(self) -> bool:
        """Take the key, or find that it is ours already: its value names our lease.

        False: another owns the device, or nobody does (`other` is 0) and it is not for us to own any.
        """
        lease = await self._lease.current()
        entry = await self._kv.get(self._key)
        if entry is not None:
            mine = loads_object(entry.value, self._key).get("lease") == lease.id
            self.revision, self.other = (entry.create_revision, 0) if mine else (0, entry.create_revision)
            return mine
        if not self._may:
            self.revision = self.other = 0
            return False
        try:
            self.revision = await self._kv.commit([self._put(lease, "")], guards=[Guard.absent(self._key)])
        except Outrun:
            return await self.take()
        self.other, self._held = 0, ""
        return True

    async def prove(self) -> None:
        """Read the key: a paused owner that wakes up finds here that it is none any more. Raises LeaseLost then."""
        entry = await self._kv.get(self._key)
        if entry is None or entry.create_revision != self.revision:
            self.revision = 0
            raise LeaseLost(f"{self._ip} has another owner", after=AT_ONCE)

    async def record(self, session: str) -> None:
        """Write down our session before it is used. LeaseLost: we own nothing, it must not be used."""
        entry = await self._kv.get(sessions_key(self._ip))
        known = [] if entry is None else [str(id) for id in loads(entry.value, entry.key)]
        self.earlier = [id for id in known if id != session][-MAX_SESSIONS:]
        if session:
            await self._write(Put(sessions_key(self._ip), dumps([*self.earlier, session])))
            self._recorded = True

    async def publish(self, held: str) -> None:
        """Show beside the key what keeps us waiting; "" when nothing does."""
        if held != self._held and self.revision:
            lease, self._held = await self._lease.current(), None  # not known, until it is written
            await self._write(self._put(lease, held))
            self._held = held

    def _put(self, lease: Lease, held: str) -> Put:
        return Put(self._key, dumps({"lease": lease.id, "process": self._process, "held": held}), lease)

    async def _write(self, put: Put) -> None:
        try:
            await self._kv.commit([put], guards=[self.guard])
        except Outrun as error:
            self.revision = 0
            raise LeaseLost(f"{self._ip} has another owner", after=AT_ONCE) from error

    async def give_up(self) -> None:
        """Let others own the device; our session has been closed. If etcd does not hear it, the lease will end."""
        if not self.revision:
            return
        ops: list[Put | Delete] = [Delete(self._key)]
        if self._recorded:
            sessions = sessions_key(self._ip)
            ops.append(Put(sessions, dumps(self.earlier)) if self.earlier else Delete(sessions))
        guard, self.revision, self._recorded = self.guard, 0, False
        try:
            await self._kv.commit(ops, guards=[guard])
        except TemporaryError:
            return
