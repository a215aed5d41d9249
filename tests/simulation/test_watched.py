"""The ring of 2017 with its monitoring worker is killed at every point of topics and mappings.

The life is that of test_crashes: gateway, interface, both deleted. In the end resource_mapping holds exactly the rows
of an undisturbed life, none doubled, none lost, all closed, one after the other; every message has gone out; nothing is
left in etcd but the topics.
"""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from esi.bootstrap.services import load_services
from esi.model import keys
from esi.model.codec import loads_object
from esi.model.resource import Body, Ref
from esi.testing import chain
from esi.testing.eyes import open_eyes
from esi.testing.loop import run
from esi.testing.ring import ADMIN, World
from simulation.steps import prepare
from simulation.test_crashes import disturbed

SEEDS = 16
MAPPED = "kv.commit esi-worker/mappings,esi-worker/job_state,jobs/finished,jobs/working"
POINTS = {
    "before a message": ("worker", "kv.commit esi-worker/topics before"),
    "message kept, nobody told": ("worker", "kv.commit esi-worker/topics after"),
    "something read": ("worker", "kv.get"),
    "something listed": ("worker", "kv.list"),
    "before rows are opened or closed": ("worker", f"{MAPPED} before"),
    "rows opened or closed, master not told": ("worker", f"{MAPPED} after"),
    "row seen, not yet in SQL": ("control", "kv.watch /esi-worker/mappings/"),
    "row about to be in SQL": ("control", "store.transaction before"),
    "row in SQL": ("control", "store.transaction after"),
    "before the key of a closed row goes": ("control", "kv.commit esi-worker/mappings before"),
    "the key of a closed row has gone": ("control", "kv.commit esi-worker/mappings after"),
}

Kind = tuple[str, str, str]


pytestmark = pytest.mark.usefixtures("quick")


async def rows(world: World) -> list[Body]:
    return (await world.lifecycle.list(ADMIN, "resource_mapping")).rows


def kinds(found: list[Body]) -> Counter[Kind]:
    return Counter((row["resource_type"], row["relation"], row["mapped_id"]) for row in found)


def check(found: list[Body], known: Counter[Kind]) -> None:
    assert kinds(found) == known, "rows are doubled, or lost"
    lives: dict[Kind, list[tuple[float, float]]] = {}
    for row in found:
        assert row["deleted"] is not None, f"{row} is still open"
        lives.setdefault((row["resource_type"], row["relation"], row["mapped_id"]), []).append(
            (row["created"], row["deleted"])
        )
    for spans in lives.values():
        spans.sort()
        assert all(start <= end for start, end in spans)
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans)), "open twice at once"


async def messages(world: World) -> set[tuple[str, str, int]]:
    """Who was told of: name, action and version of every kept message of the interface."""
    found = set()
    for entry in (await world.kv.list(keys.TOPICS)).entries:
        if entry.key.removeprefix(keys.TOPICS).count("/"):
            said = loads_object(loads_object(entry.value)["value"].encode())
            if said["gohan_resource_type"] == "vpn_interfaces":
                found.add((said["name"], said["action"], said["version"]))
    return found


async def play(where: tuple[str, str], *, seeds: range, lossy: bool) -> int:
    world = World(load_services("2017"), eyes=open_eyes)
    known = await prepare(world)
    wanted = kinds(await rows(world))
    assert sum(wanted.values()) == 5, "two of the interface; the gateway's of each of its three versions"
    check(await rows(world), wanted)
    faults = 0
    for seed in seeds:
        try:
            faults += await disturbed(world, known, where, seed, lossy=lossy)
            check(await rows(world), wanted)
            names = ("primary", "secondary", "primary_uplink", "secondary_uplink")
            assert await messages(world) >= {(name, "create", 1) for name in names} | {(n, "delete", 2) for n in names}
            assert (await world.kv.list(keys.MAPPINGS)).entries == []
        except (AssertionError, TimeoutError) as error:
            raise AssertionError(f"seed {seed}: {error or type(error).__name__}") from error
    return faults


@pytest.mark.parametrize("name", POINTS)
def test_killed_at(name: str) -> None:
    deaths = run(play(POINTS[name], seeds=range(SEEDS), lossy=False))
    assert deaths >= SEEDS // 2, "the point is hardly ever reached: the test proves nothing"


@pytest.mark.parametrize("name", [name for name, (_, point) in POINTS.items() if point.endswith(" after")])
def test_the_answer_is_lost_at(name: str) -> None:
    losses = run(play(POINTS[name], seeds=range(SEEDS // 4), lossy=True))
    assert losses >= SEEDS // 8, "the point is hardly ever reached: the test proves nothing"


def test_deleted_by_force_its_rows_are_closed() -> None:
    async def life() -> None:
        world = World(load_services("2017"), eyes=open_eyes)

        async def scenario() -> None:
            for wish in [*chain.prerequisites(), chain.gateway(), chain.interface()]:
                await world.ask(wish)
                await world.until_status(wish, "ACTIVE", None)  # type: ignore[arg-type]  # a service has no status
            interface = Ref("vpn_interface", chain.INTERFACE)
            mapped = [row for row in await rows(world) if row["resource_id"] == chain.INTERFACE]
            assert [row["deleted"] for row in mapped] == [None, None]
            await world.lifecycle.force_delete(ADMIN, interface)
            await world.until(closed)

        async def closed() -> bool:
            mapped = [row for row in await rows(world) if row["resource_id"] == chain.INTERFACE]
            path = world.services.catalogue["vpn_interface"].path_of(chain.INTERFACE)
            left = (await world.kv.list(keys.mappings_prefix(path))).entries
            return not left and len(mapped) == 2 and all(row["deleted"] for row in mapped)

        await world.run(scenario())
        await world.store.close()

    run(life())
