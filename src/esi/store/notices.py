"""Hints over PostgreSQL: NOTIFY to whoever listens on a channel, in whichever process, on whichever machine.

They are sent after the commit that they tell of, not within it: commits that notify wait for each other in PostgreSQL.
The first one goes at once, what comes in the moment after it goes together: each send is a commit, too. Who sends does
not hear himself. As with datagrams, a hint may be lost, doubled or late. One connection of its own, made anew when it
has broken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from esi.clock import Clock
from esi.tasks import Tasks

FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
MOST_WAITING = 100
AGAIN_SECONDS = 1.0
TOGETHER_SECONDS = 0.01
MISSED = b""
"""Heard once by whoever begins to listen, and after each break: look for yourself, something may have been said."""

SEND = "SELECT pg_notify(c, w) FROM unnest($1::text[], $2::text[]) AS hint(c, w)"


class Notices:
    """All channels of one process. `connect` makes a connection."""

    def __init__(self, connect: Callable[[], Awaitable[Any]], clock: Clock) -> None:
        self._connect = connect
        self._clock = clock
        self._tasks = Tasks("notices")
        self._turn = asyncio.Event()
        self._waiting: list[tuple[str, str]] = []
        self._heard: dict[str, Callable[[bytes], None]] = {}
        self._new: list[str] = []

    def channel(self, name: str) -> Channel:
        return Channel(self, name)

    def send(self, name: str, words: bytes) -> bool:
        """False: too many wait, this one is dropped."""
        hint = (name, words.decode())
        if hint in self._waiting:
            return True
        if len(self._waiting) >= MOST_WAITING:
            return False
        self._waiting.append(hint)
        self._run()
        return True

    def listen(self, name: str, heard: Callable[[bytes], None]) -> None:
        if name not in self._heard:
            self._new.append(name)
            self._run()
        self._heard[name] = heard

    def _run(self) -> None:
        self._turn.set()
        if not len(self._tasks):
            self._tasks.start("connection", self._work())

    async def _work(self) -> None:
        while True:
            try:
                await self._connected()
            except FAULTS:
                await self._clock.sleep(AGAIN_SECONDS)

    async def _connected(self) -> None:
        """Until the connection breaks."""
        connection = await self._connect()
        connection.add_termination_listener(lambda _connection: self._turn.set())
        self._new = list(self._heard)
        try:
            while not connection.is_closed():
                self._turn.clear()
                while self._new:
                    await connection.add_listener(self._new[-1], self._hear)
                    self._heard[self._new.pop()](MISSED)
                if self._waiting:
                    names, words = zip(*self._waiting, strict=True)
                    self._waiting = []
                    await connection.execute(SEND, names, words)
                    await self._clock.sleep(TOGETHER_SECONDS)
                else:
                    await self._turn.wait()
        finally:
            connection.terminate()

    def _hear(self, connection: Any, pid: int, name: str, words: str) -> None:
        if pid != connection.get_server_pid():
            self._heard[name](words.encode())

    async def close(self) -> None:
        """Neither send nor listen any more."""
        await self._tasks.close()


class Channel:
    """One channel, as `esi.store.wake.Hints`."""

    def __init__(self, notices: Notices, name: str) -> None:
        self._notices = notices
        self._name = name

    def send(self, words: bytes) -> bool:
        return self._notices.send(self._name, words)

    def listen(self, heard: Callable[[bytes], None]) -> None:
        self._notices.listen(self._name, heard)

    def close(self) -> None:
        """The connection is closed with the store."""
