"""A delete by force in the middle of work on a router that is gone: the record goes, and nothing is done afterwards."""

from __future__ import annotations

import pytest

from esi.errors import NotFound
from esi.model.resource import Body
from esi.testing import chain, invariants
from esi.testing.chain import PRIMARY_IP
from esi.testing.loop import run
from esi.testing.ring import ADMIN
from simulation.stage import REF, Known, Stage, known, services

HOUR = 3_600.0


async def forced(verb: str, undisturbed: Known) -> Body:
    """`verb` is under way when its router does not answer; the record is dropped; then the router comes back, and stays
    as it was.
    """
    stage = Stage(services(), since=undisturbed.starts[verb])
    told: Body = {}
    before = stage.routers[PRIMARY_IP].running_text()

    async def scenario() -> None:
        faults = stage.routers[PRIMARY_IP].faults
        await faults.begin("unreachable")
        await stage.make(verb)
        await stage.clock.sleep(60.0)
        assert await stage.pending()
        told.update(await stage.lifecycle.force_delete(ADMIN, REF))
        with pytest.raises(NotFound):
            await stage.lifecycle.show(ADMIN, REF)
        await stage.clock.sleep(60.0)
        assert await invariants.nothing_is_left_of(stage, [chain.INTERFACE]) == []
        await faults.end()
        await stage.clock.sleep(2 * HOUR)
        await stage.settle()

    await stage.play(scenario)
    assert stage.routers[PRIMARY_IP].running_text() == before
    return told


def test_a_create_that_is_dropped_is_never_done() -> None:
    told = run(forced("create", known()))
    assert PRIMARY_IP in {item.get("device") for item in told["left"]}, "what may have been begun is named"


def test_a_delete_that_is_dropped_leaves_what_it_names() -> None:
    told = run(forced("delete", known()))
    assert PRIMARY_IP in {item.get("device") for item in told["left"]}
    assert f"{PRIMARY_IP} interfaces interface ge-0/0/1 unit 122" in told["message"]
    assert "test" not in told["message"].split(), "a key is no place"
