"""While nobody looks: what was seen grows old and says so, and it is seen again when the agent is back.

The failure matrix (test_failures.py) has the agent's faults while something is changed; here nothing is.
"""

from __future__ import annotations

import re

import pytest

from esi.lifecycle.deadlines import AGE_SECONDS
from esi.testing import chain
from esi.testing.loop import run
from simulation.stage import INTERFACE, Stage, known, services

WATCHED = (INTERFACE, *(wish for wish in chain.prerequisites() if wish.schema == "edge_router"))


@pytest.mark.parametrize("how", ["paused", "killed"])
def test_what_nobody_looks_at_is_unknown_until_somebody_does_again(how: str) -> None:
    standing = known(watched=True).starts["update"]

    async def play() -> None:
        stage = Stage(services(), since=standing, watched=True)

        async def scenario() -> None:
            for wish in WATCHED:
                await stage.until_status(wish, "ACTIVE")
            before, began = await stage.targets(), stage.clock.now()
            agent = stage.processes["agent"]
            if how == "paused":
                agent.pause()
            else:
                stage.plans["agent"] = lambda point: True  # each next life ends at its first step
                agent.die()
            for wish in WATCHED:
                body = await stage.until_status(wish, "MONITORING_UNAVAILABLE")
                assert body["operational_state"] == "UNKNOWN"
                assert re.fullmatch("nobody has looked since .* UTC: older than 300 s", body["status_reason"])
                assert stage.clock.now() - began <= AGE_SECONDS + 1.0
            if how == "paused":
                agent.resume()
            else:
                del stage.plans["agent"]
            for wish in WATCHED:
                body = await stage.until_status(wish, "ACTIVE", within=5.0)
                assert not body.get("status_reason")
            assert await stage.targets() == before, "a target is lost, or doubled"

        await stage.play(scenario)

    run(play())
