"""Calls that come while others are under way go to etcd together: commits as one transaction of transactions, reads as
one transaction that reads.

A call over gRPC costs both sides more than what etcd does for it. So few are under way at a time; what comes meanwhile
waits for one of them to end, a millisecond or two, and then goes as one. Each commit keeps its own guards and its own
answer. Commits that go together have one revision and are done as a whole: more than was promised to anybody.

etcd judges all guards before it writes anything, and takes no key twice: commits that meet in a key do not go together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from esi.errors import EsiError, Unreachable
from esi.kv import Delete, Entry, Guard, Put
from esi.kv import rpc_pb2 as pb
from esi.kv.wire import entry_of, txn_of
from esi.tasks import Tasks

UNDER_WAY = 2
TOGETHER = 32
MOST_OPS = 96
"""Writes of one that goes with others: etcd allows 128 less as many as go together."""
MOST_BYTES = 512 * 1024
"""Of all that go together; etcd takes 1.5 MB."""

Q = TypeVar("Q")
A = TypeVar("A")
Call = TypeVar("Call", contravariant=True)
Answer = TypeVar("Answer", covariant=True)

Send = Callable[[pb.TxnRequest], Awaitable[pb.TxnResponse]]


class Way(Protocol[Call, Answer]):
    """How one kind of call goes. Both raise what etcd says of it."""

    async def alone(self, one: Call, /) -> Answer: ...

    async def as_one(self, group: Sequence[Call], /) -> Sequence[Answer]:
        """The answers in the order of the calls. An error but Unreachable: nothing was done for any of them."""
        ...

    def room(self) -> Callable[[Call], bool]:
        """Asked of each call in turn whether it fits into one group."""
        ...


class Together(Generic[Q, A]):
    """Sends calls of one kind, at most UNDER_WAY at a time."""

    def __init__(self, way: Way[Q, A]) -> None:
        self._way = way
        self._tasks = Tasks("together")
        self._waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()
        self._under_way = 0

    async def ask(self, one: Q) -> A:
        if self._under_way < UNDER_WAY:
            self._under_way += 1
            try:
                return await self._way.alone(one)
            finally:
                self._go_on()
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, answer))
        return await answer

    def _go_on(self) -> None:
        self._under_way -= 1
        while self._waiting and self._waiting[0][1].done():
            self._waiting.popleft()  # cancelled before it went
        if self._waiting:
            self._under_way += 1
            self._tasks.start("group", self._go(self._group()))

    def _group(self) -> list[tuple[Q, asyncio.Future[A]]]:
        """The next ones, as far as they fit. In their order: nobody overtakes."""
        fits = self._way.room()
        group: list[tuple[Q, asyncio.Future[A]]] = []
        while self._waiting and len(group) < TOGETHER and (fits(self._waiting[0][0]) or not group):
            group.append(self._waiting.popleft())
        return group

    async def _go(self, group: list[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            if len(group) == 1:
                await self._alone(*group[0])
            else:
                await self._as_one(group)
        finally:
            for _, answer in group:  # closed meanwhile
                _fail(answer, _closed())
            self._go_on()

    async def _alone(self, one: Q, answer: asyncio.Future[A]) -> None:
        try:
            _tell(answer, await self._way.alone(one))
        except EsiError as error:
            _fail(answer, error)

    async def _as_one(self, group: list[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._way.as_one([one for one, _ in group])
        except Unreachable as error:
            for _, answer in group:
                _fail(answer, Unreachable(str(error), **error.details))
        except EsiError:  # one of them is refused: each hears for itself
            for one, answer in group:
                await self._alone(one, answer)
        else:
            for (_, answer), found in zip(group, answers, strict=True):
                _tell(answer, found)

    async def close(self) -> None:
        """What waits, and what went together with others, ends as Unreachable."""
        await self._tasks.close()
        while self._waiting:
            _fail(self._waiting.popleft()[1], _closed())


def _tell(answer: asyncio.Future[A], found: A) -> None:
    if not answer.done():  # else who waited has gone
        answer.set_result(found)


def _fail(answer: asyncio.Future[A], error: EsiError) -> None:
    if not answer.done():
        answer.set_exception(error)


def _closed() -> Unreachable:
    return Unreachable("the connection to etcd is closed")


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
