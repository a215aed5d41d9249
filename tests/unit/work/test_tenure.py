"""Work under a lease: it is stopped when the lease is lost, and only then."""

from __future__ import annotations

import asyncio

import pytest

from esi.errors import LeaseLost
from esi.tasks import Tasks
from esi.work.tenure import Tenures


async def test_all_who_work_under_a_right_are_stopped_when_it_is_lost_and_nobody_else() -> None:
    mine, others = asyncio.Event(), asyncio.Event()
    async with Tasks("test", on_error=lambda name, error: None) as tasks:
        tenures = Tenures(tasks)

        async def work(lost: asyncio.Event) -> str:
            async with tenures.under(lost, "job"):
                await asyncio.sleep(0.05)
                return "done"

        found = [tasks.start(str(number), work(mine if number < 3 else others)) for number in range(5)]
        await asyncio.sleep(0)
        mine.set()
        ended = await asyncio.gather(*found, return_exceptions=True)
    assert [type(one) for one in ended] == [LeaseLost] * 3 + [str] * 2
    assert str(ended[0]) == "the claim on job has ended"


async def test_a_right_that_is_lost_already_lets_nothing_go_on() -> None:
    lost = asyncio.Event()
    lost.set()
    async with Tasks("test") as tasks:
        with pytest.raises(LeaseLost):
            async with Tenures(tasks).under(lost, "job"):
                await asyncio.sleep(1)


async def test_whoever_is_cancelled_from_outside_is_cancelled_even_when_the_right_goes_in_the_same_moment() -> None:
    lost = asyncio.Event()
    async with Tasks("test") as tasks:
        tenures = Tenures(tasks)

        async def work() -> None:
            async with tenures.under(lost, "job"):
                await asyncio.sleep(1)

        first, second = tasks.start("first", work()), tasks.start("second", work())
        await asyncio.sleep(0)
        first.cancel()
        lost.set()
        await asyncio.sleep(0)
        second.cancel()
        ended = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(one) for one in ended] == [asyncio.CancelledError, asyncio.CancelledError]
