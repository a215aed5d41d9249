"""Waking the sync writer: an event inside one process, a datagram between processes that share one database file.

The datagram is a hint and nothing else: it may be lost, doubled or late, because who waits looks again by itself
after a while. So a socket file that a killed process left behind is simply replaced by the next one that waits.
"""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

LONGEST_PATH = 100
"""Bytes of a path that a UNIX socket can be bound to, with some to spare."""


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


class FileWake(ProcessWake):
    """Wakes the waiter of whichever process listens on the socket at `path`, besides one of its own loop."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._usable = len(str(path).encode()) <= LONGEST_PATH
        self._out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._out.setblocking(False)
        self._in: socket.socket | None = None

    def wake(self) -> None:
        super().wake()
        if self._in is None and self._usable:
            try:
                self._out.sendto(b"!", str(self._path))
            except OSError:
                return  # nobody listens, or has been told often enough

    async def wait(self, *, at_most: float) -> bool:
        if self._in is None and self._usable:
            self._listen()
        return await super().wait(at_most=at_most)

    def _listen(self) -> None:
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
        asyncio.get_running_loop().add_reader(listener, self._heard)

    def _heard(self) -> None:
        if self._in is not None:
            try:
                while self._in.recv(16):
                    pass
            except BlockingIOError:
                self._event.set()

    def close(self) -> None:
        """Stop listening."""
        self._out.close()
        if self._in is not None:
            asyncio.get_running_loop().remove_reader(self._in)
            self._in.close()
            self._in = None
            self._path.unlink(missing_ok=True)
