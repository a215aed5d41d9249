"""Leases kept alive by a thread of its own with a channel of its own, so that a busy event loop cannot starve them.

One thread serves all leases of a client. It renews each after a third of its time (3 s: every second). A lease is lost
when etcd says so, or when its time has passed since the last renewal that etcd confirmed, counted from the moment that
renewal was *sent*: then somebody else may hold what we held, whether or not we could ask.

The loop only ever sees `lost`, set through `call_soon_threadsafe`; `ended` is the same as a plain flag, for threads.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator

import grpc

from esi.clock import Clock
from esi.kv import rpc_pb2 as pb
from esi.kv.connection import Connection, Tls, login_request
from esi.kv.wire import AUTHENTICATE, CHANNEL_OPTIONS, LEASE_KEEP_ALIVE, Verdict, judge

RETRY_SECONDS = 0.2
"""How long the thread waits before it asks the next endpoint."""


class EtcdLease:
    """A lease granted by etcd for `ttl` seconds, renewed until revoked."""

    def __init__(self, number: int, ttl: float, *, granted: float, end: Callable[[EtcdLease], Awaitable[None]]) -> None:
        self.id = number
        self.ttl = ttl
        self.lost = asyncio.Event()
        self.ended = False
        self.renewed = granted
        self.due = granted + ttl / 3
        self._end = end
        self._loop = asyncio.get_running_loop()

    async def revoke(self) -> None:
        """Give the lease back: its keys go at once."""
        await self._end(self)

    def set_lost(self) -> None:
        """Say that it is gone. Safe from any thread, and when the loop is already closed."""
        self.ended = True
        try:
            self._loop.call_soon_threadsafe(self.lost.set)
        except RuntimeError:
            return


class Renewals:
    """The renewing thread. Starts with the first lease, ends with `close`."""

    def __init__(self, endpoints: list[str], *, clock: Clock, tls: Tls | None, connection: Connection) -> None:
        self._endpoints = endpoints
        self._clock = clock
        self._tls = tls
        self._connection = connection
        self._leases: dict[int, EtcdLease] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self.renewals = 0

    def add(self, lease: EtcdLease) -> None:
        with self._changed:
            self._leases[lease.id] = lease
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="etcd leases", daemon=True)
                self._thread.start()
            self._changed.notify()

    def drop(self, lease: EtcdLease) -> None:
        with self._changed:
            self._leases.pop(lease.id, None)

    def held(self) -> list[EtcdLease]:
        with self._changed:
            return list(self._leases.values())

    def close(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        at = 0
        channel: grpc.Channel | None = None
        while (due := self._wait()) is not None:
            if channel is None:
                channel = self._open(self._endpoints[at])
            if not self._renew(channel, due):
                channel.close()
                channel = None
                at = (at + 1) % len(self._endpoints)
                self._pause(due)
        if channel is not None:
            channel.close()

    def _open(self, endpoint: str) -> grpc.Channel:
        options = list(CHANNEL_OPTIONS)
        if self._tls is None:
            return grpc.insecure_channel(endpoint, options)
        return grpc.secure_channel(endpoint, self._tls.credentials(), options)

    def _wait(self) -> list[EtcdLease] | None:
        """The leases whose renewal is due, as soon as there are any; None at the end."""
        with self._changed:
            while not self._stopped:
                now = self._clock.monotonic()
                for lease in [lease for lease in self._leases.values() if now > lease.renewed + lease.ttl]:
                    del self._leases[lease.id]
                    lease.set_lost()
                due = [lease for lease in self._leases.values() if lease.due <= now]
                if due:
                    return due
                first = min((lease.due for lease in self._leases.values()), default=None)
                self._changed.wait(None if first is None else first - now)
        return None

    def _pause(self, due: list[EtcdLease]) -> None:
        with self._changed:
            again = self._clock.monotonic() + RETRY_SECONDS
            for lease in due:
                lease.due = min(again, lease.renewed + lease.ttl + 0.001)

    def _renew(self, channel: grpc.Channel, due: list[EtcdLease]) -> bool:
        """Renew over one short stream; False when the endpoint did not answer."""
        sent = self._clock.monotonic()
        patience = max(0.2, min(lease.ttl for lease in due) / 3)
        call = channel.stream_stream(
            LEASE_KEEP_ALIVE.path, pb.LeaseKeepAliveRequest.SerializeToString, pb.LeaseKeepAliveResponse.FromString
        )
        token = self._connection.token
        try:
            replies = call(_requests(due), timeout=patience, metadata=(("token", token),) if token else ())
            for reply in replies:
                self._renewed(reply.ID, reply.TTL, sent)
        except grpc.RpcError as error:
            return judge(error, "") is Verdict.NEW_TOKEN and self._log_in(channel, token, patience)
        return True

    def _renewed(self, number: int, ttl: int, sent: float) -> None:
        with self._changed:
            lease = self._leases.get(number)
            if lease is None:
                return
            if ttl <= 0:
                del self._leases[number]
                lease.set_lost()
                return
            self.renewals += 1
            lease.renewed = sent
            lease.due = sent + lease.ttl / 3

    def _log_in(self, channel: grpc.Channel, stale: str | None, patience: float) -> bool:
        login = self._connection.login
        if login is None or self._connection.token != stale:
            return login is not None
        call = channel.unary_unary(
            AUTHENTICATE.path, pb.AuthenticateRequest.SerializeToString, pb.AuthenticateResponse.FromString
        )
        try:
            self._connection.token = call(login_request(login), timeout=patience).token
        except grpc.RpcError:
            return False
        return True


def _requests(due: list[EtcdLease]) -> Iterator[pb.LeaseKeepAliveRequest]:
    for lease in due:
        yield pb.LeaseKeepAliveRequest(ID=lease.id)
