"""The lab's Contrail as `esi lab` serves it: found by what the lab has written, broken and healed at its door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from esi.bootstrap.clouds import open_analytics, open_contrail, write_clouds
from esi.bootstrap.lab import RunningLab, run_lab
from esi.clock import SystemClock
from esi.errors import NotFound, Rejected, TemporaryError, Unreachable, Unsupported
from esi.lab.control import ask
from esi.settings import Contrail, Lab, Ring, Settings
from esi.tasks import Tasks
from esi.telemetry import MemoryRecorder, NullRecorder
from esi.telemetry.masks import Masks

SWITCH = ("default-global-system-config", "QFX-NW01")
CLOCK = SystemClock()


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[RunningLab]:
    async with Tasks("lab") as tasks, run_lab(Lab(), tmp_path / "lab", clock=CLOCK, tasks=tasks) as running:
        write_clouds(tmp_path, running.clouds)
        yield running


async def test_the_lab_is_found_in_the_rings_folder_and_every_exchange_is_recorded(
    lab: RunningLab, tmp_path: Path
) -> None:
    recorder = MemoryRecorder()
    settings = Settings(ring=Ring(folder=str(tmp_path)))
    contrail, analytics = open_contrail(settings, CLOCK, recorder), open_analytics(settings, CLOCK, recorder)
    assert await contrail.find("physical-router", SWITCH)
    network = "default-domain:default-project:ip-fabric"
    assert set(await analytics.look("virtual-network", [network], [])) == {network}
    assert [message.receiver for message in recorder.messages] == ["contrail", "contrail analytics"]
    secret = {"physical_router_user_credentials": {"username": "u", "password": "canary"}}
    made = await contrail.create("physical-router", (SWITCH[0], "new"), secret)
    assert (await contrail.read("physical-router", made.uuid)).body.items() >= secret.items()
    assert "canary" in str(recorder.messages[-1])
    assert "canary" not in str([Masks()(message) for message in recorder.messages])
    await contrail.close()
    await analytics.close()


async def test_a_contrail_that_nobody_has_named_is_said_to_be_none(tmp_path: Path) -> None:
    settings = Settings(ring=Ring(folder=str(tmp_path)))
    contrail = open_contrail(settings, CLOCK, NullRecorder())
    with pytest.raises(Unsupported, match=r"contrail\.url is not set"):
        await contrail.find("physical-router", SWITCH)
    named = Settings(ring=Ring(folder=str(tmp_path)), contrail=Contrail(url="http://127.0.0.1:9"))
    contrail = open_contrail(named, CLOCK, NullRecorder())
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9 cannot be reached"):
        await contrail.find("physical-router", SWITCH)
    await contrail.close()


async def test_the_door_breaks_and_heals_it(lab: RunningLab, tmp_path: Path) -> None:
    contrail = open_contrail(Settings(ring=Ring(folder=str(tmp_path))), CLOCK, NullRecorder())
    door = tmp_path / "lab"
    for kind, error in (("unreachable", Unreachable), ("error-before", TemporaryError), ("refuse", Rejected)):
        await ask(door, {"do": "break", "router": "contrail", "kind": kind})
        clouds = {cloud["name"]: cloud["faults"] for cloud in (await ask(door, {"do": "list"}))["clouds"]}
        assert clouds == {"contrail": [{"kind": kind, "operand": ""}], "nova": [], "glance": []}
        with pytest.raises(error):
            await contrail.find("physical-router", SWITCH)
        assert await ask(door, {"do": "heal", "router": "contrail"}) == {"healed": {"contrail": [kind]}}
        assert await contrail.find("physical-router", SWITCH)
    with pytest.raises(Rejected, match="nothing breaks as 'rust' here"):
        await ask(door, {"do": "break", "router": "contrail", "kind": "rust"})
    with pytest.raises(Rejected, match="no number of seconds"):
        await ask(door, {"do": "break", "router": "contrail", "kind": "slow", "operand": "soon"})
    with pytest.raises(NotFound):
        await contrail.find("physical-router", ("x",))
    await contrail.close()
