"""The recorder's files: bounded in bytes and age, whole after a kill, and honest about what is missing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from esi.clock import Clock, LoopClock, SystemClock
from esi.errors import Unreachable
from esi.tasks import Tasks
from esi.telemetry import Message, segments
from esi.telemetry.masks import Masks
from esi.telemetry.segments import Limits, Segments, read_lines
from esi.telemetry.shipping import Shipping
from esi.testing.loop import run

REF = ("note", "1", 1)


class Machine:
    """A folder, and the processes that record into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.living: list[Segments] = []

    def opened(self, process: str = "api-1", *, clock: Clock | None = None, **limits: Any) -> Segments:
        clock = clock or SystemClock()
        sink = Segments(self.folder, process, "api", masks=Masks(), clock=clock, limits=Limits(**limits))
        self.living.append(sink)
        return sink


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    for sink in machine.living:
        sink.close()


def message(subject: str, body: Any = None) -> Message:
    return Message("sql", "gohan", "sql", subject, body, at=1.0, refs=(REF,))


def written(sink: Segments, *subjects: str) -> None:
    for subject in subjects:
        sink.message(message(subject))
    while sink.write():
        continue


def drained(sink: Segments, most: int = 1_000) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while (batch := sink.waiting(most)) is not None:
        found += [document for document, _ in read_lines(batch.data)]
        sink.taken(batch)
    return found


def subjects(found: list[dict[str, Any]]) -> list[str]:
    return [one["subject"] for one in found if "subject" in one]


def lost(found: list[dict[str, Any]]) -> int:
    return sum(one["dropped"] for one in found if "dropped" in one)


def test_messages_come_out_in_order_and_once(machine: Machine) -> None:
    sink = machine.opened()
    names = [f"m{number}" for number in range(120)]
    written(sink, *names)
    assert subjects(drained(sink)) == names
    assert drained(sink) == []
    written(sink, "later")
    (one,) = drained(sink)
    assert one == {
        "at": 1.0, "took": 0.0, "hop": "sql", "from": "gohan", "to": "sql", "subject": "later", "body": None,
        "refs": [{"schema": "note", "id": "1", "version": 1}], "request": "", "process": "api",
    }  # fmt: skip


def test_what_belongs_to_nothing_is_not_kept(machine: Machine) -> None:
    sink = machine.opened()
    sink.message(Message("http", "client", "gohan", "GET /"))
    assert not sink.write()
    assert drained(sink) == []


def test_what_is_made_later_is_made_when_it_is_written_and_in_its_order(machine: Machine) -> None:
    sink, made = machine.opened(), list[str]()

    def make() -> list[Message]:
        made.append("now")
        return [message("b"), Message("http", "client", "gohan", "of nothing"), message("c")]

    sink.message(message("a"))
    sink.later(make)
    sink.message(message("d"))
    assert made == []
    sink.write()
    assert (subjects(drained(sink)), made) == (["a", "b", "c", "d"], ["now"])


def test_what_is_to_be_made_counts_in_the_queue(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "QUEUE", 1)
    sink = machine.opened()
    sink.later(lambda: [message("a")])
    sink.later(lambda: [message("b")])
    sink.write()
    found = drained(sink)
    assert (subjects(found), lost(found)) == (["a"], 1)


def test_the_queue_is_bounded_and_what_it_drops_is_counted(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "QUEUE", 3)
    sink = machine.opened()
    written(sink, "a", "b", "c", "d", "e")
    found = drained(sink)
    assert (subjects(found), lost(found)) == (["a", "b", "c"], 2)


def test_bytes_are_bounded_the_oldest_go_and_are_counted(machine: Machine) -> None:
    sink = machine.opened(size=32_000)
    names = [f"m{number:04d}" for number in range(500)]
    for name in names:
        written(sink, name)
        assert sum(file.stat().st_size for file in machine.folder.rglob("*.jsonl")) <= 32_000 + 4_000
    found = drained(sink)
    kept = subjects(found)
    assert kept == names[-len(kept) :]
    assert 50 < len(kept) < 450
    assert lost(found) + len(kept) == 500


def test_age_is_bounded(machine: Machine) -> None:
    sink = machine.opened(age=3_600.0)
    written(sink, "old")
    (file,) = machine.folder.rglob("*.jsonl")
    os.utime(file, (1.0, 1.0))
    written(sink)
    written(sink, "new")
    found = drained(sink)
    assert (subjects(found), lost(found)) == (["new"], 1)


def test_a_line_that_a_kill_has_cut_is_nobodys(machine: Machine) -> None:
    dead = machine.opened("api-1")
    written(dead, "a", "b")
    (file,) = machine.folder.rglob("*.jsonl")
    file.write_bytes(file.read_bytes()[:-7])
    assert dead._lock is not None
    dead._lock.close()  # as the kernel does for a process that dies
    heir = machine.opened("api-2")
    written(heir, "c")
    assert subjects(drained(heir)) == ["a", "c"]
    assert [folder.name for folder in machine.folder.iterdir()] == ["api-2"]


def test_the_living_are_not_robbed(machine: Machine) -> None:
    first = machine.opened("worker-1")
    written(first, "mine")
    second = machine.opened("worker-2")
    assert drained(second) == []
    assert subjects(drained(first)) == ["mine"]
    first.close()
    assert subjects(drained(machine.opened("worker-3"))) == []


def test_one_message_cannot_fill_the_disk(machine: Machine) -> None:
    sink = machine.opened()
    sink.message(message("big", "x" * 1_000_000))
    sink.write()
    (one,) = drained(sink)
    assert "are more than is kept" in one["body"]


def test_a_disk_that_refuses_costs_messages_and_nothing_else(machine: Machine) -> None:
    sink = machine.opened()
    folder = machine.folder / "api-1"
    (folder / f"{1:012d}.jsonl").mkdir()
    written(sink, "a", "b")
    assert sink.dropped == 2


def test_shipping_waits_while_nobody_takes_and_loses_nothing(machine: Machine) -> None:
    taken: list[bytes] = []
    away = True

    async def take(data: bytes) -> None:
        if away:
            raise Unreachable("the API is away")
        taken.append(data)

    async def work() -> None:
        nonlocal away
        clock = LoopClock()
        sink = machine.opened("worker-1", clock=clock, age=1e12)
        shipping = Shipping(sink, take, clock)
        sink.message(message("a"))
        await shipping.turn()
        sink.message(message("b"))
        await shipping.turn()
        assert not taken
        away = False
        await clock.sleep(5.0)
        await shipping.turn()
        assert subjects([document for document, _ in read_lines(b"".join(taken))]) == ["a", "b"]
        await shipping.turn()
        assert len(taken) == 1, "nothing is sent twice when it was answered"
        machine.living.remove(sink)  # its clock goes with the loop
        sink.close()

    run(work())


def test_who_asks_is_told_all_that_is_known_without_a_rest(machine: Machine) -> None:
    taken: list[bytes] = []

    async def take(data: bytes) -> None:
        taken.append(data)

    async def work() -> None:
        clock = LoopClock()
        sink = machine.opened("api-1", clock=clock, age=1e12)
        for number in range(3 * segments.STEP):
            sink.message(message(str(number)))
        await Shipping(sink, take, clock).flush()
        assert clock.monotonic() == 0.0
        machine.living.remove(sink)
        sink.close()

    run(work())
    documents = [document for document, _ in read_lines(b"".join(taken))]
    assert subjects(documents) == [str(number) for number in range(3 * segments.STEP)]


@pytest.mark.parametrize(("late", "turns"), [(0.0, 10 / 0.4), (0.02, 10 / 1.62)])
def test_shipping_takes_a_twentieth_of_a_core_and_an_eightieth_of_one_that_others_want(
    machine: Machine, late: float, turns: float
) -> None:
    """Ten seconds of messages without end, 20 ms of work for each turn."""
    taken: list[bytes] = []

    class Clock(LoopClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds + late)

    async def work() -> None:
        clock = Clock()
        sink = machine.opened("worker-1", clock=clock, age=1e12)

        async def take(data: bytes) -> None:
            taken.append(data)
            sink.message(message("next"))
            await asyncio.sleep(0.02)

        sink.message(message("first"))
        async with Tasks("shipping") as tasks:
            tasks.start("run", Shipping(sink, take, clock).run())
            await asyncio.sleep(10)
        machine.living.remove(sink)
        sink.close()

    run(work())
    assert abs(len(taken) - turns) <= 2
