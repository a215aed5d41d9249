"""Calls that come while others are under way go together, as one, when one of those has ended.

A call to somebody else costs both sides more than what is done for it. So few are under way at a time; what comes
meanwhile waits for one of them to end and then goes in a group. Whoever comes alone waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from esi.errors import EsiError, Unreachable
from esi.tasks import Tasks

UNDER_WAY = 2
TOGETHER = 32

Q = TypeVar("Q")
A = TypeVar("A")
Call = TypeVar("Call", contravariant=True)
Answer = TypeVar("Answer", covariant=True)


class Way(Protocol[Call, Answer]):
    """How one kind of call goes. Both raise what the other side says of it."""

    async def alone(self, one: Call, /) -> Answer: ...

    async def as_one(self, group: Sequence[Call], /) -> Sequence[Answer]:
        """The answers in the order of the calls. An error but Unreachable: nothing was done for any of them."""
        ...

    def room(self) -> Callable[[Call], bool]:
        """Asked of each call in turn whether it fits into one group."""
        ...


class Together(Generic[Q, A]):
    """Sends calls of one kind: at most UNDER_WAY at a time, at most TOGETHER in a group."""

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
                _fail(answer, Unreachable("the connection is closed"))
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
            _fail(self._waiting.popleft()[1], Unreachable("the connection is closed"))


def _tell(answer: asyncio.Future[A], found: A) -> None:
    if not answer.done():  # else who waited has gone
        answer.set_result(found)


def _fail(answer: asyncio.Future[A], error: EsiError) -> None:
    if not answer.done():
        answer.set_exception(error)
