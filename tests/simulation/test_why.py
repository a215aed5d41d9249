"""Real failures, and what `esi why` says of them: while the work goes on, when it has failed, when it is mended."""

from __future__ import annotations

from esi.client.why import sentences
from esi.sync.progress import Progress
from esi.testing.chain import PRIMARY_IP
from esi.testing.loop import run
from esi.testing.ring import ADMIN
from simulation.stage import REF, Stage, known, services


async def told(stage: Stage) -> str:
    return "\n".join(sentences(await stage.lifecycle.why(ADMIN, REF)))


def staged() -> Stage:
    stage = Stage(services())
    stage.restore(known().starts["create"])
    return stage


async def _refused() -> None:
    stage = staged()

    async def scenario() -> None:
        faults = stage.routers[PRIMARY_IP].faults
        await faults.begin("refuse-load")
        await stage.make("create")
        await stage.over()
        failed = await told(stage)
        assert "is ERROR: could not be done." in failed
        assert f"The reason: {(await stage.lifecycle.show(ADMIN, REF))['status_reason']}." in failed
        assert "vMX-router-02: permission denied" in failed
        assert "answered to: CREATE_FAILED" in failed
        assert f"`gohan client vpn_interface set --retry {REF.id}`" in failed
        await faults.end()
        await stage.again("create")
        await stage.over()
        mended = await told(stage)
        assert "is ACTIVE" in mended
        assert "Nothing has to be done." in mended

    await stage.play(scenario)


async def _nobody_works() -> None:
    stage = staged()

    async def scenario() -> None:
        stage.lifecycle.progress = Progress(stage.kv, stage.services.catalogue)
        stage.processes["worker"].pause()
        await stage.make("create")
        await stage.clock.sleep(60.0)
        waits = await told(stage)
        assert "is PENDING_CREATE: wanted" in waits
        assert "nobody has answered yet" in waits
        assert "Where it has got to: create by heat_worker waits for a worker" in waits
        assert "it will be given up at" in waits
        stage.processes["worker"].resume()
        await stage.over()

    await stage.play(scenario)


def test_a_router_that_refuses_is_named_with_what_to_do() -> None:
    known()  # plays on a loop of its own
    run(_refused())


def test_a_ring_without_worker_says_who_is_waited_for() -> None:
    known()
    run(_nobody_works())
