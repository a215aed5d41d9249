"""The ring is killed wherever it touches the world, two hundred times each, and ends as if nothing had been.

One life of a service is played: gateway, interface, both deleted. A process dies at a chosen occurrence of a point, up
to three times, and is started again; half of the seeds also delay every second step a little, so that steps meet in
other orders. What must hold in the end is what held in the undisturbed run: the routers' configurations word for word,
the number of commits in their logs (nothing twice), statuses, versions, nothing left over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

import pytest

from esi.bootstrap.services import load_services
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
class Undisturbed:
    """The world after its prerequisites, and what an undisturbed life leaves."""

    start: Snapshot
    before: Mapping[str, Tree]
    between: Mapping[str, Tree]
    commits: Mapping[str, int]


async def life(world: World) -> Mapping[str, Tree]:
    """One life of a service; the routers' configurations when it stood."""
    gateway, interface = chain.gateway(), chain.interface()
    await world.ask(gateway)
    await world.until_status(gateway, "ACTIVE")
    await world.ask(interface)
    await world.until_status(interface, "ACTIVE")
    await world.until_status(gateway, "ACTIVE")
    faults = await invariants.etcd_holds_what_is_wanted(
        world, [Ref(wish.schema, wish.id) for wish in (gateway, interface)]
    )
    assert faults == []
    standing = running(world)
    await world.delete(interface)
    await world.until_gone(interface)
    await world.until_status(gateway, "ACTIVE")
    await world.delete(gateway)
    await world.until_gone(gateway)
    await world.until(lambda: quiet(world))
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

    await world.run(prerequisites())
    start = world.snapshot()
    before = running(world)
    between: dict[str, Tree] = {}

    async def once() -> None:
        between.update(await life(world))

    await world.run(once())
    return Undisturbed(start, before, between, invariants.commits(world))


async def settled(world: World) -> bool:
    return not await invariants.nothing_is_under_way(world)


def dies_at(point: str, occurrences: list[int]) -> Callable[[str], bool]:
    """A crash plan: die at these occurrences of a point, counted over all lives of the process."""
    seen = 0

    def plan(name: str) -> bool:
        nonlocal seen
        if name != point and not (point.startswith("kv.commit esi-worker/config") and _alike(name, point)):
            return False
        seen += 1
        return seen in occurrences

    return plan


def _alike(name: str, point: str) -> bool:
    """A plan for several resources in one commit is a plan, too."""
    return name.startswith("kv.commit esi-worker/config") and name.rsplit(" ", 1)[1] == point.rsplit(" ", 1)[1]


async def disturbed(world: World, known: Undisturbed, where: tuple[str, str], seed: int, *, lossy: bool = False) -> int:
    """One run with crashes, or with lost answers; how many there were."""
    rng = Random(seed)
    world.restore(known.start)
    process, point = where
    occurrences = sorted(rng.sample(range(1, 9), rng.randint(1, 3)))
    plan, told = dies_at(point, occurrences), 0

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
        standing = await life(world)
        assert alike(standing, known.between), "the service stood otherwise on the routers"

    await world.run(scenario())
    assert alike(running(world), known.before), "the routers are not as they were"
    assert invariants.commits(world) == known.commits, "something was committed twice, or not at all"
    assert backwards.faults == []
    return told


async def play(flow: str, where: tuple[str, str], *, seeds: range, lossy: bool = False) -> int:
    """Many seeds on one world; how often the fault came."""
    world = World(load_services(flow))
    known = await prepare(world)
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
    deaths = run(play(flow, POINTS[name], seeds=range(SEEDS // 2)))
    assert deaths >= SEEDS // 4, "the point is hardly ever reached: the test proves nothing"


@pytest.mark.parametrize("name", [name for name, (_, point) in POINTS.items() if point.endswith(" after")])
def test_the_answer_is_lost_at(name: str) -> None:
    """What was asked has happened, and whoever asked is not told."""
    losses = run(play("2018", POINTS[name], seeds=range(LOST), lossy=True))
    assert losses >= LOST // 2, "the point is hardly ever reached: the test proves nothing"
