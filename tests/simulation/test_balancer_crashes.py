"""A process dies, or loses an answer, wherever it touches the world while a load balancer comes and goes.

The points are those of an undisturbed life: every write to etcd, every request to Nova, Glance, Contrail and the
appliance, before and after it has been done. In each life a process dies at up to three of them, or is not told; each
point has its turn. What must hold is what holds in the undisturbed life: one server, ever, with three ports in order,
each once in Contrail; an appliance that has saved it all; bills that begin together; and after the delete nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import cache
from random import Random

import pytest

from conftest import Report
from esi.errors import Unreachable
from esi.testing.loop import run
from simulation.balancers import Hall, ready, services
from simulation.kept import Kept, differences, keep, rest

AREAS = {
    "etcd, by the worker": ("worker", ("kv.commit",)),
    "etcd, by the master": ("master", ("kv.commit",)),
    "etcd and database, by the sync": ("control", ("kv.commit", "store.transaction", "store.outbox_done")),
    "Nova and Glance": ("worker", ("nova.", "glance.", "keystone.")),
    "Contrail": ("worker", ("cloud.",)),
    "the appliance": ("worker", ("nitro.",)),
}
SEEDS = 24
MOST = 3

pytestmark = pytest.mark.usefixtures("quick")

Happens = Callable[[str], bool]


async def life(hall: Hall, before: Kept) -> None:
    """Ordered, whole, deleted, nothing left."""
    empty = hall.held()
    await hall.order()
    assert await hall.end() == ("ACTIVE", "")
    await rest(hall)
    assert await hall.faults() == []
    await hall.cancel()
    assert await hall.end() == ("gone", "")
    await rest(hall)
    assert hall.held() == empty
    assert hall.servers.wire.asked["POST servers"] == 1, "a server was made twice"
    assert [row["ended"] is None for row in await hall.bills()] == [False, False]
    left = (await keep(hall)).without("billing_resource")
    assert not (found := differences(left, before)), found


@cache
def known() -> tuple[Kept, dict[str, Counter[str]]]:
    ready()
    return run(undisturbed())


async def undisturbed() -> tuple[Kept, dict[str, Counter[str]]]:
    """What stands before and after, and how often each process comes by each point."""
    hall, found = Hall(services(), since=ready()), list[Kept]()

    async def scenario() -> None:
        await rest(hall)
        before = (await keep(hall)).without("billing_resource")
        found.append(before)
        for process in hall.processes.values():
            process.points.clear()
        await life(hall, before)

    await hall.play(scenario)
    await hall.store.close()
    return found[0], {name: Counter(process.points) for name, process in hall.processes.items()}


def happens_at(where: dict[str, int]) -> Happens:
    """At this occurrence of each of these points, counted over all lives of a process."""
    seen: Counter[str] = Counter()

    def happens(point: str) -> bool:
        seen[point] += 1
        return where.get(point) == seen[point]

    return happens


async def disturbed(before: Kept, process: str, happens: Happens, rng: Random, *, lossy: bool) -> None:
    hall = Hall(services(), since=ready())
    hall.delay = lambda: rng.random() * 0.04
    if not lossy:
        hall.plans[process] = happens
    else:
        hall.losses[process] = happens

    async def scenario() -> None:
        await rest(hall)
        await life(hall, before)

    await hall.play(scenario)
    await hall.store.close()


@pytest.mark.parametrize("area", AREAS)
def test_whatever_is_cut_off_it_stands_once_and_goes_whole(area: str, report: Report) -> None:
    before, points = known()
    process, prefixes = AREAS[area]
    met = {point: count for point, count in points[process].items() if point.startswith(prefixes)}
    happened: Counter[str] = Counter()
    order = sorted(met)
    Random(0).shuffle(order)
    for seed in range(SEEDS):
        rng, lossy = Random(seed), seed % 3 == 2
        chosen = [order[(seed * MOST + number) % len(order)] for number in range(MOST)]
        where = {point: rng.randint(1, met[point]) for point in chosen}
        plan = happens_at(where)

        def told(point: str, plan: Happens = plan) -> bool:
            now = plan(point)
            if now:
                happened[point] += 1
            return now

        try:
            run(disturbed(before, process, told, rng, lossy=lossy))
        except (AssertionError, TimeoutError, Unreachable, asyncio.CancelledError) as error:
            raise AssertionError(f"seed {seed}, {where}, lossy {lossy}: {error or type(error).__name__}") from error
    assert sum(happened.values()) >= SEEDS, "the points are hardly ever reached: the test proves nothing"
    report(f"load balancer cut off at {area}: {sum(happened.values())} times at {len(happened)} of {len(met)} points")
