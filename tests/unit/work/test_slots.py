"""Slots: who rests has none, who goes on has one again, who is taken away leaves none behind."""

from __future__ import annotations

import asyncio

from esi.tasks import Tasks
from esi.testing.loop import run
from esi.work.slots import Slot


def test_who_rests_leaves_the_slot_to_others_and_takes_one_again() -> None:
    async def story() -> list[str]:
        slots, told, news = asyncio.Semaphore(1), list[str](), asyncio.Event()

        async def waiting() -> None:
            async with Slot(slots) as slot:
                told.append("waits")
                async with slot.rest():
                    await news.wait()
                told.append("goes on")

        async def working() -> None:
            async with Slot(slots):
                told.append("works")
                news.set()
                await asyncio.sleep(1)
                told.append("has worked")

        async with Tasks("jobs") as tasks:
            first, second = tasks.start("waiting", waiting()), tasks.start("working", working())
            await asyncio.gather(first, second)
        assert not slots.locked()
        return told

    assert run(story()) == ["waits", "works", "has worked", "goes on"]


def test_two_that_rest_side_by_side_give_one_slot_back() -> None:
    async def story() -> None:
        slots = asyncio.Semaphore(1)
        async with Slot(slots) as slot:
            async with slot.rest():
                async with slot.rest():
                    assert not slots.locked()
                assert not slots.locked()
            assert slots.locked()
        assert not slots.locked()

    run(story())


def test_a_job_that_is_taken_away_while_it_rests_waits_for_no_slot() -> None:
    async def story() -> None:
        slots = asyncio.Semaphore(1)

        async def waiting() -> None:
            async with Slot(slots) as slot, slot.rest():
                await asyncio.Event().wait()

        async with Tasks("jobs") as tasks:
            job = tasks.start("waiting", waiting())
            await asyncio.sleep(1)
            async with Slot(slots):
                job.cancel()
                await asyncio.wait([job])
                assert slots.locked()
        assert not slots.locked()

    run(story())
