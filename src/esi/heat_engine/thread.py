"""One event loop in a thread of its own, for all resources of one engine process.

It starts when the first resource needs it, which is after heat-engine has forked its workers: a loop does not survive
a fork, nor do connections.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import TimeoutError as FutureTimeout
from threading import Lock, Thread
from typing import Any, Generic, TypeVar

from esi.errors import TimedOut

T = TypeVar("T")
H = TypeVar("H")


class LoopThread(Generic[H]):
    """`open` makes what the coroutines work with, once per process, on the loop."""

    def __init__(self, open: Callable[[], Coroutine[Any, Any, H]]) -> None:
        self._open = open
        self._lock = Lock()
        self._process = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hands: H | None = None

    def run(self, work: Callable[[H], Coroutine[Any, Any, T]], *, seconds: float) -> T:
        """Do `work` on the loop and wait for it. TimedOut after `seconds`: then it has been cancelled."""
        loop, hands = self._started()
        future = asyncio.run_coroutine_threadsafe(work(hands), loop)
        try:
            return future.result(seconds)
        except FutureTimeout:
            if future.done():
                raise
            future.cancel()
            raise TimedOut("timed out") from None

    def _started(self) -> tuple[asyncio.AbstractEventLoop, H]:
        with self._lock:
            if self._process != os.getpid():
                self._loop, self._process, self._hands = asyncio.new_event_loop(), os.getpid(), None
                Thread(target=self._loop.run_forever, name="esi", daemon=True).start()
            assert self._loop is not None
            if self._hands is None:
                self._hands = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
            return self._loop, self._hands
