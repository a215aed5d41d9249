"""What each member of an etcd cluster says of itself, asked alone: for whoever looks after the cluster.

A client asks whichever member answers; here a member that does not is a finding. Why it does not is found out in the
order of a connection: TCP, then TLS, then gRPC, then the login.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from esi.clock import Clock
from esi.errors import Compacted, EsiError, Unreachable
from esi.kv import rpc_pb2 as pb
from esi.kv.connection import Connection, Login, Tls
from esi.kv.wire import MEMBER_LIST, RANGE, STATUS

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
"""How every HTTP/2 client begins; a server that wants a certificate and got none says so only now."""

ALERT_SECONDS = 1.0
TURNS = 3


@dataclass(frozen=True, slots=True)
class Way:
    """How members are reached; `patience` in seconds for each."""

    clock: Clock
    tls: Tls | None = None
    login: Login | None = None
    patience: float = 3.0


@dataclass(frozen=True, slots=True)
class Member:
    """`took` seconds for one answer; `alarms` in etcd's words; `quota` 0: it does not tell."""

    endpoint: str
    id: int
    version: str
    leads: bool
    has_leader: bool
    alarms: Sequence[str]
    size: int
    quota: int
    behind: int
    took: float


async def ask_member(endpoint: str, way: Way) -> Member:
    """Unreachable says at which step it fails."""
    await _connect(endpoint, way)
    connection = Connection([endpoint], clock=way.clock, tls=way.tls, login=None, deadline=way.patience)
    try:
        found = await connection.call(STATUS, pb.StatusRequest())  # the connection is made here, and not counted
        took = way.patience
        for _ in range(TURNS):  # the best of them: we may have been busy ourselves
            asked = way.clock.monotonic()
            found = await connection.call(STATUS, pb.StatusRequest())
            took = min(took, way.clock.monotonic() - asked)
    finally:
        await connection.close()
    alarms = [error for error in found.errors if "alarm:" in error]
    me = found.header.member_id
    return Member(
        endpoint=endpoint,
        id=me,
        version=found.version,
        leads=found.leader == me,
        has_leader=found.leader != 0,
        alarms=alarms,
        size=found.dbSize,
        quota=found.dbSizeQuota,
        behind=max(0, found.raftIndex - found.raftAppliedIndex),
        took=took,
    )


async def _connect(endpoint: str, way: Way) -> None:
    """TCP and TLS by hand, because gRPC keeps to itself why it cannot connect."""
    host, _, port = endpoint.rpartition(":")
    try:
        context = _context(way.tls) if way.tls is not None else None
        async with asyncio.timeout(way.patience):
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=context)
            try:
                writer.write(PREFACE)
                await writer.drain()
                try:
                    async with asyncio.timeout(ALERT_SECONDS):
                        if not await reader.read(9):
                            raise Unreachable(f"{endpoint} hangs up: {_hint(way)}", endpoints=endpoint)
                except TimeoutError:
                    return  # it waits for more of us: good
            finally:
                writer.transport.abort()
    except ssl.SSLError as error:
        words = getattr(error, "verify_message", "") or error.reason or str(error)
        raise Unreachable(f"TLS with {endpoint} fails: {words}", endpoints=endpoint) from error
    except TimeoutError as error:
        raise Unreachable(f"{endpoint} does not answer within {way.patience:g} s", endpoints=endpoint) from error
    except ValueError as error:
        raise Unreachable(f"{endpoint!r} is not host:port", endpoints=endpoint) from error
    except OSError as error:
        words = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise Unreachable(f"{endpoint} cannot be reached: {words}", endpoints=endpoint) from error


def _hint(way: Way) -> str:
    return "it may want TLS: set etcd.ca_file" if way.tls is None else "it may want another client certificate"


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=tls.ca.decode("ascii", "replace"))
    context.set_alpn_protocols(["h2"])
    if tls.certificate is not None and tls.key is not None:
        _load(context, tls.certificate, tls.key)
    return context


def _load(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """The context wants files; what we have are texts, which shall not lie anywhere."""
    handles = [os.memfd_create("pem") for _ in range(2)]
    try:
        for handle, text in zip(handles, (certificate, key), strict=True):
            os.write(handle, text)
        context.load_cert_chain(*(f"/proc/self/fd/{handle}" for handle in handles))
    finally:
        for handle in handles:
            os.close(handle)


@dataclass(frozen=True, slots=True)
class Cluster:
    """`members` as the cluster knows them: name and client URLs by id; `revision` its newest; `compacted` whether the
    beginning of its history is gone.
    """

    members: dict[int, tuple[str, tuple[str, ...]]]
    revision: int
    compacted: bool


async def ask_cluster(endpoints: Sequence[str], way: Way, *, key: str) -> Cluster:
    """As our user, who must be let in and may read `key`. Rejected has etcd's words when that is not so."""
    connection = Connection(endpoints, clock=way.clock, tls=way.tls, login=way.login, deadline=way.patience)
    try:
        found = await connection.call(RANGE, pb.RangeRequest(key=key.encode()))
        listed = await connection.call(MEMBER_LIST, pb.MemberListRequest())
        members = {one.ID: (one.name, tuple(one.clientURLs)) for one in listed.members}
        return Cluster(members, found.header.revision, await _compacted(connection, key))
    finally:
        await connection.close()


async def _compacted(connection: Connection, key: str) -> bool:
    try:
        await connection.call(RANGE, pb.RangeRequest(key=key.encode(), revision=1, count_only=True))
    except Compacted:
        return True
    except EsiError:
        return False
    return False
