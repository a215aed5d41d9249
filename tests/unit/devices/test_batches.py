"""Which intents go together, which stand for others, and how both look on their way through etcd. Pure."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.clock import LoopClock
from esi.devices import DeviceRoom
from esi.devices.batch import GATHER_SECONDS, covers, pause, superseded
from esi.devices.line import Line, Waiting
from esi.drivers import Address, Edit, Intent, IntentResult, Operation, Step
from esi.drivers.records import MAX_DIFF, decode_answer, decode_intent, encode_answer, encode_intent
from esi.errors import Broken, Busy, EsiError, LeaseLost, Outrun, Rejected, TimedOut, Unreachable, Unsupported
from esi.kv import Guard
from esi.kv.memory import MemoryKV
from esi.tasks import Tasks
from esi.testing.double import DeviceDouble, DoubleDriver, fold
from esi.testing.loop import run
from esi.work.lease import ProcessLease

IP = "10.79.5.185"


def edit(words: str, operation: Operation = "merge", text: str = "x;") -> Edit:
    return Edit(tuple(Step(word) for word in words.split()), operation, "" if operation == "remove" else text)


def intent(resource: str, version: int, *edits: Edit) -> Intent:
    return Intent(f"{resource}-{version}", Address(IP), edits, ("thing", resource, version))


@pytest.mark.parametrize(
    ("count", "took", "rest"),
    [
        (0, 0.0, 0.0),
        (1, 0.0, 0.0),
        (8, 0.0, 0.24),
        (4, 0.1, 0.12),
        (8, 0.1, GATHER_SECONDS - 0.1),
        (200, 0.1, GATHER_SECONDS - 0.1),
        (200, 1.0, 0.0),
    ],
)
def test_a_pause_is_as_long_as_the_batch_was_large_and_none_for_one_or_for_a_slow_device(
    count: int, took: float, rest: float
) -> None:
    assert pause(count, took) == pytest.approx(rest)


OLD = intent("r", 1, edit("a b"), edit("a c"))


@pytest.mark.parametrize(
    ("newer", "safe"),
    [
        (intent("r", 2, edit("a b", "replace"), edit("a c", "remove")), True),
        (intent("r", 2, edit("a", "replace")), True),
        (intent("r", 2, edit("a b", "replace"), edit("a c")), False),  # a merge leaves what the older one put
        (intent("r", 2, edit("a b", "replace")), False),
        (intent("r", 2, edit("a b d", "replace"), edit("a c", "replace")), False),
        (intent("r", 1, edit("a b"), edit("a c")), True),  # the same again
        (intent("r", 0, edit("a", "replace")), False),
        (intent("other", 2, edit("a", "replace")), False),
    ],
)
def test_a_newer_version_stands_for_an_older_one_only_when_nothing_of_it_would_be_left(
    newer: Intent, safe: bool
) -> None:
    assert superseded([OLD, newer]) == ({0: 1} if safe else {})


def test_nothing_is_left_out_that_somebody_else_builds_on() -> None:
    newer = intent("r", 2, edit("a", "replace"))
    assert superseded([OLD, intent("other", 1, edit("a b below")), newer]) == {}
    assert superseded([OLD, intent("other", 1, edit("elsewhere")), newer]) == {0: 2}
    third = intent("r", 3, edit("a", "replace"))
    assert superseded([OLD, newer, third]) == {0: 2, 1: 2}


WORDS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map(" ".join)
EDITS = st.builds(edit, WORDS, st.sampled_from(["merge", "replace", "remove"]), st.sampled_from(["x;", "y;"]))
INTENTS = st.lists(
    st.tuples(st.sampled_from(["r", "s"]), st.lists(EDITS, min_size=1, max_size=3)), min_size=1, max_size=6
)


@given(INTENTS)
def test_the_configuration_is_the_same_with_and_without_what_is_superseded(drawn: list[tuple[str, list[Edit]]]) -> None:
    batch = [intent(resource, version, *edits) for version, (resource, edits) in enumerate(drawn)]
    left_out = superseded(batch)
    whole: dict[tuple[str, ...], str] = {}
    part: dict[tuple[str, ...], str] = {}
    for at, one in enumerate(batch):
        whole = fold(whole, one.edits)
        if at not in left_out:
            part = fold(part, one.edits)
    assert part == whole


def test_of_one_resource_only_the_newest_is_loaded_and_the_older_is_answered_with_it() -> None:
    device = DeviceDouble("mx")
    newer = intent("r", 2, edit("a", "replace", "new;"))
    answers = run(_submit(device, [OLD, newer]))
    assert [answer.superseded for answer in answers if isinstance(answer, IntentResult)] == [True, False]
    assert device.counts["load"] == 1
    assert device.running == {("a",): "new;"}


def test_when_the_newest_is_refused_the_older_is_served_after_all() -> None:
    device = DeviceDouble("mx")
    answers = run(_submit(device, [OLD, intent("r", 2, edit("a", "replace", "!;"))]))
    assert isinstance(answers[0], IntentResult)
    assert not answers[0].superseded
    assert isinstance(answers[1], Rejected)
    assert device.running == {("a", "b"): "x;", ("a", "c"): "x;"}


async def _submit(device: DeviceDouble, intents: list[Intent]) -> list[IntentResult | BaseException]:
    kv = MemoryKV()
    lease = ProcessLease(kv)
    async with Tasks("test") as tasks:
        room = DeviceRoom(kv, DoubleDriver({IP: device}), lease, clock=LoopClock(), tasks=tasks)
        try:
            return await asyncio.gather(*(room.submit(one) for one in intents), return_exceptions=True)
        finally:
            await lease.close()


# -- on their way -------------------------------------------------------------------------------------------------


def test_an_intent_is_the_same_after_its_way_through_etcd() -> None:
    path = (Step("interfaces"), Step("unit", "\ue000122\ue001", "named_tag", "named_tag"))
    whole = Intent(
        "job/x",
        Address(IP, 830, "esi", "secret"),
        (Edit(path, "replace", "vlan-id \ue000122\ue001;\n"), Edit(path, "remove")),
        ("vpn_gateway", "id", 3),
        "tenant",
        3000.0,
        Guard("/jobs/working/job", 17, "create"),
    )
    assert decode_intent(encode_intent(whole, 99), "key") == (whole, 99)
    assert decode_intent(encode_intent(OLD, 1), "key") == (OLD, 1)
    assert not covers(OLD, whole)


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b'{"id": "x", "address": 1}', b'{"lease": null}'])
def test_what_is_no_intent_is_named(value: bytes) -> None:
    with pytest.raises(Broken, match="the key"):
        decode_intent(value, "the key")
    with pytest.raises(Broken, match="the key"):
        decode_answer(value, "x", "the key")


@pytest.mark.parametrize(
    "answer",
    [
        Rejected("mx", "no", path="[edit a]", stage="load"),
        Busy("held by root", after=2.0, user="root"),
        Unreachable("gone"),
        TimedOut("late"),
        LeaseLost("over"),
        Outrun("faster"),
        Unsupported("never"),
    ],
)
def test_an_error_is_the_same_after_its_way_through_etcd(answer: EsiError) -> None:
    back = decode_answer(encode_answer(answer), "x", "key")
    assert isinstance(back, EsiError)
    assert type(back) is type(answer)
    assert (back.message, back.details) == (answer.message, answer.details)
    assert getattr(back, "after", None) == getattr(answer, "after", None)


def test_a_result_goes_back_with_the_beginning_of_its_diff() -> None:
    back = decode_answer(encode_answer(IntentResult("x", "b", "d" * 100_000, True)), "x", "key")
    assert back == IntentResult("x", "b", "d" * MAX_DIFF, True)


def test_the_line_keeps_the_order_of_etcd_among_those_that_stand_there() -> None:
    line = Line()
    own = Waiting(OLD, 0.0)
    second, first = Waiting(OLD, 0.0, "/k2", 5, 9), Waiting(OLD, 0.0, "/k1", 4, 9)
    for one in (own, second, first):
        line.join(one)
    assert list(line) == [own, first, second]
    line.dismiss_foreign()
    assert list(line) == line.own == [own]
    assert line.at("/k1") is None
