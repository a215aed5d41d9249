"""The ring is killed wherever it touches the world, two hundred times each, and ends as if nothing had been.

One life of a service is played: gateway, interface, both deleted. A process dies at a chosen occurrence of a point, up
to three times, and is started again; half of the seeds also delay every second step a little, so that steps meet in
other orders. What must hold in the end is what held in the undisturbed run: the routers' configurations word for word,
the number of commits in their logs (nothing twice), statuses, versions, nothing left over.

A life has four steps, and the undisturbed one is kept before each: a play begins with the step in which the first death
comes, since until then it would only be the undisturbed one again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

import pytest

from esi.bootstrap.services import Services, load_services
from esi.errors import Unreachable
from esi.model.resource import Ref
from esi.render.junos.tree import Tree, equal
from esi.testing import chain, invariants
from esi.testing.loop import run
from esi.testing.ring import Snapshot, World

SEEDS = 200
LOST = 10

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
    "result not yet written": ("worker", "kv.commit esi-worker/heat_stacks,esi-worker/job_state before"),
    "result written": ("worker", "kv.commit esi-worker/heat_stacks,esi-worker/job_state after"),
    "before the finish": ("worker", "kv.commit state/v2.0,jobs/finished,jobs/working,esi-worker/job_state before"),
    "finished, master not told": (
        "worker",
        "kv.commit state/v2.0,jobs/finished,jobs/working,esi-worker/job_state after",
    ),
    "master has consumed": ("worker", "kv.commit jobs/all,jobs/finished after"),
}


pytestmark = pytest.mark.usefixtures("quick")


@dataclass(frozen=True)
class Start:
    """The undisturbed world before a step, and what each process comes by in that step."""

    world: Snapshot
    points: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Undisturbed:
    """An undisturbed life after its prerequisites, and what it leaves."""

    steps: Sequence[Start]
    before: Mapping[str, Tree]
    between: Mapping[str, Tree]
    commits: Mapping[str, int]

    @property
    def start(self) -> Snapshot:
        return self.steps[0].world


async def gateway_comes(world: World) -> None:
    await world.ask(chain.gateway())
    await world.until_status(chain.gateway(), "ACTIVE")


async def interface_comes(world: World) -> None:
    gateway, interface = chain.gateway(), chain.interface()
    await world.ask(interface)
    await world.until_status(interface, "ACTIVE")
    await world.until_status(gateway, "ACTIVE")
    faults = await invariants.etcd_holds_what_is_wanted(
        world, [Ref(wish.schema, wish.id) for wish in (gateway, interface)]
    )
    assert faults == []


async def interface_goes(world: World) -> None:
    await world.delete(chain.interface())
    await world.until_gone(chain.interface())
    await world.until_status(chain.gateway(), "ACTIVE")


async def gateway_goes(world: World) -> None:
    await world.delete(chain.gateway())
    await world.until_gone(chain.gateway())
    await world.until(lambda: quiet(world))


STEPS: Sequence[Callable[[World], Awaitable[None]]] = (gateway_comes, interface_comes, interface_goes, gateway_goes)
STANDING = 2
"""Before this step the service stands."""


async def life(world: World, first: int = 0) -> Mapping[str, Tree]:
    """One life of a service, from its step `first`; the routers' configurations when it stood (none: not seen)."""
    standing: Mapping[str, Tree] = {}
    for number, step in enumerate(STEPS[first:], first):
        if number == STANDING:
            standing = running(world)
        await step(world)
    return standing


def running(world: World) -> Mapping[str, Tree]:
    """The routers' configurations, which are compared by `alike` for next to nothing."""
    return {ip: router.running for ip, router in world.routers.items()}


def alike(ones: Mapping[str, Tree], others: Mapping[str, Tree]) -> bool:
    """Whether the routers say the same, word for word."""
    return ones.keys() == others.keys() and all(equal(ones[ip].root, others[ip].root) for ip in ones)


async def quiet(world: World) -> bool:
    left = await invariants.nothing_is_left_of(world, [chain.GATEWAY, chain.INTERFACE])
    return not left and not await invariants.nothing_is_under_way(world)


async def prepare(world: World) -> Undisturbed:
    async def prerequisites() -> None:
        for wish in chain.prerequisites():
            await world.ask(wish)
            await world.until_status(wish, "ACTIVE", None)  # type: ignore[arg-type]  # a service has no status
        await world.until(lambda: settled(world))

    async def one(step: Callable[[World], Awaitable[None]]) -> None:
        await step(world)
        await world.until(lambda: settled(world))

    await world.run(prerequisites())
    seen, starts = [running(world)], list[Start]()
    for step in STEPS:
        start = world.snapshot()
        world.restore(start)  # as a play will find it: without its history
        await world.run(one(step))
        starts.append(Start(start, {name: process.points for name, process in world.processes.items()}))
        seen.append(running(world))
    return Undisturbed(starts, seen[0], seen[STANDING], invariants.commits(world))


async def settled(world: World) -> bool:
    return not await invariants.nothing_is_under_way(world)


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


def chosen(met: Sequence[int], rng: Random) -> tuple[list[int], int]:
    """Up to three occurrences of a point that is met so often in each step, and the step in which the first comes."""
    whole = sum(met)
    first, more = rng.randint(1, whole), rng.randint(0, 2)
    later = range(first + 1, max(whole, first + 2) + 1)
    step = next(number for number in range(len(met)) if first <= sum(met[: number + 1]))
    return [first, *rng.sample(later, min(more, len(later)))], step


async def disturbed(world: World, known: Undisturbed, where: tuple[str, str], seed: int, *, lossy: bool = False) -> int:
    """One run with crashes, or with lost answers; how many there were."""
    rng = Random(seed)
    process, point = where
    met = [sum(is_at(name, point) for name in step.points[process]) for step in known.steps]
    occurrences, first = chosen(met, rng)
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
        standing = await life(world, first)
        assert first > STANDING or alike(standing, known.between), "the service stood otherwise on the routers"

    await world.run(scenario())
    assert alike(running(world), known.before), "the routers are not as they were"
    assert invariants.commits(world) == known.commits, "something was committed twice, or not at all"
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
    assert not alike(known.before, known.between)
    faults = 0
    for seed in seeds:
        try:
            faults += await disturbed(world, known, where, seed, lossy=lossy)
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
