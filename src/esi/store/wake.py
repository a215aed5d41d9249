"""Waking the sync writer: an event inside one process, a hint between processes that share one database: a datagram
beside the file of SQLite, a notice of PostgreSQL (esi.store.notices).

A datagram is a hint and nothing else: it may be lost, doubled or late, because who waits looks again by itself
after a while. So a socket file that a killed process left behind is simply replaced by the next one that waits.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

LONGEST_PATH = 100
"""Bytes of a path that a UNIX socket can be bound to, with some to spare."""

MOST_BYTES = 7_900
"""Of one hint; a notice has less than 8,000."""


class Hints(Protocol):
    """A way between the processes of one database."""

    def send(self, words: bytes) -> bool:
        """Whether they may arrive: False when somebody is behind, or too many wait."""
        ...

    def listen(self, heard: Callable[[bytes], None]) -> None:
        """Have `heard` called with what others send, until closed."""
        ...

    def close(self) -> None: ...


class Datagrams:
    """Hints to whichever process listens on the socket at `path`. A path that is too long is nobody's."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._usable = len(str(path).encode()) <= LONGEST_PATH
        self._out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._out.setblocking(False)
        self._in: socket.socket | None = None
        self._heard: Callable[[bytes], None] = lambda words: None

    def send(self, words: bytes) -> bool:
        """Whether they may arrive: True also when nobody listens, False when somebody does and is behind."""
        if self._in is None and self._usable:
            try:
                self._out.sendto(words, str(self._path))
            except BlockingIOError:
                return False
            except OSError:
                return True
        return True

    def listen(self, heard: Callable[[bytes], None]) -> None:
        """Have `heard` called with what others send, until closed. What is sent from here goes nowhere meanwhile."""
        self._heard = heard
        if self._in is not None or not self._usable:
            return
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.setblocking(False)
        try:
            self._path.unlink(missing_ok=True)
            listener.bind(str(self._path))
        except OSError:
            listener.close()
            self._usable = False
            return
        self._in = listener
        asyncio.get_running_loop().add_reader(listener, self._read)

    def _read(self) -> None:
        while self._in is not None:
            try:
                words = self._in.recv(MOST_BYTES)
            except BlockingIOError:
                return
            self._heard(words)

    def close(self) -> None:
        """Neither send nor listen any more."""
        self._out.close()
        if self._in is not None:
            asyncio.get_running_loop().remove_reader(self._in)
            self._in.close()
            self._in = None
            self._path.unlink(missing_ok=True)


class ProcessWake:
    """Wakes a waiter of the same event loop."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        self._event.set()

    async def wait(self, *, at_most: float) -> bool:
        try:
            async with asyncio.timeout(at_most):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True

    def close(self) -> None:
        """Nothing is held."""


class HintedWake(ProcessWake):
    """Wakes the waiter of whichever process listens to `hints`, besides one of its own loop."""

    def __init__(self, hints: Hints) -> None:
        super().__init__()
        self._hints = hints

    def wake(self) -> None:
        super().wake()
        self._hints.send(b"!")  # one that is lost because the other is behind: it has been told often enough

    async def wait(self, *, at_most: float) -> bool:
        self._hints.listen(lambda words: self._event.set())
        return await super().wait(at_most=at_most)

    def close(self) -> None:
        self._hints.close()
