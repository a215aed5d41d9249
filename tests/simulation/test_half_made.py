"""One router of two refuses: the reason says which, in its words, and which one carries lines all the same."""

from __future__ import annotations

import pytest

from esi.bootstrap.services import load_services
from esi.testing import chain, invariants
from esi.testing.chain import PRIMARY_IP, SECONDARY_IP
from esi.testing.loop import run
from simulation.stage import REF, Stage

NAMES = {PRIMARY_IP: "vMX-router-02", SECONDARY_IP: "vMX-router-01"}
OTHER = {PRIMARY_IP: SECONDARY_IP, SECONDARY_IP: PRIMARY_IP}


async def refused(flow: str, by: str, then: str) -> tuple[str, str]:
    """What is said of a create that one router refuses, and of an update that it refuses again; `then` mends it."""
    stage = Stage(load_services(flow))
    said: list[str] = []

    async def scenario() -> None:
        for wish in [*chain.prerequisites(), chain.gateway()]:
            await stage.ask(wish)
            await stage.until_status(wish, "ACTIVE", None)  # type: ignore[arg-type]  # a service has no status
        await stage.settle()
        before = stage.routers[OTHER[by]].running_text()
        faults = stage.routers[by].faults
        await faults.begin("refuse-load")
        await stage.make("create")
        said.append((await stage.over())["status_reason"])
        carries = stage.routers[OTHER[by]].running_text() != before
        assert carries == ("carries its lines" in said[0])
        await stage.again("create")
        said.append((await stage.over())["status_reason"])
        await faults.end()
        await stage.again(then)
        end = await stage.over()
        assert end.get("status", "gone") == ("gone" if then == "delete" else "ACTIVE")
        await stage.settle()
        if then == "delete":
            left = set(stage.routers[OTHER[by]].running_text().splitlines()) - set(before.splitlines())
            assert {line.strip() for line in left} <= {"family inet;"}, "only the paths of the service are removed"
            assert await invariants.nothing_is_left_of(stage, [REF.id]) == []

    await stage.play(scenario)
    return said[0], said[1]


@pytest.mark.parametrize("then", ["delete", "update"])
@pytest.mark.parametrize(("flow", "by"), [("2017", SECONDARY_IP), ("2017", PRIMARY_IP), ("2018", SECONDARY_IP)])
def test_who_has_refused_and_who_carries_lines_are_named(flow: str, by: str, then: str) -> None:
    for reason in run(refused(flow, by, then)):
        assert f"{NAMES[by]}: permission denied" in reason
        assert reason.endswith(f"; {OTHER[by]} carries its lines; delete or retry cleans them")


def test_where_nothing_stands_nothing_is_named() -> None:
    for reason in run(refused("2018", PRIMARY_IP, "delete")):
        assert reason == "netconf_configure_primary: vMX-router-02: permission denied"
