"""The whole ring with two workers, of which one is killed or paused for 30 s at a point between stacks and routers.

One life of a service is played as in test_crashes; jobs and intents fall to either worker, and cross between them. In
the end everything is as in the undisturbed run: the routers' configurations byte for byte, the number of commits in
their logs, nothing left in etcd.
"""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from esi.bootstrap.services import load_services
from esi.errors import Unreachable
from esi.model import keys
from esi.testing import invariants
from esi.testing.loop import run
from esi.testing.process import Plan
from esi.testing.ring import World
from simulation.steps import Undisturbed, alike, life, prepare, running

SEEDS = 20
PAUSE_SECONDS = 30.0
WORKERS = ("worker", "second")

FIRST_CROSSING = "kv.commit esi-worker/intents before"

POINTS = {
    "device taken": "kv.commit esi-worker/devices after",
    "session written down": "kv.commit esi-worker/sessions after",
    "locked": "device.lock after",
    "loaded": "device.load after",
    "before the commit": "device.commit before",
    "committed, nobody told": "device.commit after",
    "before the unlock": "device.unlock before",
    "before an intent or an answer is put": FIRST_CROSSING,
    "intent or answer put": "kv.commit esi-worker/intents after",
    "stack record written": "kv.commit esi-worker/stacks after",
}


pytestmark = pytest.mark.usefixtures("quick")


class Fault:
    """Strikes whichever worker comes to a chosen occurrence of a point."""

    def __init__(self, world: World, point: str, rng: Random) -> None:
        self._world = world
        self._point = point
        self._kills = rng.random() < 0.4
        self._when = rng.randint(1, 3) if point.startswith("device") else 1
        self._seen = 0
        self.struck = False
        world.plans = {name: self._plan(name) for name in WORKERS}

    def _plan(self, worker: str) -> Plan:
        return lambda point: self._strikes(worker, point)

    def _strikes(self, worker: str, point: str) -> bool:
        self._seen += point == self._point
        if self.struck or self._seen != self._when:
            return False
        self.struck = True
        if not self._kills:
            process = self._world.processes[worker]
            process.pause()
            asyncio.get_running_loop().call_later(PAUSE_SECONDS, process.resume)
        return self._kills


async def disturbed(world: World, known: Undisturbed, point: str, seed: int) -> tuple[bool, int]:
    """One life; whether the fault struck, and how many intents crossed from worker to worker."""
    rng = Random(seed)
    world.restore(known.start)
    world.delay = lambda: rng.random() * 0.02
    fault = Fault(world, point, rng)
    crossed: set[str] = set()
    world.kv.on_commit = lambda events: crossed.update(
        one.key for one in events if one.key.startswith(keys.INTENTS) and "/done/" not in one.key
    )

    async def scenario() -> None:
        world.begin("second", world.worker)
        standing = await life(world)
        assert alike(standing, known.between), "the service stood otherwise on the routers"
        await world.until(lambda: nothing_crosses(world))

    await world.run(scenario())
    assert alike(running(world), known.before), "the routers are not as they were"
    assert dict(invariants.commits(world)) == known.commits, "something was committed twice, or not at all"
    return fault.struck, len(crossed)


async def nothing_crosses(world: World) -> bool:
    return not (await world.kv.list(keys.INTENTS)).entries


async def play(point: str) -> tuple[int, int]:
    world = World(load_services("2018"))
    known = await prepare(world)
    strikes = crossed = 0
    for seed in range(SEEDS):
        try:
            struck, intents = await disturbed(world, known, point, seed)
        except (AssertionError, TimeoutError, Unreachable) as error:
            raise AssertionError(f"seed {seed}: {error or type(error).__name__}") from error
        strikes, crossed = strikes + struck, crossed + intents
    return strikes, crossed


@pytest.mark.parametrize("name", POINTS)
def test_struck_at(name: str) -> None:
    strikes, crossed = run(play(POINTS[name]))
    assert strikes >= SEEDS // 2, "the point is hardly ever reached: the test proves nothing"
    least = SEEDS // 3 if POINTS[name] != FIRST_CROSSING else 0  # whoever is struck there crosses no more
    assert crossed >= least, f"the workers hardly ever need each other ({crossed}): the test proves nothing"
