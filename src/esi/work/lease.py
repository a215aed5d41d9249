"""The lease of a process: one for all that it holds (claims, devices), so that its death frees everything at once."""

from __future__ import annotations

import asyncio

from esi.kv import KV, Lease

LEASE_SECONDS = 3.0
"""How long a dead process keeps what it held; the recorded 60 s is a setting (`house.md` rule 10)."""


class ProcessLease:
    """`current()` is a live lease; when one is lost the next call makes a new one, and what hung on the old is gone."""

    def __init__(self, kv: KV, *, seconds: float = LEASE_SECONDS, process: str = "") -> None:
        self.process = process
        """Who holds it, in words for people."""
        self._kv = kv
        self._seconds = seconds
        self._lease: Lease | None = None
        self._making = asyncio.Lock()
        self.made = 0
        """How many leases there were; more than one: something that hung on an earlier one may be another's now."""

    async def current(self) -> Lease:
        if self._lease is not None and not self._lease.lost.is_set():
            return self._lease
        async with self._making:
            if self._lease is None or self._lease.lost.is_set():
                self._lease = await self._kv.lease(self._seconds)
                self.made += 1
            return self._lease

    @property
    def held(self) -> bool:
        """Whether nothing has been lost: there is a live lease, or none was needed yet."""
        return self._lease is None or not self._lease.lost.is_set()

    async def close(self) -> None:
        if self._lease is not None and not self._lease.lost.is_set():
            await self._lease.revoke()
