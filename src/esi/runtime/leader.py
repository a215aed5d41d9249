"""One leader at a time: who holds a key under a lease.

A candidate watches the key and takes it the moment it vanishes; nothing is polled. Being leader is a *term*: its
`guard` belongs into every commit that follows from it (a lock alone is not mutual exclusion), and `lost` says to stop:
the lease has ended, or somebody removed the key. A term ends by giving the lease back, so the next one starts at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from esi.clock import Clock
from esi.errors import Compacted, LeaseLost, Outrun, TemporaryError, Unreachable
from esi.kv import KV, Guard, Lease, Put
from esi.tasks import Tasks

LEASE_SECONDS = 3.0
RETRY_SECONDS = 0.5
GIVE_BACK_SECONDS = 2.0
"""How long the end of a term waits for a store that does not answer."""


@dataclass(frozen=True, slots=True)
class Term:
    """`guard` holds only while this term lasts; `revision` grows from term to term."""

    guard: Guard
    revision: int
    lost: asyncio.Event = field(default_factory=asyncio.Event)


class Leader:
    """A candidate for `key`, which holds `value` while it leads. Others take over a dead leader `ttl` seconds later.
    `leads` tells whether it does, for whoever asks how we are.
    """

    def __init__(self, kv: KV, key: str, value: bytes, *, clock: Clock, ttl: float = LEASE_SECONDS) -> None:
        self.key = key
        self._kv = kv
        self._value = value
        self.leads = False
        self._clock = clock
        self._ttl = ttl

    @asynccontextmanager
    async def term(self) -> AsyncIterator[Term]:
        """Wait until we lead; lead until the block ends. `lost` must be watched: the block is not interrupted."""
        lease, revision = await self._win()
        term = Term(Guard(self.key, revision, "create"), revision)
        try:
            async with Tasks(f"leader {self.key}") as tasks:
                tasks.start("lease", _lease_ends(lease, term))
                tasks.start("key", self._key_goes(term))
                self.leads = True
                yield term
        finally:
            self.leads = False
            term.lost.set()
            await _give_back(lease)

    async def _win(self) -> tuple[Lease, int]:
        while True:
            try:
                won = await self._try()
                if won is not None:
                    return won
            except (Compacted, Outrun):
                continue
            except TemporaryError as error:
                await self._clock.sleep(error.after or RETRY_SECONDS)

    async def _try(self) -> tuple[Lease, int] | None:
        """One attempt, as soon as nobody holds the key."""
        holder = await self._kv.get(self.key)
        if holder is not None:
            await self._vanished(holder.mod_revision)
        lease = await self._kv.lease(self._ttl)
        won = False
        try:
            revision = await self._kv.commit([Put(self.key, self._value, lease)], guards=[Guard.absent(self.key)])
            won = True
            return lease, revision
        finally:
            # Also when the outcome is unknown: if it was done, the key goes with this lease and cannot shut us out.
            if not won:
                await _give_back(lease)

    async def _vanished(self, since: int, *, or_replaced: bool = False) -> None:
        """Wait until the key is deleted; or written anew, too."""
        async with aclosing(self._kv.watch(self.key, since=since)) as batches:
            async for batch in batches:
                for event in batch:
                    if event.key == self.key and (or_replaced or event.kind == "delete"):
                        return

    async def _key_goes(self, term: Term) -> None:
        since = term.revision
        while True:
            try:
                await self._vanished(since)
                break
            except TemporaryError:
                try:
                    holder = await self._kv.get(self.key)
                except Unreachable:
                    await self._clock.sleep(RETRY_SECONDS)
                    continue
                if holder is None or holder.create_revision != term.revision:
                    break
                since = holder.mod_revision
        term.lost.set()


async def _lease_ends(lease: Lease, term: Term) -> None:
    await lease.lost.wait()
    term.lost.set()


async def _give_back(lease: Lease) -> None:
    try:
        async with asyncio.timeout(GIVE_BACK_SECONDS):
            await lease.revoke()
    except (TimeoutError, Unreachable, LeaseLost):
        return  # it lapses by itself
