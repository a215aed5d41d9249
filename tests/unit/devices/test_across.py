"""A device that is wanted by several processes: who serves it, how answers come back, and whose lock may be broken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from esi.clock import LoopClock
from esi.devices import DeviceRoom
from esi.drivers import Address, Edit, Intent, IntentResult, Session, Step
from esi.errors import Busy, LeaseLost, Rejected, TemporaryError
from esi.kv import Guard, Put
from esi.kv.memory import MemoryKV
from esi.model import keys
from esi.model.codec import loads, loads_object
from esi.tasks import Tasks
from esi.testing.double import DeviceDouble, DoubleDriver
from esi.testing.hands import DriverHandle
from esi.testing.loop import run
from esi.testing.process import KVHandle, Process
from esi.work.lease import ProcessLease

IP = "10.79.5.185"


def intent(name: str, text: str = "x;", *, fence: Guard | None = None, lock_timeout: float = 120.0) -> Intent:
    edits = (Edit((Step(name),), "merge", text),)
    return Intent(name, Address(IP, username="esi"), edits, lock_timeout=lock_timeout, fence=fence)


class World:
    """One KV, one device, any number of processes."""

    def __init__(self, **device: Any) -> None:
        self.kv = MemoryKV()
        self.device = DeviceDouble("mx", **device)
        self.driver = DoubleDriver({IP: self.device})
        self.processes: list[Process] = []

    def process(self, name: str, *, hands: bool = True) -> tuple[Process, DeviceRoom, ProcessLease]:
        process = Process(name)
        self.processes.append(process)
        kv = KVHandle(process, self.kv)
        lease = ProcessLease(kv, process=name)
        driver = DriverHandle(process, self.driver) if hands else None
        room = DeviceRoom(kv, driver, lease, clock=LoopClock(), tasks=process.tasks)
        return process, room, lease

    async def owner(self) -> str:
        entry = await self.kv.get(keys.device_key(IP))
        return "" if entry is None else str(loads_object(entry.value)["process"])

    async def left(self) -> list[str]:
        return [entry.key for entry in (await self.kv.list(keys.INTENTS)).entries]


@asynccontextmanager
async def world(**device: Any) -> AsyncIterator[World]:
    there = World(**device)
    try:
        yield there
    finally:
        for process in there.processes:
            process.resume()
            await process.kill()


async def locked_by_alice(there: World) -> tuple[DeviceRoom, DeviceRoom, Session]:
    """The room of the device's owner, that of another process, and the session of a stranger who has its lock."""
    _, one, _ = there.process("one")
    _, two, _ = there.process("two")
    await one.submit(intent("a"))
    stranger = await there.driver.open(Address(IP, username="alice"))
    await stranger.lock()
    return one, two, stranger


def now() -> float:
    return asyncio.get_running_loop().time()


def test_intents_of_two_processes_share_a_commit_and_leave_nothing() -> None:
    async def scenario() -> None:
        async with world(commit_seconds=1.0) as there, Tasks("test") as tasks:
            _, one, _ = there.process("one")
            _, two, _ = there.process("two")
            first = tasks.start("first", one.submit(intent("a")))
            await asyncio.sleep(0.5)
            rest = await asyncio.gather(one.submit(intent("b")), two.submit(intent("c")), two.submit(intent("d")))
            await first
            assert await there.owner() == "one"
            assert there.device.counts["commit"] == 2
            assert len({answer.batch for answer in rest}) == 1
            assert [answer.id for answer in rest] == ["b", "c", "d"]
            await asyncio.sleep(0.1)
            assert await there.left() == []

    run(scenario())


def test_a_refusal_reaches_the_other_process_with_the_devices_words() -> None:
    def no_bad(candidate: Any) -> str | None:
        return "[edit bad]" if ("bad",) in candidate else None

    async def scenario() -> None:
        async with world(refuse=no_bad) as there:
            _, one, _ = there.process("one")
            _, two, _ = there.process("two")
            await one.submit(intent("a"))
            with pytest.raises(Rejected, match="commit failed") as refused:
                await two.submit(intent("bad"))
            assert refused.value.who == "mx"
            assert refused.value.details["path"] == "[edit bad]"
            with pytest.raises(Rejected) as refused:
                await two.submit(intent("worse", "!;"))
            assert refused.value.details["stage"] == "load"
            await asyncio.sleep(0.1)
            assert await there.left() == []

    run(scenario())


def test_a_waiting_caller_owns_the_device_as_soon_as_the_owners_lease_has_ended() -> None:
    async def scenario() -> None:
        async with world(commit_seconds=1.0) as there, Tasks("test", on_error=lambda name, error: None) as tasks:
            first, one, _ = there.process("one")
            _, two, _ = there.process("two")
            await one.submit(intent("a"))
            tasks.start("lost", one.submit(intent("b")))
            answer = tasks.start("c", two.submit(intent("c")))
            await asyncio.sleep(0.5)
            began = now()
            await first.kill()
            assert isinstance(await answer, IntentResult)
            assert now() - began < 3.0 + 1.0 + 1.0 + 0.5, "lease, what was under way, our commit"
            assert await there.owner() == "two"
            assert ("c",) in there.device.running

    run(scenario())


def test_a_paused_owner_loses_its_lock_and_cannot_commit_when_it_wakes() -> None:
    """It is paused in the moment before its commit goes out, under the lock."""

    async def scenario() -> None:
        async with world() as there, Tasks("test", on_error=lambda name, error: None) as tasks:
            first, one, lease = there.process("one")
            _, two, _ = there.process("two")
            held = await lease.current()
            fence = Guard("/jobs/working/b", await there.kv.commit([Put("/jobs/working/b", b"", held)]), "create")
            await one.submit(intent("a"))

            def pause(point: str) -> bool:
                if point == "device.commit before" and first.awake.is_set():
                    first.pause()
                return False

            first.plan = pause
            late = tasks.start("late", one.submit(intent("b", "stale;", fence=fence)))
            await asyncio.sleep(0.1)
            assert there.device.holder is not None, "it has the lock"
            began = now()
            await two.submit(intent("b", "new;"))
            assert now() - began < 5.0, "nobody waits until it wakes"
            assert there.device.counts["kill"] == 1
            commits = there.device.counts["commit"]
            first.plan = lambda point: False
            first.resume()
            with pytest.raises(LeaseLost):
                await late
            await asyncio.sleep(60)
            assert there.device.running[("b",)] == "new;"
            assert there.device.counts["commit"] - commits <= 1, "the one that was on its way, into a dead session"
            assert len(there.device.history) == 2

    run(scenario())


def test_a_strangers_lock_is_waited_for_and_named_and_his_session_lives() -> None:
    async def scenario() -> None:
        async with world() as there, Tasks("test") as tasks:
            one, two, stranger = await locked_by_alice(there)
            patient = tasks.start("patient", one.submit(intent("c")))
            with pytest.raises(Busy, match="held by alice"):
                await two.submit(intent("b", lock_timeout=10.0))
            words = f"router {IP} is locked by session {stranger.session_id} of user alice"
            assert one.held == {IP: words}
            entry = await there.kv.get(keys.device_key(IP))
            assert entry is not None
            assert loads_object(entry.value)["held"] == words
            assert there.device.counts["kill"] == 0
            await stranger.unlock()
            await patient
            assert one.held == {}
            await asyncio.sleep(0.1)
            assert await there.left() == []

    run(scenario())


def test_a_caller_in_another_process_hears_what_holds_it_up_once_and_that_it_ended() -> None:
    async def scenario() -> None:
        async with world() as there, Tasks("test") as tasks:
            _, two, stranger = await locked_by_alice(there)
            heard: list[tuple[str, float]] = []
            began = now()
            wanted = replace(intent("b"), held=lambda words: heard.append((words, now() - began)))
            waiting = tasks.start("b", two.submit(wanted))
            await asyncio.sleep(60.0)
            words = [said for said, _ in heard if said]
            assert words == [f"router {IP} is locked by session {stranger.session_id} of user alice"]
            assert max(at for _, at in heard) < 2.0
            await stranger.unlock()
            await waiting
            assert [said for said, _ in heard][-1] == ""

    run(scenario())


def test_intents_and_answers_of_a_dead_caller_vanish() -> None:
    async def scenario() -> None:
        async with world(commit_seconds=2.0) as there, Tasks("test", on_error=lambda name, error: None) as tasks:
            _, one, _ = there.process("one")
            second, two, _ = there.process("two")
            busy = tasks.start("busy", one.submit(intent("a")))
            await asyncio.sleep(0.5)
            tasks.start("lost", two.submit(intent("b")))
            await asyncio.sleep(0.5)
            assert len(await there.left()) == 1
            await second.kill()
            await busy
            await asyncio.sleep(10)
            assert await there.left() == []
            await one.submit(intent("c"))

    run(scenario())


def test_a_caller_that_gives_up_takes_its_intent_back() -> None:
    async def scenario() -> None:
        async with world(commit_seconds=5.0) as there, Tasks("test") as tasks:
            _, one, _ = there.process("one")
            _, two, _ = there.process("two")
            busy = tasks.start("busy", one.submit(intent("a")))
            await asyncio.sleep(0.5)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.0):
                    await two.submit(intent("b"))
            await asyncio.sleep(0.5)
            assert await there.left() == []
            await busy
            await asyncio.sleep(10)
            assert ("b",) not in there.device.running

    run(scenario())


def test_a_right_that_has_ended_does_not_get_an_intent_across() -> None:
    async def scenario() -> None:
        async with world() as there:
            _, one, _ = there.process("one")
            _, two, _ = there.process("two")
            await one.submit(intent("a"))
            with pytest.raises(LeaseLost, match="right"):
                await two.submit(intent("b", fence=Guard("/jobs/working/gone", 7, "create")))
            assert there.device.running == {("a",): "x;"}
            await asyncio.sleep(0.1)
            assert await there.left() == []

    run(scenario())


def test_an_idle_owner_gives_the_device_up_with_its_session() -> None:
    async def scenario() -> None:
        async with world() as there:
            _, one, _ = there.process("one")
            _, two, _ = there.process("two")
            await one.submit(intent("a"))
            entry = await there.kv.get(keys.sessions_key(IP))
            assert entry is not None
            assert loads(entry.value) == [there.device.sessions[0].session_id]
            await asyncio.sleep(40)
            assert there.device.sessions == []
            assert await there.kv.get(keys.device_key(IP)) is None
            assert await there.kv.get(keys.sessions_key(IP)) is None
            await two.submit(intent("b"))
            assert await there.owner() == "two"

    run(scenario())


def test_a_process_without_hands_is_served_by_one_that_has_them() -> None:
    async def scenario() -> None:
        async with world() as there, Tasks("test") as tasks:
            _, heat, _ = there.process("heat", hands=False)
            early = tasks.start("early", heat.submit(intent("a")))
            await asyncio.sleep(1)
            assert len(await there.left()) == 1, "nobody is there to serve it"
            first, devices, _ = there.process("devices")
            first.tasks.start("room", devices.run())
            await early
            assert await there.owner() == "devices"
            second, others, _ = there.process("others")
            second.tasks.start("room", others.run())
            await first.kill()
            began = now()
            await heat.submit(intent("b"))
            assert now() - began < 5.0
            assert await there.owner() == "others"
            await asyncio.sleep(40)
            await heat.submit(intent("c"))
            await asyncio.sleep(0.1)
            assert await there.left() == []
        assert set(there.device.running) == {("a",), ("b",), ("c",)}

    run(scenario())


def test_what_is_owed_when_etcd_does_not_answer_is_sent_later() -> None:
    async def scenario() -> None:
        async with world() as there:
            first, one, _ = there.process("one")
            _, two, _ = there.process("two")
            await one.submit(intent("a"))
            lost = iter([True, True, False])
            first.lossy = lambda point: point == "kv.commit esi-worker/intents before" and next(lost, False)
            try:
                assert isinstance(await two.submit(intent("b")), IntentResult)
            except TemporaryError as error:  # pragma: no cover
                raise AssertionError("the caller need not know") from error
            await asyncio.sleep(1)
            assert await there.left() == []

    run(scenario())
