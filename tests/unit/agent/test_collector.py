"""What an agent looks at, how often, and what it says under /monitoring."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from itertools import pairwise
from typing import Any

import pytest

from esi.agent.collector import Habits, build_habits
from esi.errors import Unreachable
from esi.kv import Delete, Put
from esi.kv.memory import MemoryKV
from esi.model import keys
from esi.model.codec import loads_object
from esi.model.target import Observation
from esi.testing.loop import run
from unit.agent.doubles import BOTH, PATH, ProbeDouble, agent, request

SAID = {"status": BOTH, "version": 1}


def play(work: Coroutine[Any, Any, None]) -> None:
    run(work)


def test_a_target_is_looked_at_at_once_and_said_as_recorded() -> None:
    async def work() -> None:
        async with agent(MemoryKV()) as desk:
            made = await desk.shelf.create(request(), key="k")
            assert made["link"] == f"http://a:7070/targets/{made['id']}"
            await desk.until_said(SAID, within=0.3)
            assert (await desk.shelf.create(request(), key="k"))["id"] == made["id"]
            await desk.shelf.delete(str(made["id"]))
            await desk.until_said(None, within=0.1)
            assert (await desk.kv.list("/esi-worker/targets/")).entries == []

    play(work())


def test_looks_become_rare_and_a_change_makes_them_frequent_again() -> None:
    """What is as it shall be is looked at less often from the start: nobody waits for it to change."""

    async def work() -> None:
        probe = ProbeDouble()
        async with agent(MemoryKV(), probe=probe) as desk:
            probe.says["status"] = Observation({"status": {**BOTH, "primary": "FAIL"}}, "primary sees it as Active")
            await desk.shelf.create(request(), key="k")
            await desk.clock.sleep(400)
            assert _pauses(probe)[:3] == [1, 2, 4]
            assert all(54 <= one <= 60 for one in _pauses(probe)[-3:]), _pauses(probe)
            seen = await desk.monitoring()
            assert seen == {
                "status": {"primary": "FAIL", "secondary": "ESTABLISHED"},
                "version": 1,
                "reasons": {"status": "primary sees it as Active"},
            }
            probe.says.clear()
            await desk.until_said(SAID, within=70)
            probe.looks = probe.looks[-1:]
            await desk.clock.sleep(400)
            pauses = _pauses(probe)
            assert all(low <= one <= 8 * low / 7 + 1 for one, low in zip(pauses[:3], (7, 14, 28), strict=True)), pauses
            assert all(54 <= one <= 60 for one in pauses[3:]), pauses
            probe.says["status"] = Observation({"status": {**BOTH, "primary": "FAIL"}}, "primary sees it as Active")
            before = len(probe.looks)
            await desk.clock.sleep(70)
            assert len(probe.looks) - before >= 4

    play(work())


def _pauses(probe: ProbeDouble) -> list[int]:
    return [round(later - at) for (at, _), (later, _) in pairwise(probe.looks)]


def test_what_only_counts_is_looked_at_once_an_interval_unless_it_cannot_be_asked() -> None:
    async def work() -> None:
        probe = ProbeDouble()
        async with agent(MemoryKV(), probe=probe) as desk:
            metric = {"tsdb": {"bytes": {"metric": "traffic.bytes"}}}
            probe.says["traffic"] = Unreachable("no answer")
            await desk.shelf.create(request("traffic", syncer_properties=metric), key="k")
            await desk.clock.sleep(8)
            assert len(probe.looks) == 4  # after 1, 2 and 4 s
            probe.says["traffic"] = Observation({"bytes": 5})
            await desk.clock.sleep(8)
            asked = len(probe.looks)
            assert asked == 5
            await desk.clock.sleep(45)
            assert len(probe.looks) == asked
            await desk.clock.sleep(16)
            assert len(probe.looks) == asked + 1

    play(work())


@pytest.mark.parametrize("age", [300.0, 60.0, 5.0])
def test_what_holds_is_told_again_before_it_counts_for_nothing(age: float) -> None:
    async def work() -> None:
        async with agent(MemoryKV(), habits=build_habits(60.0, age)) as desk:
            await desk.shelf.create(request(), key="k")
            await desk.until_said(SAID)
            oldest = 0.0
            for _ in range(100):
                await desk.clock.sleep(age / 20)
                entry = await desk.kv.get(keys.monitoring_key(PATH))
                oldest = max(oldest, desk.clock.now() - loads_object(entry.value)["seen"])
            assert age * 2 / 5 <= oldest < age

    play(work())


def test_nothing_is_written_without_news_but_for_its_age() -> None:
    async def work() -> None:
        kv = MemoryKV()
        async with agent(kv, habits=Habits(interval=5, refresh=100)) as desk:
            await desk.shelf.create(request(), key="k")
            await desk.until_said(SAID)
            commits = kv.commits
            await desk.clock.sleep(90)
            assert kv.commits == commits
            await desk.clock.sleep(920)
            assert 8 <= kv.commits - commits <= 10
            await kv.commit([Delete(keys.monitoring_key(PATH)), Put(keys.config_key(PATH), b"{}")])
            await desk.until_said(SAID, within=110)

    play(work())


def test_a_resource_that_is_gone_takes_its_targets_along() -> None:
    async def work() -> None:
        kv = MemoryKV()
        async with agent(kv) as desk:
            await kv.commit([Put(keys.config_key(PATH), b"{}")])
            await desk.shelf.create(request("one"), key="one")
            await desk.shelf.create(request("two"), key="two")
            await desk.until_said({"one": BOTH, "two": BOTH, "version": 1})
            await kv.commit([Delete(keys.monitoring_key(PATH)), Delete(keys.config_key(PATH))])
            await desk.clock.sleep(200)
            assert (await kv.list(keys.TARGETS)).entries == []
            assert await desk.monitoring() is None
            assert desk.collector.watchlist.all() == []

    play(work())


def test_a_look_that_fails_is_counted_and_says_fail_with_its_reason() -> None:
    async def work() -> None:
        probe = ProbeDouble({"status": Unreachable("10.79.5.185: connection refused")})
        async with agent(MemoryKV(), probe=probe) as desk:
            made = await desk.shelf.create(request(), key="k")
            reason = {"status": "10.79.5.185: connection refused"}
            await desk.clock.sleep(9)
            assert await desk.monitoring() is None, "a new session is given time to come up"
            await desk.until_said({"status": "FAIL", "version": 1, "reasons": reason}, within=2)
            await desk.clock.sleep(10)
            watched = desk.collector.watchlist.find(keys.target_key(str(made["id"])))
            assert watched is not None
            assert watched.seen.failures >= 4
            probe.says.clear()
            await desk.until_said(SAID, within=70)
            assert watched.seen.failures == 0

    play(work())


def test_patience_forgives_single_failures() -> None:
    async def work() -> None:
        probe = ProbeDouble()
        async with agent(MemoryKV(), probe=probe, habits=Habits(interval=10, patience=2)) as desk:
            await desk.shelf.create(request(), key="k")
            await desk.until_said(SAID)
            await desk.clock.sleep(60)
            probe.says["status"] = Unreachable("lost")
            await desk.clock.sleep(20)
            assert await desk.monitoring() == SAID
            await desk.until_said({"status": "FAIL", "version": 1, "reasons": {"status": "lost"}}, within=40)

    play(work())


def test_a_negative_value_counts_only_after_its_hold() -> None:
    hold = {"time_seconds": 360, "positive_status": {"primary": "MASTER", "secondary": "BACKUP"}}
    syncers = {"etcd": {"status": {"key": "status"}, "hold_options": hold}}
    master = {"primary": "MASTER", "secondary": "BACKUP"}

    async def work() -> None:
        probe = ProbeDouble({"status": Unreachable("not yet")})
        async with agent(MemoryKV(), probe=probe) as desk:
            await desk.shelf.create(request(syncer_properties=syncers), key="k")
            await desk.clock.sleep(350)
            assert await desk.monitoring() is None
            await desk.until_said({"status": "FAIL", "version": 1, "reasons": {"status": "not yet"}}, within=15)

        probe = ProbeDouble({"status": Unreachable("not yet")})
        kv = MemoryKV()
        async with agent(kv, probe=probe) as desk:
            await desk.shelf.create(request(syncer_properties=syncers), key="k")
            await desk.clock.sleep(20)
            probe.says["status"] = Observation({"status": master})
            await desk.until_said({"status": master, "version": 1}, within=70)
        probe.says["status"] = Unreachable("broken")
        async with agent(kv, "b", probe=probe) as desk:  # another life knows that the hold had ended
            await desk.until_said({"status": "FAIL", "version": 1, "reasons": {"status": "broken"}}, within=5)

    play(work())


def test_targets_of_one_resource_share_a_key_and_speak_when_all_have_seen() -> None:
    async def work() -> None:
        kv = MemoryKV()
        heard: list[bytes] = []
        kv.on_commit = lambda events: heard.extend(e.value for e in events if e.key.startswith("/monitoring"))
        probe = ProbeDouble({name: Observation({"status": "ESTABLISHED"}) for name in ("primary", "secondary")})
        async with agent(kv, probe=probe) as desk:
            async with asyncio.TaskGroup() as group:
                made = [
                    group.create_task(desk.shelf.create(request(name), key=name)) for name in ("primary", "secondary")
                ]
            await desk.until_said({"primary": "ESTABLISHED", "secondary": "ESTABLISHED", "version": 1})
            assert len(heard) == 1
            await desk.shelf.delete(str((await made[0])["id"]))
            await desk.until_said({"secondary": "ESTABLISHED", "version": 1}, within=0.1)
            await desk.shelf.delete(str((await made[1])["id"]))
            await desk.until_said(None, within=0.1)
            await desk.clock.sleep(200)
            assert await desk.monitoring() is None

    play(work())


def test_the_newest_version_speaks_whatever_order_old_and_new_come_in() -> None:
    async def work() -> None:
        async with agent(MemoryKV()) as desk:
            old = await desk.shelf.create(request(), key="old")
            await desk.until_said(SAID)
            new = await desk.shelf.create(request(version=2), key="new")
            await desk.until_said({**SAID, "version": 2})
            await desk.shelf.delete(str(old["id"]))
            await desk.clock.sleep(200)
            assert await desk.monitoring() == {**SAID, "version": 2}
            await desk.shelf.delete(str(new["id"]))
            assert await desk.monitoring() is None

    play(work())


def test_a_target_for_metrics_alone_says_nothing_and_keeps_samples() -> None:
    tsdb = {"traffic.in": {"metric": "traffic.bytes", "tags": {"direction": "in"}}}

    async def work() -> None:
        probe = ProbeDouble({"primary_router": Observation({"status": "UP", "traffic.in": 7, "traffic.out": 9})})
        async with agent(MemoryKV(), probe=probe) as desk:
            made = await desk.shelf.create(request("primary_router", syncer_properties={"tsdb": tsdb}), key="m")
            await desk.clock.sleep(300)
            samples = desk.collector.samples.of(str(made["id"]))
            assert [value for _, value in samples["traffic.in"]][:2] == [7, 7]
            assert {value for _, value in samples["status"]} == {1}
            assert await desk.monitoring() is None
            await desk.shelf.delete(str(made["id"]))
            await desk.clock.sleep(1)
            assert desk.collector.samples.of(str(made["id"])) == {}

    play(work())
