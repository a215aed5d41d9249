"""etcd's v3 wire: the methods we call, how our records look there, and what its errors mean.

Pure: builds and reads messages, judges errors, does no I/O. The words of etcd's errors are part of its interface (its
own clients match them); they stand in server/etcdserver/api/v3rpc/rpctypes of etcd 3.4 and later.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

import grpc
from google.protobuf.message import Message

from esi.errors import Broken, Compacted, EsiError, LeaseLost, Rejected, TooLarge, Unreachable
from esi.kv import Delete, Entry, Event, Guard, Lease, Put
from esi.kv import rpc_pb2 as pb

Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)


class Method(NamedTuple, Generic[Q, R]):
    """One remote method: its path and the types that go there and come back."""

    path: str
    request: type[Q]
    reply: type[R]


RANGE = Method("/etcdserverpb.KV/Range", pb.RangeRequest, pb.RangeResponse)
TXN = Method("/etcdserverpb.KV/Txn", pb.TxnRequest, pb.TxnResponse)
COMPACT = Method("/etcdserverpb.KV/Compact", pb.CompactionRequest, pb.CompactionResponse)
WATCH = Method("/etcdserverpb.Watch/Watch", pb.WatchRequest, pb.WatchResponse)
LEASE_GRANT = Method("/etcdserverpb.Lease/LeaseGrant", pb.LeaseGrantRequest, pb.LeaseGrantResponse)
LEASE_REVOKE = Method("/etcdserverpb.Lease/LeaseRevoke", pb.LeaseRevokeRequest, pb.LeaseRevokeResponse)
LEASE_KEEP_ALIVE = Method("/etcdserverpb.Lease/LeaseKeepAlive", pb.LeaseKeepAliveRequest, pb.LeaseKeepAliveResponse)
STATUS = Method("/etcdserverpb.Maintenance/Status", pb.StatusRequest, pb.StatusResponse)
MEMBER_LIST = Method("/etcdserverpb.Cluster/MemberList", pb.MemberListRequest, pb.MemberListResponse)
AUTHENTICATE = Method("/etcdserverpb.Auth/Authenticate", pb.AuthenticateRequest, pb.AuthenticateResponse)

CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", -1),  # a page of large values is more than gRPC's 4 MB
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.keepalive_time_ms", 10_000),  # etcd cuts connections that ask more often than every 5 s
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.use_local_subchannel_pool", 1),  # a client of its own connections: none shared with another user's client
)


class Verdict(Enum):
    """What a failed call leaves us with."""

    NEW_TOKEN = "the token is no longer valid; nothing was done"
    NOT_DONE = "not now; nothing was done"
    UNKNOWN = "not now; it may have been done"


def range_end(prefix: bytes) -> bytes:
    """The end of the range that holds exactly the keys under `prefix`; a zero byte is etcd's "no end"."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else b"\0"


def first_key(prefix: bytes) -> bytes:
    """Where a range over `prefix` starts; etcd refuses an empty key."""
    return prefix or b"\0"


def entry_of(kv: pb.KeyValue) -> Entry:
    return Entry(kv.key.decode(), kv.value, kv.create_revision, kv.mod_revision)


def event_of(change: pb.Change) -> Event:
    """A change as seen by a watch. etcd tells neither value nor creation of a deleted key: create_revision is 0."""
    kv = change.kv
    kind = change.type == pb.Change.DELETE
    return Event("delete" if kind else "put", kv.key.decode(), kv.value, kv.create_revision, kv.mod_revision)


def txn_of(ops: Sequence[Put | Delete], guards: Sequence[Guard]) -> pb.TxnRequest:
    return pb.TxnRequest(compare=[_compare(guard) for guard in guards], success=[_op(op) for op in ops])


def puts(request: pb.TxnRequest) -> bool:
    """Whether a transaction writes anything, or one in it does."""
    return any(
        op.HasField("request_put") or (op.HasField("request_txn") and puts(op.request_txn)) for op in request.success
    )


def _compare(guard: Guard) -> pb.Compare:
    if guard.of == "create":
        return pb.Compare(target=pb.Compare.CREATE, key=guard.key.encode(), create_revision=guard.revision)
    return pb.Compare(target=pb.Compare.MOD, key=guard.key.encode(), mod_revision=guard.revision)


def _op(op: Put | Delete) -> pb.RequestOp:
    if isinstance(op, Delete):
        return pb.RequestOp(request_delete_range=pb.DeleteRequest(key=op.key.encode()))
    lease = 0 if op.lease is None else _number(op.lease)
    return pb.RequestOp(request_put=pb.PutRequest(key=op.key.encode(), value=op.value, lease=lease))


def _number(lease: Lease) -> int:
    return lease.id


FULL = "full"
"""The reason of an Unreachable while etcd has used up its quota: it answers, and takes no writes."""

MAKE_ROOM = (
    "delete keys or raise --quota-backend-bytes; then `etcdctl compact <revision>`, `etcdctl defrag` and "
    "`etcdctl alarm disarm`"
)
_NEW_TOKEN = ("invalid auth token", "revision of auth store is old")
_NOT_DONE = ("no leader", "too many requests", "failed to connect", "not capable")
_UNKNOWN = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)
_GONE = ("has been compacted", "is a future revision")


def is_stale_token(words: str) -> bool:
    """Whether etcd no longer knows our token: a call is told so by its status, a watch by the reason of its end."""
    return any(text in words for text in _NEW_TOKEN)


def judge(error: grpc.RpcError, where: str) -> Verdict | EsiError:
    """What a failed call means: try again, and how; or the error to raise. `where` names the endpoints."""
    code, words = error.code(), error.details() or ""
    if is_stale_token(words):
        return Verdict.NEW_TOKEN
    if any(text in words for text in _GONE):
        return Compacted("the revision is gone from etcd: list again")
    if "requested lease not found" in words:
        return LeaseLost("the lease has ended")
    if "request is too large" in words or "larger than max" in words:
        return TooLarge(f"too large for one commit: {words}")
    if "database space exceeded" in words:
        return Unreachable(f"etcd at {where} is full: {MAKE_ROOM}", endpoints=where, reason=FULL)
    if any(text in words for text in _NOT_DONE):
        return Verdict.NOT_DONE
    if code in _UNKNOWN:
        return Verdict.UNKNOWN
    if "duplicate key" in words or "too many operations" in words:
        return Broken(f"etcd refused a commit: {words}")
    return Rejected("etcd", words.removeprefix("etcdserver: "), endpoints=where)
