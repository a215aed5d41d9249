"""The ring is killed wherever it touches the world, two hundred times each, and ends as if nothing had been.

One life of a service is played: gateway, interface, both deleted. A process dies at a chosen occurrence of a point, up
to three times, and is started again; half of the seeds also delay every second step a little, so that steps meet in
other orders. What must hold in the end is what held in the undisturbed run: the routers' configurations word for word,
the number of commits in their logs (nothing twice), statuses, versions, nothing left over.

A life has four steps, and what stands before and after each of the undisturbed one is kept: a play begins with the step
in which the first death comes, since until then it would only be the undisturbed one again. One in four goes on to the
end of the life, the others end with the step of their last death.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cache
from random import Random

import pytest

from esi.bootstrap.services import Services, load_services
from esi.errors import Unreachable
from esi.testing import invariants
from esi.testing.loop import run
from esi.testing.ring import World
from simulation.steps import STEPS, Undisturbed, alike, life, look, prepare, settled

SEEDS = 200
LOST = 10

ENDED = "esi-worker/stacks,esi-worker/heat_stacks,esi-worker/job_state,state/v2.0,jobs/finished,jobs/working"
CONSUMED = "esi-worker/job_state,jobs/all,jobs/finished"
POINTS = {
    "outbox read, nothing sent": ("control", "store.outbox_batch"),
    "before config is put": ("control", "kv.commit config/v2.0 before"),
    "config put, row still in the outbox": ("control", "kv.commit config/v2.0 after"),
    "outbox row forgotten": ("control", "store.outbox_done after"),
    "before state is applied": ("control", "store.transaction before"),
    "state applied": ("control", "store.transaction after"),
    "config removed, row still in the outbox": ("control", "kv.commit config/v2.0,state/v2.0,monitoring/v2.0 after"),
    "config seen, nothing planned": ("worker", "kv.watch /config/"),
    "before a plan is written": ("worker", "kv.commit esi-worker/config,jobs/all,jobs/ready before"),
    "plan written": ("worker", "kv.commit esi-worker/config,jobs/all,jobs/ready after"),
    "before a claim": ("worker", "kv.commit jobs/working,jobs/ready,esi-worker/job_state before"),
    "claimed": ("worker", "kv.commit jobs/working,jobs/ready,esi-worker/job_state after"),
    "before a stack record": ("worker", "kv.commit esi-worker/stacks before"),
    "stack record written": ("worker", "kv.commit esi-worker/stacks after"),
    "before the device's key": ("worker", "kv.commit esi-worker/devices before"),
    "session open": ("worker", "device.open after"),
    "locked": ("worker", "device.lock after"),
    "loaded": ("worker", "device.load after"),
    "before the commit": ("worker", "device.commit before"),
    "committed, nobody told": ("worker", "device.commit after"),
    "before the unlock": ("worker", "device.unlock before"),
    "before the result": ("worker", f"kv.commit {ENDED} before"),
    "result written, master not told": ("worker", f"kv.commit {ENDED} after"),
    "before the master consumes": ("worker", f"kv.commit {CONSUMED} before"),
    "master has consumed": ("worker", f"kv.commit {CONSUMED} after"),
    "the next job is ready": ("worker", f"kv.commit {CONSUMED},jobs/ready,jobs/waiting after"),
}


pytestmark = pytest.mark.usefixtures("quick")


def is_at(name: str, point: str) -> bool:
    """Whether a process is there. A plan for several resources in one commit is a plan, too."""
    if name == point:
        return True
    plan = "kv.commit esi-worker/config"
    return point.startswith(plan) and name.startswith(plan) and name.rsplit(" ", 1)[1] == point.rsplit(" ", 1)[1]


def dies_at(point: str, occurrences: Sequence[int], seen: int) -> Callable[[str], bool]:
    """A crash plan: die at these occurrences of a point, counted over all lives of the process; `seen` of them have
    been.
    """

    def plan(name: str) -> bool:
        nonlocal seen
        if not is_at(name, point):
            return False
        seen += 1
        return seen in occurrences

    return plan


def chosen(met: Sequence[int], rng: Random) -> tuple[list[int], int, int]:
    """Up to three occurrences of a point that is met so often in each step, and in which steps the first and the last
    come.
    """
    whole = sum(met)
    first, more = rng.randint(1, whole), rng.randint(0, 2)
    later = range(first + 1, max(whole, first + 2) + 1)
    found = sorted([first, *rng.sample(later, min(more, len(later)))])
    ends = [sum(met[: number + 1]) for number in range(len(met) - 1)]
    return found, bisect_left(ends, found[0]), bisect_left(ends, found[-1])


async def disturbed(
    world: World, known: Undisturbed, where: tuple[str, str], seed: int, *, lossy: bool = False, whole: bool = True
) -> int:
    """One run with crashes, or with lost answers, to the end of the `whole` life or of the step in which the last one
    comes; how many there were.
    """
    rng = Random(seed)
    process, point = where
    met = [sum(is_at(name, point) for name in step.points[process]) for step in known.steps]
    occurrences, first, last = chosen(met, rng)
    last = len(STEPS) - 1 if whole else last
    world.restore(known.steps[first].world)
    plan, told = dies_at(point, occurrences, sum(met[:first])), 0

    def happens(name: str) -> bool:
        nonlocal told
        now = plan(name)
        told += now
        return now

    world.plans, world.losses = ({}, {process: happens}) if lossy else ({process: happens}, {})
    world.delay = (lambda: rng.random() * 0.04 - 0.02) if seed % 2 else None
    backwards = invariants.Backwards()
    world.kv.on_commit = backwards.look

    async def scenario() -> None:
        standing = await life(world, first, last + 1)
        assert not standing or alike(standing, known.between), "the service stood otherwise on the routers"
        await world.until(lambda: settled(world))

    await world.run(scenario())
    now, then = await look(world), known.steps[last].after
    assert alike(now.routers, then.routers), "the routers are not as they were"
    assert now.commits == then.commits, "something was committed twice, or not at all"
    assert now[2:] == then[2:], f"something else stands: {set(now.keys) ^ set(then.keys)}, {now.words}"
    assert backwards.faults == []
    return told


@cache
def services(flow: str) -> Services:
    return load_services(flow)


@cache
def undisturbed(flow: str) -> Undisturbed:
    async def once() -> Undisturbed:
        return await prepare(World(services(flow)))

    return run(once())


async def play(flow: str, where: tuple[str, str], known: Undisturbed, *, seeds: range, lossy: bool = False) -> int:
    """Many seeds on one world; how often the fault came."""
    world = World(services(flow))
    faults = 0
    for seed in seeds:
        try:
            faults += await disturbed(world, known, where, seed, lossy=lossy, whole=seed % 4 == 0)
        except (AssertionError, TimeoutError, Unreachable) as error:
            raise AssertionError(f"seed {seed}: {error or type(error).__name__}") from error
    return faults


@pytest.mark.parametrize("flow", ["2017", "2018"])
@pytest.mark.parametrize("name", POINTS)
def test_killed_at(name: str, flow: str) -> None:
    deaths = run(play(flow, POINTS[name], undisturbed(flow), seeds=range(SEEDS // 2)))
    assert deaths >= SEEDS // 2, "fewer deaths than lives: the test proves less than it says"


@pytest.mark.parametrize("name", [name for name, (_, point) in POINTS.items() if point.endswith(" after")])
def test_the_answer_is_lost_at(name: str) -> None:
    """What was asked has happened, and whoever asked is not told."""
    losses = run(play("2018", POINTS[name], undisturbed("2018"), seeds=range(LOST), lossy=True))
    assert losses >= LOST // 2, "the point is hardly ever reached: the test proves nothing"
