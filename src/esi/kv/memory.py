"""etcd's semantics in one dictionary, for unit tests and the simulation: same revisions, guards, watches and leases.

Leases run on the loop's clock: `renew=False` (or a paused holder) lets one lapse, as a killed process would.
Several processes of a simulated ring share one MemoryKV; each sees it through its own handle (esi.testing).
"""

from __future__ import annotations

import asyncio
import sys
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence

from esi.errors import Broken, Compacted, LeaseLost, Outrun
from esi.kv import MAX_OPS, MIN_LEASE_SECONDS, PAGE_KEYS, Delete, Entry, Event, Guard, Lease, Listing, Progress, Put

PROGRESS_SECONDS = 600.0
"""How long a watch is quiet before its progress is told: etcd's own default."""


class MemoryLease:
    """A lease on the loop's clock. `keep()` renews it; whoever holds it renews it through `renewing`."""

    def __init__(self, kv: MemoryKV, number: int, ttl: float) -> None:
        self.id = number
        self.ttl = ttl
        self.lost = asyncio.Event()
        self.renewing = True
        self._kv = kv
        self._timer = asyncio.get_running_loop().call_later(ttl / 3, self._tick)
        self._silent = 0.0

    def _tick(self) -> None:
        self._silent = 0.0 if self.renewing else self._silent + self.ttl / 3
        if self._silent >= self.ttl:
            self._kv.expire(self)
        else:
            self._timer = asyncio.get_running_loop().call_later(self.ttl / 3, self._tick)

    def stop(self) -> None:
        self._timer.cancel()
        self.lost.set()

    async def revoke(self) -> None:
        self._kv.expire(self)


class _Watcher:
    """What a watch has not yet been told. Only commits under its prefix wake it."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.wake = asyncio.Event()
        self.untold: deque[Sequence[Event]] = deque()

    def take(self, events: Sequence[Event]) -> None:
        found = [event for event in events if event.key.startswith(self.prefix)]
        if found:
            self.untold.append(found)
            self.wake.set()


class MemoryKV:
    """One keyspace with its history. `compact(revision)` forgets, as etcd does."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._keys: list[str] = []
        self._revision = 1
        self._compacted = 0
        self._history: list[list[Event]] = []
        self._watchers: set[_Watcher] = set()
        self._leases: dict[int, MemoryLease] = {}
        self._leased: dict[str, int] = {}
        self._next_lease = 1
        self.commits = 0
        self.reads = 0
        self.on_commit: Callable[[Sequence[Event]], None] | None = None

    @property
    def revision(self) -> int:
        return self._revision

    async def get(self, key: str) -> Entry | None:
        self.reads += 1
        return self._entries.get(key)

    async def list(self, prefix: str, *, page: int = PAGE_KEYS) -> Listing:
        self.reads += 1
        low = bisect_left(self._keys, prefix)
        stem = prefix.rstrip(chr(sys.maxunicode))
        high = bisect_left(self._keys, stem[:-1] + chr(ord(stem[-1]) + 1)) if stem else len(self._keys)
        return Listing([self._entries[key] for key in self._keys[low:high]], self._revision)

    async def pages(self, prefix: str, *, page: int = PAGE_KEYS) -> AsyncGenerator[Listing, None]:
        yield await self.list(prefix, page=page)

    async def commit(self, ops: Sequence[Put | Delete], *, guards: Sequence[Guard] = ()) -> int:
        if len(ops) > MAX_OPS:
            raise Broken(f"{len(ops)} writes in one commit; at most {MAX_OPS}")
        if len({op.key for op in ops}) != len(ops):
            raise Broken("one commit writes a key twice")
        for guard in guards:
            entry = self._entries.get(guard.key)
            found = 0 if entry is None else (entry.create_revision if guard.of == "create" else entry.mod_revision)
            if found != guard.revision:
                raise Outrun(f"{guard.key} has changed")
        for op in ops:
            if isinstance(op, Put) and op.lease is not None and op.lease.id not in self._leases:
                raise LeaseLost(f"the lease of {op.key} has ended")
        self.commits += 1
        return self._apply(ops)

    def _apply(self, ops: Sequence[Put | Delete]) -> int:
        revision = self._revision + 1
        events: list[Event] = []
        for op in ops:
            old = self._entries.get(op.key)
            if isinstance(op, Put):
                created = old.create_revision if old else revision
                self._entries[op.key] = Entry(op.key, op.value, created, revision)
                if old is None:
                    insort(self._keys, op.key)
                self._leased.pop(op.key, None)
                if op.lease is not None:
                    self._leased[op.key] = op.lease.id
                events.append(Event("put", op.key, op.value, created, revision))
            elif old is not None:
                del self._entries[op.key]
                del self._keys[bisect_left(self._keys, op.key)]
                self._leased.pop(op.key, None)
                events.append(Event("delete", op.key, b"", 0, revision))
        if events:
            self._revision = revision
            self._history.append(events)
            for watcher in self._watchers:
                watcher.take(events)
            if self.on_commit is not None:
                self.on_commit(events)
        return self._revision

    async def watch(
        self, prefix: str, *, since: int, progress: Progress | None = None
    ) -> AsyncGenerator[Sequence[Event], None]:
        if since < self._compacted or since > self._revision:
            raise Compacted(f"revision {since} is gone")
        watcher = _Watcher(prefix)
        for batch in self._history[bisect_right(self._history, since, key=lambda batch: batch[0].revision) :]:
            watcher.take(batch)
        self._watchers.add(watcher)
        try:
            while True:
                while watcher.untold:
                    found = watcher.untold.popleft()
                    if found[0].revision <= self._compacted:
                        raise Compacted(f"revision {found[0].revision} is gone")
                    yield found
                watcher.wake.clear()
                try:
                    async with asyncio.timeout(PROGRESS_SECONDS if progress is not None else None):
                        await watcher.wake.wait()
                except TimeoutError:
                    if progress is not None and not watcher.untold:
                        progress(self._revision)
        finally:
            self._watchers.discard(watcher)

    async def lease(self, ttl: float) -> Lease:
        lease = MemoryLease(self, self._next_lease, max(ttl, MIN_LEASE_SECONDS))
        self._next_lease += 1
        self._leases[lease.id] = lease
        return lease

    def expire(self, lease: MemoryLease) -> None:
        """End a lease now: its keys go in one revision."""
        lease.stop()
        if self._leases.pop(lease.id, None) is not None:
            gone = sorted(key for key, owner in self._leased.items() if owner == lease.id)
            if gone:
                self._apply([Delete(key) for key in gone])

    def snapshot(self) -> tuple[dict[str, Entry], int]:
        """All keys that hang on no lease, and the revision: what a cluster keeps when every client has gone."""
        kept = {key: entry for key, entry in self._entries.items() if key not in self._leased}
        return kept, self._revision

    def restore(self, snapshot: tuple[dict[str, Entry], int]) -> None:
        """Go back to a snapshot; history before it is compacted. Nobody may be watching."""
        for lease in self._leases.values():
            lease.stop()
        self._leases.clear()
        entries, self._revision = snapshot
        self._entries = dict(entries)
        self._keys = sorted(self._entries)
        self._history.clear()
        self._compacted = self._revision
        self._leased.clear()

    def compact(self, revision: int) -> None:
        """Forget history up to and including `revision`."""
        self._compacted = max(self._compacted, revision)
        self._history = [batch for batch in self._history if batch[0].revision > revision]

    async def close(self) -> None:
        for lease in list(self._leases.values()):
            self.expire(lease)
