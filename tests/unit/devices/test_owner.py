"""The owner of a device: many intents, one commit; refusals hit whom they concern; lost replies are looked up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from esi.clock import LoopClock
from esi.devices import DeviceRoom
from esi.drivers import Address, Edit, Intent, IntentResult, Operation, Step
from esi.drivers.records import decode_answer, encode_answer
from esi.errors import Rejected, TemporaryError, Unreachable
from esi.kv.memory import MemoryKV
from esi.tasks import Tasks
from esi.testing.double import DeviceDouble, DoubleDriver, fold
from esi.testing.loop import run
from esi.work.lease import ProcessLease

IP = "10.79.5.185"


def intent(name: str, *words: str, text: str = "x;", operation: Operation = "merge", tenant: str = "") -> Intent:
    path = tuple(Step(word) for word in words)
    return Intent(name, Address(IP), (Edit(path, operation, text),), tenant=tenant)


async def with_room(
    device: DeviceDouble, work: Callable[[DeviceRoom], Awaitable[Any]], *, kv: MemoryKV | None = None
) -> Any:
    kv = kv or MemoryKV()
    lease = ProcessLease(kv)
    async with Tasks("test") as tasks:
        room = DeviceRoom(kv, DoubleDriver({IP: device}), lease, clock=LoopClock(), tasks=tasks)
        try:
            return await work(room)
        finally:
            await lease.close()


async def submit_all(room: DeviceRoom, intents: list[Intent]) -> list[IntentResult | BaseException]:
    return await asyncio.gather(*(room.submit(one) for one in intents), return_exceptions=True)


def test_many_intents_that_wait_share_one_commit() -> None:
    device = DeviceDouble("mx")
    intents = [intent(f"i{n}", "interfaces", f"ge-{n}") for n in range(20)]
    answers = run(with_room(device, lambda room: submit_all(room, intents)))
    assert {answer.batch for answer in answers} == {answers[0].batch}
    assert device.counts["commit"] == 1
    assert len(device.running) == 20


def test_what_streams_in_to_a_fast_device_is_gathered_and_who_comes_alone_is_not_kept_waiting() -> None:
    """Two to begin with, then one every 5 ms: each batch leaves the device alone while as many more come."""
    device = DeviceDouble("mx")
    intents = [intent(f"i{n}", "interfaces", f"ge-{n}") for n in range(60)]

    async def stream(room: DeviceRoom) -> tuple[float, list[IntentResult | BaseException]]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await room.submit(intents[0])
        alone = loop.time() - began

        async def later(number: int) -> IntentResult:
            await asyncio.sleep(number // 2 * 0.01)
            return await room.submit(intents[number])

        return alone, await asyncio.gather(*map(later, range(60)))

    alone, answers = run(with_room(device, stream))
    assert all(isinstance(answer, IntentResult) for answer in answers)
    assert alone == 0
    assert 2 <= device.counts["commit"] <= 12  # without a pause there were 31


def test_a_repeated_intent_is_an_empty_diff_and_no_commit() -> None:
    device = DeviceDouble("mx")

    async def twice(room: DeviceRoom) -> IntentResult:
        await room.submit(intent("i", "a"))
        return await room.submit(intent("i", "a"))

    assert run(with_room(device, twice)).diff == ""
    assert device.counts["commit"] == 1


def test_a_load_error_rejects_that_intent_alone() -> None:
    device = DeviceDouble("mx")
    good, bad = intent("good", "a"), intent("bad", "b", text="!;")
    answers = run(with_room(device, lambda room: submit_all(room, [good, bad])))
    assert isinstance(answers[0], IntentResult)
    assert isinstance(answers[1], Rejected)
    assert set(device.running) == {("a",)}


def test_a_commit_error_with_a_path_names_the_culprit_and_those_that_build_on_it() -> None:
    def no_b(config: Mapping[tuple[str, ...], str]) -> str | None:
        return "[edit b]" if ("b",) in config else None

    device = DeviceDouble("mx", refuse=no_b)
    intents = [intent("a", "a"), intent("b", "b"), intent("bc", "b", "c"), intent("d", "d")]
    answers = run(with_room(device, lambda room: submit_all(room, intents)))
    assert [isinstance(answer, Rejected) for answer in answers] == [False, True, True, False]
    assert set(device.running) == {("a",), ("d",)}


def test_a_commit_error_without_a_path_is_found_by_checks_not_by_commits() -> None:
    def no_seven(config: Mapping[tuple[str, ...], str]) -> str | None:
        return "" if ("seven",) in config else None

    device = DeviceDouble("mx", refuse=no_seven)
    names = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    answers = run(with_room(device, lambda room: submit_all(room, [intent(name, name) for name in names])))
    assert [isinstance(answer, Rejected) for answer in answers].index(True) == 6
    assert sum(isinstance(answer, Rejected) for answer in answers) == 1
    assert device.counts["commit"] == 2
    assert device.counts["check"] == 3


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_commit_reply_is_looked_up_in_the_commit_log(when: Any) -> None:
    device = DeviceDouble("mx")
    device.fault("commit", when)
    answer = run(with_room(device, lambda room: room.submit(intent("i", "a"))))
    assert isinstance(answer, IntentResult)
    assert len(device.history) == 1
    assert device.counts["commit"] == (2 if when == "before" else 1)


@pytest.mark.parametrize("confirm_within", [None, 60.0])
def test_warnings_beside_ok_stand_in_the_answer_and_in_the_log(
    confirm_within: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    device = DeviceDouble("mx", warnings=["a daemon is slow"], confirm_within=confirm_within)
    answer = run(with_room(device, lambda room: room.submit(intent("i", "a"))))
    commits = 1 if confirm_within is None else 2
    assert answer.warnings == ("a daemon is slow",) * commits
    assert caplog.messages == [f"{IP} says beside ok of batch {answer.batch}: a daemon is slow"] * commits
    assert decode_answer(encode_answer(answer), "i", "key") == answer


@pytest.mark.parametrize("verb", ["open", "lock", "discard", "load", "diff", "unlock"])
def test_a_connection_lost_anywhere_is_made_again(verb: str) -> None:
    device = DeviceDouble("mx")
    device.fault(verb, "before")
    answer = run(with_room(device, lambda room: room.submit(intent("i", "a"))))
    assert isinstance(answer, IntentResult)
    assert device.running == {("a",): "x;"}


def test_a_lock_held_by_another_is_waited_for_until_the_intents_time_is_over() -> None:
    device = DeviceDouble("mx")

    async def scenario(room: DeviceRoom) -> None:
        other = await DoubleDriver({IP: device}).open(Address(IP))
        await other.lock()
        with pytest.raises(TemporaryError, match="locked by another"):
            await room.submit(intent("i", "a"))
        await other.close()
        await room.submit(intent("i", "a"))

    run(with_room(device, scenario))
    assert ("a",) in device.running


def test_the_second_worker_waits_while_the_first_owns_the_device() -> None:
    device, kv = DeviceDouble("mx"), MemoryKV()

    async def scenario() -> None:
        async def first(room: DeviceRoom) -> None:
            await room.submit(intent("one", "a"))

        await with_room(device, first, kv=kv)
        await with_room(device, lambda room: room.submit(intent("two", "b")), kv=kv)

    run(scenario())
    assert set(device.running) == {("a",), ("b",)}


def test_a_tenant_with_many_does_not_keep_the_others_waiting() -> None:
    from esi.devices.batch import take

    waiting = [intent(f"n{n}", f"n{n}", tenant="noisy") for n in range(300)] + [intent("q", "q", tenant="quiet")]
    batch = take(waiting)
    assert len(batch) == 256
    assert "q" in {one.id for one in batch}


@pytest.mark.parametrize("seed", range(40))
def test_the_running_configuration_is_the_fold_of_accepted_intents(seed: int) -> None:
    """Random intents, faults at random verbs: nothing lost, nothing made up."""
    rng = random.Random(seed)
    device, kv = DeviceDouble("mx"), MemoryKV()
    accepted: list[Intent] = []
    words = ["a", "b", "c", "d"]

    async def one(room: DeviceRoom, number: int) -> None:
        path = tuple(Step(word) for word in rng.sample(words, rng.randint(1, 2)))
        operation: Operation = rng.choice(["merge", "replace", "remove"])
        text = "" if operation == "remove" else rng.choice(["x;", "y;", "z;", "!;"])
        wanted = Intent(f"i{number}", Address(IP), (Edit(path, operation, text),))
        try:
            await room.submit(wanted)
        except Rejected:
            assert text == "!;"
        else:
            accepted.append(wanted)

    async def scenario(room: DeviceRoom) -> None:
        for number in range(20):
            if rng.random() < 0.4:
                verb = rng.choice(["open", "lock", "load", "diff", "commit", "unlock", "history"])
                device.fault(verb, rng.choice(["before", "after"]))
            await one(room, number)

    run(with_room(device, scenario, kv=kv))
    expected: dict[tuple[str, ...], str] = {}
    for wanted in accepted:
        expected = fold(expected, wanted.edits)
    assert device.running == expected


def test_an_owner_that_had_nothing_to_do_comes_back() -> None:
    device = DeviceDouble("mx")

    async def scenario(room: DeviceRoom) -> None:
        await room.submit(intent("one", "a"))
        await asyncio.sleep(100)
        assert device.sessions == [], "the idle session is closed"
        async with asyncio.timeout(5):
            await room.submit(intent("two", "b"))

    run(with_room(device, scenario))
    assert set(device.running) == {("a",), ("b",)}


def test_the_lost_reply_to_taking_the_device_is_not_taken_for_another_owner() -> None:
    class Forgetful(MemoryKV):
        lost = 0

        async def commit(self, *args: Any, **more: Any) -> int:
            revision = await super().commit(*args, **more)
            self.lost += 1
            if self.lost == 1:
                raise Unreachable("the reply is lost")
            return revision

    device = DeviceDouble("mx")

    async def scenario(room: DeviceRoom) -> None:
        async with asyncio.timeout(5):
            await room.submit(intent("one", "a"))

    run(with_room(device, scenario, kv=Forgetful()))
    assert set(device.running) == {("a",)}
