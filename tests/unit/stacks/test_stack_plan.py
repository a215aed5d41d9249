"""The whole truth table of `decide`, and the order that `plan` gives."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from esi.stacks import Live
from esi.stacks.plan import Action, decide, give_way, plan
from esi.stacks.records import ResourceRecord, StackRecord, decode, encode

NEW, OLD, TRIED = {"a": 1}, {"a": 0}, {"a": 2}


def record(status: str, *, made: bool, **fields: Any) -> ResourceRecord:
    return ResourceRecord("T", status, "id" if made else "", **fields)


@pytest.mark.parametrize(
    ("known", "type_", "action"),
    [
        (None, "T", Action.CREATE),
        (record("CREATE_COMPLETE", made=True, props=NEW), "T", Action.KEEP),
        (record("UPDATE_COMPLETE", made=True, props=NEW), "T", Action.KEEP),
        (record("CREATE_COMPLETE", made=True, props=NEW, replaced=[{}]), "T", Action.CLEAN),
        (record("CREATE_COMPLETE", made=True, props=OLD, replaced=[{}]), "T", Action.CLEAN),
        (record("CREATE_IN_PROGRESS", made=False, attempted=[NEW], replaced=[{}]), "T", Action.CLEAN),
        (record("DELETE_FAILED", made=True, props=NEW, replaced=[{}]), "T", Action.RECREATE),
        (record("CREATE_COMPLETE", made=True, props=OLD), "T", Action.UPDATE),
        (record("UPDATE_IN_PROGRESS", made=True, props=NEW, attempted=[OLD]), "T", Action.UPDATE),
        (record("UPDATE_FAILED", made=True, props=NEW, attempted=[OLD]), "T", Action.UPDATE),
        (record("UPDATE_FAILED", made=True, props=OLD, attempted=[NEW]), "T", Action.UPDATE),
        (record("CREATE_IN_PROGRESS", made=False, attempted=[NEW]), "T", Action.CREATE),
        (record("CREATE_FAILED", made=False, attempted=[NEW]), "T", Action.CREATE),
        (record("CREATE_FAILED", made=False, attempted=[OLD]), "T", Action.RECREATE),
        (record("CREATE_FAILED", made=False, attempted=[NEW, OLD]), "T", Action.RECREATE),
        (record("CREATE_FAILED", made=False, attempted=[NEW]), "U", Action.RECREATE),
        (record("CREATE_COMPLETE", made=True, props=NEW), "U", Action.REPLACE),
        (record("UPDATE_FAILED", made=True, props=NEW), "U", Action.REPLACE),
        (record("DELETE_IN_PROGRESS", made=True, props=NEW), "T", Action.RECREATE),
        (record("DELETE_FAILED", made=True, props=NEW), "T", Action.RECREATE),
        (record("DELETE_FAILED", made=False, attempted=[NEW]), "U", Action.RECREATE),
    ],
)
def test_each_state_has_its_action(known: ResourceRecord | None, type_: str, action: Action) -> None:
    assert decide(known, type_, NEW) is action


def test_only_what_is_complete_and_equal_is_ever_kept() -> None:
    statuses = [f"{verb}_{end}" for verb in ("CREATE", "UPDATE", "DELETE") for end in ("IN_PROGRESS", "FAILED")]
    for status, made, props, attempted in itertools.product(statuses, (True, False), (NEW, OLD), ([], [NEW], [TRIED])):
        known = record(status, made=made, props=props, attempted=list(attempted))
        assert decide(known, "T", NEW) is not Action.KEEP


def test_ensure_comes_first_and_what_is_gone_goes_last_dependants_before_what_they_need() -> None:
    known = {
        "a": ResourceRecord("T", "CREATE_COMPLETE"),
        "x": ResourceRecord("T", "CREATE_COMPLETE", depends=["a"]),
        "y": ResourceRecord("T", "CREATE_COMPLETE", depends=["x", "a"]),
    }
    steps = plan(known, {"a": {"off"}, "b": {"a"}})
    assert [(step.name, set(step.after), step.gone) for step in steps] == [
        ("a", set(), False),
        ("b", {"a"}, False),
        ("y", {"a", "b"}, True),
        ("x", {"a", "b", "y"}, True),
    ]
    assert [(step.name, set(step.after)) for step in plan(known, {})] == [("y", set()), ("x", {"y"}), ("a", {"x", "y"})]


def test_who_goes_gives_up_its_place_before_another_takes_it() -> None:
    known = {
        "old": ResourceRecord("T", "CREATE_COMPLETE"),
        "its": ResourceRecord("T", "CREATE_COMPLETE", depends=["old"]),
        "other": ResourceRecord("T", "CREATE_COMPLETE"),
    }
    steps = plan(known, {"new": set(), "last": {"new"}})
    held = {"old": {"r1/a/"}, "its": set(), "other": {"r2/"}, "new": set(), "last": set()}
    after = {name: set(step.after) for name, step in give_way(steps, held, {"new": {"r1/a/b/"}, "last": set()}).items()}
    assert after == {
        "new": {"old"},
        "last": {"new"},
        "other": {"new", "last"},
        "its": set(),
        "old": {"its"},
    }
    assert give_way(steps, held, {"new": {"r1/b/"}}) == {step.name: step for step in steps}


def test_an_unfinished_create_shows_what_was_attempted() -> None:
    known = record("CREATE_FAILED", made=False, attempted=[OLD, TRIED])
    assert known.live() == Live("", TRIED, attempted=(OLD,))
    known = record("UPDATE_FAILED", made=True, props=OLD, attempted=[TRIED])
    assert known.live() == Live("id", OLD, attempted=(TRIED,))
    known.attempt(TRIED)
    assert known.attempted == [TRIED]


def test_a_record_survives_its_encoding() -> None:
    stack = StackRecord(
        "s", "t", "CREATE_FAILED", "op", 60.0, 5.0, ref=["thing", "1", 1], outputs=[{"output_key": "k"}]
    )
    known = record("CREATE_COMPLETE", made=True, props=NEW, data={"paths": [["a"]]}, depends=["b"])
    stack.resources["a"] = ResourceRecord("T", "", replaced=known.retire())
    again = decode(encode(stack), "key")
    assert again == stack
    (old,) = again.resources["a"].replaced
    assert ResourceRecord(**old).live() == known.live()
