"""The life of a VPN interface in four steps: its gateway comes, it comes, it goes, the gateway goes.

What stands before and after each step of an undisturbed life is kept, so that a disturbed one can begin and end with
any of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from esi.errors import NotFound
from esi.model import keys
from esi.model.resource import Ref
from esi.render.junos.tree import Tree, equal
from esi.testing import chain, invariants
from esi.testing.ring import Snapshot, World
from simulation.kept import PASSING, without_row

BY_THEMSELVES = (*PASSING, keys.SYNC_LEADER, keys.ACCEPTED, keys.TAKEN)
"""Keys that come and go, or that say only how far somebody is."""


class Stand(NamedTuple):
    """What is the same each time after a step: routers, commits in their logs, keys in etcd, the words of statuses."""

    routers: Mapping[str, Tree]
    commits: Mapping[str, int]
    keys: Sequence[str]
    words: Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Step:
    """The undisturbed world before a step, what each process comes by in it, and what stands after it."""

    world: Snapshot
    points: Mapping[str, Sequence[str]]
    after: Stand


@dataclass(frozen=True)
class Undisturbed:
    """An undisturbed life after its prerequisites: the routers `before` it, and its steps."""

    before: Mapping[str, Tree]
    steps: Sequence[Step]

    @property
    def start(self) -> Snapshot:
        return self.steps[0].world

    @property
    def between(self) -> Mapping[str, Tree]:
        """The routers while the service stands."""
        return self.steps[STANDING - 1].after.routers

    @property
    def commits(self) -> Mapping[str, int]:
        """All of them, by router."""
        return self.steps[-1].after.commits


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


async def life(world: World, first: int = 0, end: int = len(STEPS)) -> Mapping[str, Tree]:
    """One life of a service, from step `first` to `end`; the routers' configurations when it stood (none: not seen)."""
    standing: Mapping[str, Tree] = {}
    for number, step in enumerate(STEPS[first:end], first):
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
    known = Undisturbed(running(world), steps := [])
    for step in STEPS:
        start = world.snapshot()
        world.restore(start)  # as a play will find it: without its history
        await world.run(one(step))
        points = {name: process.points for name, process in world.processes.items()}
        steps.append(Step(start, points, await look(world)))
    assert alike(running(world), known.before)
    assert not alike(known.before, known.between)
    return known


async def look(world: World) -> Stand:
    """What stands at rest."""
    listing = await world.kv.list("/")
    found = sorted(without_row(entry.key) for entry in listing.entries if not entry.key.startswith(BY_THEMSELVES))
    words: dict[str, Sequence[Any]] = {}
    for wish in (chain.gateway(), chain.interface()):
        with suppress(NotFound):
            shown = await world.show(wish)
            words[wish.schema] = [shown.get(name) for name in ("status", "orchestration_state", "operational_state")]
    return Stand(running(world), invariants.commits(world), found, words)


async def settled(world: World) -> bool:
    return not await invariants.nothing_is_under_way(world)
