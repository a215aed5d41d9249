"""What goes to etcd together: commits as one transaction of transactions, reads as one transaction that reads.

Each commit keeps its own guards and its own answer. Commits that go together have one revision and are done as a whole:
more than was promised to anybody.

etcd judges all guards before it writes anything, and takes no key twice: commits that meet in a key do not go together.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from esi.kv import Delete, Entry, Guard, Put
from esi.kv import rpc_pb2 as pb
from esi.kv.wire import entry_of, txn_of

MOST_OPS = 96
"""Writes of one that goes with others: etcd allows 128 less as many as go together."""
MOST_BYTES = 512 * 1024
"""Of all that go together; etcd takes 1.5 MB."""

Send = Callable[[pb.TxnRequest], Awaitable[pb.TxnResponse]]


class Commit(NamedTuple):
    """What shall be written, if the guards hold."""

    ops: Sequence[Put | Delete]
    guards: Sequence[Guard]


class Commits:
    """Answers whether the guards held and it was done, and the revision."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def alone(self, one: Commit, /) -> tuple[bool, int]:
        reply = await self._send(txn_of(*one))
        return reply.succeeded, reply.header.revision

    async def as_one(self, group: Sequence[Commit], /) -> Sequence[tuple[bool, int]]:
        reply = await self._send(pb.TxnRequest(success=[pb.RequestOp(request_txn=txn_of(*one)) for one in group]))
        return [(answer.response_txn.succeeded, reply.header.revision) for answer in reply.responses]

    def room(self) -> Callable[[Commit], bool]:
        """Those that do not meet: nobody writes what another one writes or guards."""
        written: set[str] = set()
        known: set[str] = set()
        size = 0

        def fits(one: Commit) -> bool:
            nonlocal size
            ops, guards = one
            writes = {op.key for op in ops}
            keys = writes.union(guard.key for guard in guards)
            size += MOST_BYTES if max(len(ops), len(guards)) > MOST_OPS else sum(map(_bytes, ops))
            if size > MOST_BYTES or writes & known or keys & written:
                return False
            written.update(writes)
            known.update(keys)
            return True

        return fits


class Reads:
    """Of keys: the entry of each, None for one that does not exist."""

    def __init__(self, read: Callable[[str], Awaitable[Entry | None]], send: Send) -> None:
        self._read = read
        self._send = send

    async def alone(self, one: str, /) -> Entry | None:
        return await self._read(one)

    async def as_one(self, group: Sequence[str], /) -> Sequence[Entry | None]:
        ranges = [pb.RequestOp(request_range=pb.RangeRequest(key=key.encode())) for key in group]
        reply = await self._send(pb.TxnRequest(success=ranges))
        found = [answer.response_range.kvs for answer in reply.responses]
        return [entry_of(kvs[0]) if kvs else None for kvs in found]

    def room(self) -> Callable[[str], bool]:
        return lambda _key: True


def _bytes(op: Put | Delete) -> int:
    return len(op.key) + (len(op.value) if isinstance(op, Put) else 0)
