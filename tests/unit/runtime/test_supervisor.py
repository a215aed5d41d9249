"""Rooms are started, restarted and ended in order."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from esi.clock import LoopClock
from esi.errors import ConfigError, Unreachable
from esi.runtime import Pace, Supervisor
from esi.tasks import Tasks
from esi.testing.loop import run


class Plain:
    """A room that writes down its life; fails after `lives[n]` seconds in its n-th life, the last is for ever."""

    def __init__(self, name: str, log: list[str], lives: tuple[float, ...] = ()) -> None:
        self.name = name
        self.log = log
        self.lives = list(lives)
        self.starts: list[float] = []

    async def run(self) -> None:
        self.log.append(f"{self.name} starts")
        self.starts.append(asyncio.get_running_loop().time())
        try:
            if self.lives:
                await asyncio.sleep(self.lives.pop(0))
                raise Unreachable(f"{self.name} broke")
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # closing takes its time
            self.log.append(f"{self.name} ends")


def test_started_in_order_and_ended_in_reverse() -> None:
    async def work() -> None:
        log: list[str] = []
        supervisor = Supervisor([Plain(name, log) for name in "abc"], clock=LoopClock(), rng=Random(1))
        async with Tasks("t") as tasks:
            tasks.start("rooms", supervisor.run())
            await asyncio.sleep(1)
            assert {name: health["state"] for name, health in supervisor.health().items()} == dict.fromkeys(
                "abc", "running"
            )
        assert log == ["a starts", "b starts", "c starts", "c ends", "b ends", "a ends"]
        assert {health["state"] for health in supervisor.health().values()} == {"ended"}

    run(work())


def test_failing_room_comes_back_later_each_time_and_others_go_on() -> None:
    async def work() -> None:
        log: list[str] = []
        bad, good = Plain("bad", log, (1.0, 1.0, 1.0, 100.0, 1.0)), Plain("good", log)
        supervisor = Supervisor([bad, good], clock=LoopClock(), rng=Random(1), pace=Pace(first=8.0, longest=1000.0))
        async with Tasks("t") as tasks:
            tasks.start("rooms", supervisor.run())
            await asyncio.sleep(1.5)
            health = supervisor.health()["bad"]
            assert (health["state"], health["error"]) == ("failed", "Unreachable: bad broke")
            await asyncio.sleep(1000)
            health = supervisor.health()["bad"]
            assert (health["state"], health["restarts"]) == ("running", 5)
            assert supervisor.health()["good"]["restarts"] == 0
        lives = (1.0, 1.0, 1.0, 100.0, 1.0)
        pauses = [b - a - life for a, b, life in zip(bad.starts, bad.starts[1:], lives, strict=False)]
        for pause, whole in zip(pauses, (8, 16, 32, 8, 16), strict=True):
            assert whole / 2 <= pause <= whole

    run(work())


def test_room_that_ends_by_itself_is_started_again() -> None:
    class Short:
        name = "short"

        async def run(self) -> None:
            return None

    async def work() -> None:
        supervisor = Supervisor([Short()], clock=LoopClock(), rng=Random(1))
        async with Tasks("t") as tasks:
            tasks.start("rooms", supervisor.run())
            await asyncio.sleep(10)
        assert supervisor.health()["short"]["error"] == "ended by itself"
        assert supervisor.health()["short"]["restarts"] >= 2

    run(work())


def test_two_rooms_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two rooms are called a"):
        Supervisor([Plain("a", []), Plain("a", [])], clock=LoopClock(), rng=Random(1))
