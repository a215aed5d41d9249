"""What holds a change up reaches the user while it is tried: the status stays, and says why within seconds."""

from __future__ import annotations

import re

import pytest

from esi.errors import NotFound
from esi.model import keys
from esi.model.codec import loads_object
from esi.model.resource import Body
from esi.testing.chain import PRIMARY_IP
from esi.testing.loop import run
from esi.testing.ring import ADMIN
from simulation.stage import REF, VERBS, Known, Stage, known, services

SOON_SECONDS = 2.5
"""From the request: half a second until the router is asked, two until it is told what holds the work up."""
WORDS = {
    "foreign-lock": rf"held: router {PRIMARY_IP} is locked by session \d+ of user operator since [\d: -]+ UTC",
    "unreachable": rf"held: {PRIMARY_IP} does not answer since [\d: -]+ UTC",
    "silent": rf"held: {PRIMARY_IP} does not answer since [\d: -]+ UTC",
}
PENDING = {"create": "PENDING_CREATE", "update": "PENDING_UPDATE", "delete": "PENDING_DELETE"}


async def shown(stage: Stage) -> Body:
    try:
        return await stage.lifecycle.show(ADMIN, REF)
    except NotFound:
        return {}


async def held(kind: str, verb: str, undisturbed: Known) -> None:
    """The fault stands before the request; ten minutes later it is mended."""
    stage = Stage(services(), since=undisturbed.starts[verb])
    told: list[str] = []

    def look(events: object) -> None:
        for event in events:  # type: ignore[attr-defined]
            if event.key.startswith(keys.STATE) and event.key.endswith(REF.id) and event.kind == "put":
                words = (loads_object(event.value).get("held") or {}).get("words")
                told.extend([words] if words is not None else [])

    async def scenario() -> None:
        faults = stage.routers[PRIMARY_IP].faults
        await faults.begin(kind)
        stage.kv.on_commit = look
        await stage.make(verb)
        await stage.clock.sleep(SOON_SECONDS)
        for _ in range(3):
            body = await shown(stage)
            assert body["status"] == PENDING[verb]
            assert body["orchestration_state"].endswith("_IN_PROGRESS")
            assert re.fullmatch(WORDS[kind], body["status_reason"]), body["status_reason"]
            await stage.clock.sleep(200.0)
        await faults.end(kind)
        body = await stage.over()
        assert body.get("status", "gone") == ("gone" if verb == "delete" else "ACTIVE")
        assert "status_reason" not in body
        await stage.settle()

    await stage.play(scenario)
    assert len([words for words in told if words]) == 1, "one write when it begins, none per retry"
    assert [words for words in told if not words] in ([], [""])


@pytest.mark.parametrize("kind", WORDS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_hold_is_told_and_its_end(kind: str, verb: str) -> None:
    run(held(kind, verb, known()))


def test_a_hold_ends_before_the_change_does() -> None:
    """The lock is given back, and the commit takes its time: nothing holds it up any more."""

    start = known().starts["create"]

    async def slow() -> None:
        stage = Stage(services(), since=start)

        async def scenario() -> None:
            router = stage.routers[PRIMARY_IP]
            await router.faults.begin("foreign-lock")
            await router.faults.begin("slow-commit", "100")
            await stage.make("create")
            await stage.clock.sleep(SOON_SECONDS)
            assert "is locked by" in (await shown(stage))["status_reason"]
            await router.faults.end("foreign-lock")
            await stage.clock.sleep(30.0)
            body = await shown(stage)
            assert body["status"] == "PENDING_CREATE"
            assert "status_reason" not in body
            assert (await stage.over())["status"] == "ACTIVE"
            await stage.settle()

        await stage.play(scenario)

    run(slow())
