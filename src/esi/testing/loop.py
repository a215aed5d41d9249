"""A hand-turned event loop: time passes only when nothing else can happen, and then it jumps to the next timer.

Every `asyncio.timeout`, `call_later` and `Clock.sleep` becomes exact and instant; an hour of back-off takes a
millisecond. A loop that has nothing to do and no timer is a deadlock: it raises instead of hanging.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


class _NoWait(selectors.SelectSelector):
    """A selector that never waits: what the loop would wait is added to its time instead. Files are looked at when
    nothing else is to be done, and there are any beside the loop's own.
    """

    def __init__(self, jump: Callable[[float | None], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return []
        ready = super().select(0) if timeout is None or len(self.get_map()) > 1 else []
        if not ready:
            self._jump(timeout)
        return ready


class HandTurnedLoop(asyncio.SelectorEventLoop):
    """A loop whose time is a number. `limit` seconds of loop time is the most that a run may take."""

    def __init__(self, limit: float = 1e7) -> None:
        self._now = 0.0
        self._limit = limit
        super().__init__(_NoWait(self._jump))

    def time(self) -> float:
        return self._now

    def call_soon(  # type: ignore[override]  # its arguments are checked by whoever calls it
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """As asyncio's own, without its debugging; so is the next. A simulation is mostly these two."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    def _run_once(self) -> None:
        ready, timers = self._ready, self._scheduled  # type: ignore[attr-defined]
        if not ready or (timers and timers[0]._when <= self._now):
            super()._run_once()  # type: ignore[misc]
            return
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _jump(self, timeout: float | None) -> None:
        if timeout is None:
            raise RuntimeError("nothing to do and no timer: the program waits for ever")
        self._now += timeout
        if self._now > self._limit:
            raise RuntimeError(f"more than {self._limit} s of loop time have passed")


def run(work: Coroutine[Any, Any, T], *, limit: float = 1e7) -> T:
    """Run a coroutine to its end on a hand-turned loop of its own."""
    loop = HandTurnedLoop(limit)
    problems: list[str] = []

    def note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        problems.append(f"{context.get('message')}: {context.get('exception')!r}")

    loop.set_exception_handler(note)
    try:
        asyncio.set_event_loop(loop)
        result = loop.run_until_complete(work)
        if problems:
            raise RuntimeError("; ".join(problems))
        return result
    finally:
        _cancel_rest(loop)
        asyncio.set_event_loop(None)
        loop.close()


def _cancel_rest(loop: asyncio.AbstractEventLoop) -> None:
    rest = asyncio.all_tasks(loop)
    for task in rest:
        task.cancel()
    if rest:
        loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
