"""The loop thread of an engine process."""

from __future__ import annotations

import asyncio
import os
from threading import get_ident

import pytest

from esi.errors import Busy, TimedOut
from esi.heat_engine.thread import LoopThread


def test_all_work_is_done_on_one_thread_with_hands_that_are_opened_once() -> None:
    opened: list[int] = []

    async def hands() -> str:
        opened.append(get_ident())
        return "hands"

    async def work(given: str) -> tuple[str, int]:
        return given, get_ident()

    thread = LoopThread(hands)
    assert [thread.run(work, seconds=10.0) for _ in range(2)] == [("hands", opened[0])] * 2
    assert opened != [get_ident()]


def test_what_it_raises_is_raised_here_and_patience_ends() -> None:
    cancelled: list[bool] = []

    async def hands() -> None:
        return None

    async def refuses(_: None) -> None:
        raise Busy("busy")

    async def waits(_: None) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def asks(_: None) -> list[bool]:
        return cancelled

    thread = LoopThread(hands)
    with pytest.raises(Busy):
        thread.run(refuses, seconds=10.0)
    with pytest.raises(TimedOut):
        thread.run(waits, seconds=0.01)
    assert thread.run(asks, seconds=10.0) == [True]


def test_after_a_fork_it_begins_anew() -> None:
    async def hands() -> int:
        return os.getpid()

    async def work(given: int) -> int:
        return given

    thread = LoopThread(hands)
    assert thread.run(work, seconds=10.0) == os.getpid()
    thread._process = 0  # as a child sees it
    assert thread.run(work, seconds=10.0) == os.getpid()
