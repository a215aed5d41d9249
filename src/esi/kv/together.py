"""Commits that come while others are under way go to etcd together, as one transaction of transactions.

A call over gRPC costs both sides more than what etcd does for a commit. So few are under way at a time; what comes
meanwhile waits for one of them to end, a millisecond or two, and then goes as one. Each keeps its own guards and its
own answer. What goes together has one revision and is done as a whole: more than was promised to anybody.

etcd judges all guards before it writes anything, and takes no key twice: commits that meet in a key do not go together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from esi.errors import EsiError, Unreachable
from esi.kv import Delete, Guard, Put
from esi.kv import rpc_pb2 as pb
from esi.kv.wire import txn_of
from esi.tasks import Tasks

UNDER_WAY = 2
TOGETHER = 32
MOST_OPS = 96
"""Writes of one that goes with others: etcd allows 128 less as many as go together."""
MOST_BYTES = 512 * 1024
"""Of all that go together; etcd takes 1.5 MB."""

Send = Callable[[pb.TxnRequest], Awaitable[pb.TxnResponse]]


class _Waiting:
    """A commit that has not gone yet. `answer`: whether it was done, and the revision."""

    def __init__(self, ops: Sequence[Put | Delete], guards: Sequence[Guard]) -> None:
        self.request = txn_of(ops, guards)
        self.size = self.request.ByteSize()
        self.writes = frozenset(op.key for op in ops)
        self.keys = self.writes.union(guard.key for guard in guards)
        self.alone = max(len(ops), len(guards)) > MOST_OPS
        self.answer: asyncio.Future[tuple[bool, int]] = asyncio.get_running_loop().create_future()

    def tell(self, answer: tuple[bool, int] | EsiError) -> None:
        if self.answer.done():
            return  # who waited has gone
        if isinstance(answer, EsiError):
            self.answer.set_exception(answer)
        else:
            self.answer.set_result(answer)


class Together:
    """`send` sends one transaction, and raises what etcd says of it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._tasks = Tasks("commits")
        self._waiting: deque[_Waiting] = deque()
        self._under_way = 0

    async def commit(self, ops: Sequence[Put | Delete], guards: Sequence[Guard]) -> tuple[bool, int]:
        """Whether the guards held and it was done; the revision."""
        if self._under_way < UNDER_WAY:
            self._under_way += 1
            try:
                reply = await self._send(txn_of(ops, guards))
            finally:
                self._go_on()
            return reply.succeeded, reply.header.revision
        mine = _Waiting(ops, guards)
        self._waiting.append(mine)
        return await mine.answer

    def _go_on(self) -> None:
        self._under_way -= 1
        while self._waiting and self._waiting[0].answer.done():
            self._waiting.popleft()  # cancelled before it went
        if self._waiting:
            self._under_way += 1
            self._tasks.start("group", self._go(self._group()))

    def _group(self) -> list[_Waiting]:
        """The next ones, as far as they do not meet. In their order: nobody overtakes."""
        group = [self._waiting.popleft()]
        written, known, size = set(group[0].writes), set(group[0].keys), group[0].size
        while self._waiting and len(group) < TOGETHER:
            one = self._waiting[0]
            size += one.size
            meet = one.writes & known or one.keys & written
            if meet or one.alone or group[0].alone or size > MOST_BYTES:
                break
            group.append(self._waiting.popleft())
            written |= one.writes
            known |= one.keys
        return group

    async def _go(self, group: list[_Waiting]) -> None:
        try:
            if len(group) == 1:
                await self._alone(group[0])
            else:
                await self._as_one(group)
        finally:
            for one in group:  # closed meanwhile
                one.tell(Unreachable("the connection to etcd is closed"))
            self._go_on()

    async def _alone(self, one: _Waiting) -> None:
        try:
            reply = await self._send(one.request)
        except EsiError as error:
            one.tell(error)
        else:
            one.tell((reply.succeeded, reply.header.revision))

    async def _as_one(self, group: list[_Waiting]) -> None:
        try:
            reply = await self._send(pb.TxnRequest(success=[pb.RequestOp(request_txn=one.request) for one in group]))
        except Unreachable as error:
            for one in group:
                one.tell(Unreachable(str(error), **error.details))
        except EsiError:  # one of them is refused, so nothing was done: each hears for itself
            for one in group:
                await self._alone(one)
        else:
            for one, answer in zip(group, reply.responses, strict=True):
                one.tell((answer.response_txn.succeeded, reply.header.revision))

    async def close(self) -> None:
        """What waits, and what went together with others, ends as Unreachable."""
        await self._tasks.close()
        while self._waiting:
            self._waiting.popleft().tell(Unreachable("the connection to etcd is closed"))
