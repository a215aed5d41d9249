"""What one vpn_interface costs: etcd commits, SQL statements, NETCONF requests, device commits, and steps in a row.

The numbers stand in docs/budgets.md, each with its reason; this test holds code and page together. A step in a row is a
call over a port that must be over before the next can begin: every port call is made to last one second of the
hand-turned clock, so the seconds from POST to ACTIVE are the length of the longest chain.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from esi.bootstrap.services import load_services
from esi.testing import chain
from esi.testing.eyes import AGENT, near_eyes
from esi.testing.loop import run
from esi.testing.process import Process
from esi.testing.ring import World

WAYS = ("2017", "2018", "2017 watched", "2018 watched")
PAGE = Path(__file__).parents[2] / "docs" / "budgets.md"


class Meter:
    """Counts between two looks."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._start = self._now()

    def _now(self) -> Counter[str]:
        points = Counter(point for process in self._world.processes.values() for point in process.points)
        counts = Counter({"etcd commits": self._world.kv.commits, "SQL statements": self._world.store.statements})
        counts["SQL commits"] = self._world.store.commits
        counts["etcd reads"] = points["kv.get"] + points["kv.list"]
        rpcs = self._world.driver.rpcs
        counts["device commits"] = rpcs.get("commits", 0)
        counts["NETCONF requests"] = sum(count for name, count in rpcs.items() if name != "commits")
        return counts

    def read(self) -> dict[str, int]:
        now = self._now()
        return {name: now[name] - self._start[name] for name in now}


def ring(way: str) -> World:
    """A ring of a flow; "2018 watched" is one whose collector agent looks at real configurations."""
    flow, *watched = way.split()
    if not watched:
        return World(load_services(flow))
    return World(load_services(flow), eyes=near_eyes, agent=AGENT)


def measure(way: str) -> dict[str, int]:
    """Counts from the POST of the interface until it and its gateway are ACTIVE."""

    async def play() -> dict[str, int]:
        world = ring(way)
        found: dict[str, int] = {}

        async def scenario() -> None:
            for wish in [*chain.prerequisites(), chain.gateway()]:
                await world.ask(wish)
                await world.until_status(wish, "ACTIVE", None)  # type: ignore[arg-type]
            await world.clock.sleep(5)
            meter = Meter(world)
            await world.ask(chain.interface())
            found["SQL statements of the POST"] = meter.read()["SQL statements"]
            await world.clock.sleep(0.5)  # all is done in no time at all; nobody looks meanwhile
            found.update(meter.read())
            for wish in (chain.interface(), chain.gateway()):
                assert (await world.show(wish))["status"] == "ACTIVE"

        await world.run(scenario())
        return found

    return run(play())


def steps_in_a_row(way: str) -> int:
    """Seconds from POST to ACTIVE when every port call lasts one."""

    async def play() -> float:
        world = ring(way)
        took = 0.0

        async def scenario() -> None:
            nonlocal took
            for wish in [*chain.prerequisites(), chain.gateway()]:
                await world.ask(wish)
                await world.until_status(wish, "ACTIVE", None)  # type: ignore[arg-type]
            await world.clock.sleep(5)
            for process in world.processes.values():
                slow_down(process)
            start = world.clock.monotonic()
            await world.ask(chain.interface())
            await world.until_status(chain.interface(), "ACTIVE")
            await world.until_status(chain.gateway(), "ACTIVE")
            took = world.clock.monotonic() - start

        await world.run(scenario())
        return took

    return round(run(play()))


def slow_down(process: Process) -> None:
    process.delay = lambda: 0.0 if process.points[-1].endswith(" after") else 1.0


def budgets() -> dict[str, dict[str, int]]:
    """The table of the page: name → way → number."""
    rows = re.findall(r"^\| ([^|]+?)" + len(WAYS) * r" \| (\d+)" + r" \|", PAGE.read_text(), re.MULTILINE)
    return {name: dict(zip(WAYS, map(int, numbers), strict=True)) for name, *numbers in rows}


@pytest.mark.parametrize("way", WAYS)
def test_one_interface_costs_what_the_page_says(way: str) -> None:
    measured = measure(way) | {"steps in a row": steps_in_a_row(way)}
    wanted = {name: numbers[way] for name, numbers in budgets().items()}
    assert {name: measured[name] for name in wanted} == wanted
    assert set(wanted) == set(measured), "a budget without a row, or a row without a budget"


def test_modifying_the_gateway_does_not_touch_a_router() -> None:
    """Both routers see one batch for the interface; the gateway's own modify sends not one request."""

    async def play() -> dict[str, int]:
        world = World(load_services("2018"))
        before: Counter[str] = Counter()
        after: Counter[str] = Counter()

        async def scenario() -> None:
            for wish in [*chain.prerequisites(), chain.gateway(), chain.interface()]:
                await world.ask(wish)
                await world.until_status(wish, "ACTIVE", None)  # type: ignore[arg-type]
            await world.until_status(chain.gateway(), "ACTIVE")
            before.update(world.driver.rpcs)
            await world.ask(chain.gateway()._replace(body={"name": "another name", "description": "new words"}))
            body = await world.until_status(chain.gateway(), "ACTIVE")
            assert body["name"] == "another name"
            assert body["orchestration_state"] == "UPDATE_COMPLETE"
            after.update(world.driver.rpcs)

        await world.run(scenario())
        return dict(after - before)

    assert run(play()) == {}
