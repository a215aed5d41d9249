"""The KV port on etcd 3.4 and later, over gRPC.

What is retried and what is not stands in connection.py; leases in leases.py; the wire in wire.py. A `commit` that
raises Unreachable has an unknown outcome: read again and let guards decide, never send the same again blindly.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import grpc
import grpc.aio

from esi.clock import Clock
from esi.errors import Broken, Compacted, EsiError, Outrun, Rejected, Unreachable
from esi.kv import MAX_OPS, MIN_LEASE_SECONDS, PAGE_KEYS, Delete, Entry, Event, Guard, Lease, Listing, Progress, Put
from esi.kv import rpc_pb2 as pb
from esi.kv.connection import PAGE_SECONDS, READ_SECONDS, WRITE_SECONDS, Connection, Login, Tls
from esi.kv.leases import EtcdLease, Renewals
from esi.kv.together import Commit, Commits, Reads
from esi.kv.wire import (
    COMPACT,
    FULL,
    LEASE_GRANT,
    LEASE_REVOKE,
    RANGE,
    STATUS,
    TXN,
    WATCH,
    Method,
    Q,
    R,
    Verdict,
    entry_of,
    event_of,
    first_key,
    is_stale_token,
    judge,
    puts,
    range_end,
)
from esi.together import Together

log = logging.getLogger(__name__)

DEADLINE_SECONDS = 10.0
"""How long a call is tried before it is Unreachable."""

CLOSE_SECONDS = 2.0
"""How long closing waits for an etcd that shall take the leases back."""


class EtcdKV:
    """A client of one etcd cluster. `commits` and `reads` count requests that were answered, for budgets.

    The thread that renews leases reads `clock.monotonic`, too: it must be a clock for any thread (SystemClock).
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        clock: Clock,
        tls: Tls | None = None,
        login: Login | None = None,
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        self._clock = clock
        self._connection = Connection(endpoints, clock=clock, tls=tls, login=login, deadline=deadline)
        self._renewals = Renewals(list(endpoints), clock=clock, tls=tls, connection=self._connection)
        self._committing = Together(Commits(self._transact))
        self._reading = Together(Reads(self._read, self._read_many))
        self._full = False
        self.commits = 0
        self.reads = 0

    @property
    def renewals(self) -> int:
        """How many renewals of leases etcd has confirmed."""
        return self._renewals.renewals

    async def get(self, key: str) -> Entry | None:
        return await self._reading.ask(key)

    async def _read(self, key: str) -> Entry | None:
        reply = await self._range(pb.RangeRequest(key=key.encode()))
        return entry_of(reply.kvs[0]) if reply.kvs else None

    async def _read_many(self, request: pb.TxnRequest) -> pb.TxnResponse:
        reply = await self._connection.call(TXN, request)
        self.reads += 1
        return reply

    async def list(self, prefix: str, *, page: int = PAGE_KEYS) -> Listing:
        """All keys under `prefix` at one revision, read `page` keys at a time."""
        while True:
            try:
                parts = [part async for part in self.pages(prefix, page=page)]
                return Listing([entry for part in parts for entry in part.entries], parts[-1].revision)
            except Compacted:
                continue  # so slow that its revision went: read a newer one

    async def pages(self, prefix: str, *, page: int = PAGE_KEYS) -> AsyncGenerator[Listing, None]:
        start = prefix.encode()
        request = pb.RangeRequest(key=first_key(start), range_end=range_end(start), limit=page)
        more = True
        while more:
            reply = await self._range(request, patience=PAGE_SECONDS)
            request.revision = request.revision or reply.header.revision
            yield Listing([entry_of(found) for found in reply.kvs], request.revision)
            if more := reply.more:
                request.key = reply.kvs[-1].key + b"\0"

    async def _range(self, request: pb.RangeRequest, *, patience: float = READ_SECONDS) -> pb.RangeResponse:
        reply = await self._connection.call(RANGE, request, patience=patience)
        self.reads += 1
        return reply

    async def commit(self, ops: Sequence[Put | Delete], *, guards: Sequence[Guard] = ()) -> int:
        """As the port says. LeaseLost: the lease of a put has ended. Unreachable: whether it was done is unknown."""
        if len(ops) > MAX_OPS or len(guards) > MAX_OPS:
            raise Broken(f"{len(ops)} writes and {len(guards)} guards in one commit; at most {MAX_OPS} of each")
        if len({op.key for op in ops}) != len(ops):
            raise Broken("one commit writes a key twice")
        done, revision = await self._committing.ask(Commit(ops, guards))
        if not done:
            raise Outrun("changed meanwhile: " + ", ".join(guard.key for guard in guards))
        self.commits += 1
        return revision

    async def _transact(self, request: pb.TxnRequest) -> pb.TxnResponse:
        return await self._write(TXN, request, repeat=False, grows=puts(request))

    async def _write(self, method: Method[Q, R], request: Q, *, repeat: bool, grows: bool) -> R:
        """A call that needs room in etcd, if it `grows`. Whoever runs it hears once that there is none, and once that
        there is some again: callers only try again.
        """
        try:
            reply = await self._connection.call(method, request, repeat=repeat, patience=WRITE_SECONDS)
        except Unreachable as error:
            if error.details.get("reason") == FULL and not self._full:
                self._full = True
                log.error("%s", error)
            raise
        if self._full and grows:
            self._full = False
            log.info("etcd at %s takes writes again", self._connection.where)
        return reply

    async def watch(
        self, prefix: str, *, since: int, progress: Progress | None = None
    ) -> AsyncGenerator[Sequence[Event], None]:
        """Goes on after `since` over any number of broken connections; never raises Unreachable."""
        pause = 0.02
        while True:
            try:
                async with aclosing(self._stream(prefix.encode(), since)) as replies:
                    async for reply in replies:
                        pause = 0.02
                        if reply.events:
                            since = reply.events[-1].kv.mod_revision
                            yield [event_of(change) for change in reply.events]
                        elif not reply.created:
                            since = max(since, reply.header.revision)  # nothing for us up to here
                            if progress is not None:
                                progress(since)
            except Unreachable as error:
                if self._connection.closed:
                    raise
                log.debug("the watch of %s after %d broke: %s (%r)", prefix, since, error, error.__cause__)
            await self._clock.sleep(pause)
            pause = min(pause * 2, 1.0)

    async def _stream(self, prefix: bytes, since: int) -> AsyncGenerator[pb.WatchResponse, None]:
        """One watch on one connection, until that breaks (Unreachable)."""
        link, token = await self._connection.ready()
        # Without `fragment` etcd sends all events of one revision in one response.
        create = pb.WatchCreateRequest(
            key=first_key(prefix), range_end=range_end(prefix), start_revision=since + 1, progress_notify=True
        )
        call, catching_up = link.stream(WATCH)(metadata=(*token, ("hasleader", "true"))), True
        try:
            await call.write(pb.WatchRequest(create_request=create))
            while isinstance(reply := await call.read(), pb.WatchResponse):
                if reply.canceled:
                    if is_stale_token(reply.cancel_reason):  # this member has restarted since we logged in
                        self._connection.failed(link, Verdict.NEW_TOKEN, token)
                    raise _cancelled(reply, since)
                if reply.created or catching_up:
                    await self._still_there(create.key, since)
                    catching_up = reply.created
                yield reply
            raise self._connection.unreachable()
        except grpc.aio.AioRpcError as error:
            verdict = judge(error, self._connection.where)
            if isinstance(verdict, EsiError):
                raise verdict from error
            self._connection.failed(link, verdict, token)
            raise self._connection.unreachable() from error
        except asyncio.CancelledError:
            self._connection.check_closed()
            raise
        finally:
            call.cancel()

    async def _still_there(self, key: bytes, since: int) -> None:
        """Compacted unless the history after `since` is whole.

        etcd accepts a watch from the very revision it was compacted at, although deletions of that revision are gone,
        also when that comes before it has caught up (so its first news are asked about, too), and from a revision it
        has not reached, when its data was set back. A read at `since` finds out both.
        """
        if since > 0:
            await self._range(pb.RangeRequest(key=key, revision=since, count_only=True))

    async def lease(self, ttl: float) -> Lease:
        asked = self._clock.monotonic()
        seconds = -int(-max(ttl, MIN_LEASE_SECONDS) // 1)  # etcd counts whole seconds: rounded up
        reply = await self._write(LEASE_GRANT, pb.LeaseGrantRequest(TTL=seconds), repeat=True, grows=True)
        if reply.error:
            raise Rejected("etcd", reply.error)
        lease = EtcdLease(reply.ID, float(reply.TTL), granted=asked, end=self._revoke)
        self._renewals.add(lease)
        return lease

    async def _revoke(self, lease: EtcdLease) -> None:
        self._renewals.drop(lease)
        lease.set_lost()
        lease.lost.set()
        try:
            await self._connection.call(LEASE_REVOKE, pb.LeaseRevokeRequest(ID=lease.id))
        except EsiError as error:
            if error.code != "lease_lost":
                raise

    async def compact(self, revision: int) -> None:
        """Forget history up to and including `revision`."""
        await self._connection.call(COMPACT, pb.CompactionRequest(revision=revision, physical=True))

    async def version(self) -> str:
        """The server's version; also the quickest proof that it answers."""
        return (await self._connection.call(STATUS, pb.StatusRequest())).version

    async def close(self) -> None:
        """Give all leases back, end the thread and the connections. What is under way ends as Unreachable."""
        revokes = [lease.revoke() for lease in self._renewals.held()]
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(*revokes, return_exceptions=True)
        except TimeoutError:
            pass  # they lapse by themselves
        self._renewals.close()
        await self._committing.close()
        await self._reading.close()
        await self._connection.close()


def _cancelled(reply: pb.WatchResponse, since: int) -> EsiError:
    if reply.compact_revision:
        return Compacted(f"revision {since} is gone")
    reason = reply.cancel_reason.removeprefix("etcdserver: ")
    if "permission denied" in reason:
        return Rejected("etcd", reason)
    return Unreachable(f"etcd ended a watch: {reason}")
