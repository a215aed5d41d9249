"""The ground floor: registry, tasks, secrets, masks, the hand-turned loop."""

from __future__ import annotations

import asyncio

import pytest

from esi.errors import Invalid, PluginError
from esi.registry import Registry
from esi.tasks import Tasks
from esi.telemetry import MASK, MemoryRecorder, Message, Secret, masked
from esi.testing.loop import run


def test_a_registry_names_what_it_knows() -> None:
    registry: Registry[int] = Registry("number")
    registry.register("one", 1)
    with pytest.raises(PluginError, match="unknown number 'two'; known: one"):
        registry.get("two")
    with pytest.raises(PluginError, match="twice"):
        registry.register("one", 1)
    assert Registry[int]("number").names() == [], "every registry has its own members"


def test_tasks_end_with_their_owner_and_say_what_went_wrong() -> None:
    said: list[str] = []

    async def work() -> None:
        async with Tasks("group", on_error=lambda name, error: said.append(f"{name}: {error}")) as tasks:
            forever = tasks.start("forever", asyncio.Event().wait())

            async def fails() -> None:
                raise Invalid("no")

            tasks.start("fails", fails())
            await asyncio.sleep(1)
        assert forever.cancelled()

    run(work())
    assert said == ["group:fails: no"]


def test_a_failing_task_that_nobody_asked_about_fails_the_run() -> None:
    async def work() -> None:
        async def fails() -> None:
            raise Invalid("unheard")

        async with Tasks("group") as tasks:
            tasks.start("fails", fails())
            await asyncio.sleep(1)

    with pytest.raises(RuntimeError, match="unheard"):
        run(work())


def test_a_loop_with_nothing_to_do_says_so() -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="for ever"):
        run(work())


def test_a_secret_prints_as_dots_everywhere() -> None:
    secret = Secret("canary")
    assert f"{secret} {secret!r} {secret:>20}" == f"{MASK} {MASK} {MASK}"
    assert secret.reveal() == "canary"
    assert secret == "canary", "it compares as what it is"


def test_masks_go_by_name_at_any_depth() -> None:
    body = {"a": [{"password": "x", "name": "n"}], "bgp_md5": "y", "primary_device_password": "z", "md5": ""}
    assert masked(body) == {
        "a": [{"password": MASK, "name": "n"}],
        "bgp_md5": MASK,
        "primary_device_password": MASK,
        "md5": "",
    }


def test_a_recorder_keeps_the_last_messages() -> None:
    recorder = MemoryRecorder(limit=2)
    for number in range(3):
        recorder.message(Message("http", "client", "gohan", str(number)))
    assert [message.subject for message in recorder.of("http")] == ["1", "2"]
