"""The key-value port: etcd's semantics in six verbs. Members: `memory` (unit tests, simulation) and `etcd`.

What every member holds to (tests/conformance/test_kv.py):
- `commit` is all or nothing, one revision for all its writes, in their order; a guard that fails raises Outrun.
- `list` reads one moment; `watch` goes on from a revision without loss or doubling, in order, never splitting one.
- A revision that is gone raises Compacted: list again. Everything transient is retried inside or raises Unreachable.
- A lease that ends takes its keys away, whether or not its holder noticed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

os.putenv("GRPC_EXPERIMENTS", "-event_engine_client")  # read when gRPC is loaded, which is later (docs/adr/0032)

MAX_OPS = 128
"""Most writes in one commit: etcd's own default limit."""

PAGE_KEYS = 5_000
"""Keys read at a time. etcd looks for all that are left each time, so a hundred small pages cost it a hundred looks."""

MIN_LEASE_SECONDS = 2.0
"""etcd grants no shorter lease."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One key as read. Revisions are etcd's: of the key's creation, and of its last write."""

    key: str
    value: bytes
    create_revision: int
    mod_revision: int


@dataclass(frozen=True, slots=True)
class Listing:
    """All keys under a prefix at one revision, ordered by key."""

    entries: list[Entry]
    revision: int


class Lease(Protocol):
    """A right to exist for keys. Renewed by itself until revoked; `lost` is set when it is gone, for any reason."""

    id: int
    lost: asyncio.Event

    async def revoke(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Put:
    key: str
    value: bytes
    lease: Lease | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete one key; absent is no error."""

    key: str


@dataclass(frozen=True, slots=True)
class Guard:
    """The commit holds only if this revision of `key` equals `revision`; 0 means the key must not exist."""

    key: str
    revision: int
    of: Literal["create", "mod"] = "mod"

    @staticmethod
    def absent(key: str) -> Guard:
        return Guard(key, 0, "create")


@dataclass(frozen=True, slots=True)
class Event:
    """One change seen by a watch; a delete has no `value` and `create_revision` 0. `revision` is that of the change."""

    kind: Literal["put", "delete"]
    key: str
    value: bytes
    create_revision: int
    revision: int


Batches = AsyncGenerator[Sequence[Event], None]
Progress = Callable[[int], None]
"""Hears, while a watch is quiet, up to which revision nothing has happened that it would tell: every ten minutes."""


class KV(Protocol):
    async def get(self, key: str) -> Entry | None: ...

    async def list(self, prefix: str, *, page: int = PAGE_KEYS) -> Listing: ...

    def pages(self, prefix: str, *, page: int = PAGE_KEYS) -> AsyncGenerator[Listing, None]:
        """What `list` gives, a part at a time, for whoever keeps little of much. Compacted: begin again."""
        ...

    async def commit(self, ops: Sequence[Put | Delete], *, guards: Sequence[Guard] = ()) -> int:
        """Do all of `ops` or nothing; the new revision. At most MAX_OPS, no key twice.

        Outrun: a guard failed, nothing was done. LeaseLost: a lease of `ops` has ended, nothing was done.
        Unreachable: whether it was done is unknown; read again, and let guards decide about a second try.
        """
        ...

    def watch(self, prefix: str, *, since: int, progress: Progress | None = None) -> Batches:
        """Every change after `since`, in batches that never split a revision. Resumes by itself; or Compacted.

        Whoever stops reading before the end closes it (`contextlib.aclosing`).
        """
        ...

    async def lease(self, ttl: float) -> Lease:
        """A lease of `ttl` seconds (at least MIN_LEASE_SECONDS), renewed by itself."""
        ...

    async def close(self) -> None: ...


async def holds(kv: KV, guard: Guard) -> bool:
    """Whether a commit with this guard would pass now."""
    entry = await kv.get(guard.key)
    if entry is None:
        return guard.revision == 0
    return guard.revision == (entry.create_revision if guard.of == "create" else entry.mod_revision)
