"""The comparer itself: it finds what differs, maps what may, and counts every leaf exactly once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.testing.compare import ABSENT, Comparison, Ids, align, leaves, read_rules

ONE = "11111111-1111-4111-8111-111111111111"
TWO = "22222222-2222-4222-8222-222222222222"
OURS = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
OTHER = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"

TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", ONE, "***"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def compared(recorded: Any, ours: Any, **options: Any) -> Comparison:
    comparison = Comparison(options.pop("ids", Ids()), **options)
    comparison.compare(recorded, ours, "r")
    return comparison


def different(recorded: Any, ours: Any, **options: Any) -> list[str]:
    return [item.path for item in compared(recorded, ours, **options).tally.differences]


@pytest.mark.parametrize(
    ("recorded", "ours", "paths"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": "1"}, ["r.a"]),
        ({"a": 1}, {"a": True}, ["r.a"]),
        ({"a": 830}, {"a": 830.0}, []),
        ({"a": None}, {}, ["r.a"]),
        ({"a": {"b": 1, "c": 2}}, {"a": None}, ["r.a.b", "r.a.c"]),
        ({"a": [1, 2]}, {"a": [1]}, ["r.a[1]"]),
        ({"a": [1]}, {"a": [1, 2]}, ["r.a[1]"]),
        ({"a": {}}, {"a": []}, ["r.a"]),
        ([1, 2], [2, 1], ["r[0]", "r[1]"]),
    ],
)
def test_what_differs_is_named(recorded: Any, ours: Any, paths: list[str]) -> None:
    assert different(recorded, ours) == paths


def test_a_key_of_ours_alone_is_listed_and_no_fault() -> None:
    tally = compared({"a": 1}, {"a": 1, "b": 2}).tally
    assert (tally.differences, tally.not_recorded) == ([], ["r.b"])


def test_ids_are_paired_one_to_one() -> None:
    assert different([ONE, ONE], [OURS, OURS]) == []
    assert different([ONE, ONE], [OURS, OTHER]) == ["r[1]"]
    assert different([ONE, TWO], [OURS, OURS]) == ["r[1]"]
    assert different([ONE, TWO], [OURS, OTHER]) == []


def test_known_ids_are_mapped_inside_texts_and_keys() -> None:
    ids = Ids()
    ids.learn(ONE, OURS)
    tree = {f"/config/{ONE}": f"stack_{ONE}"}
    assert different(tree, {f"/config/{OURS}": f"stack_{OURS}"}, ids=ids) == []
    assert different(tree, {f"/config/{OURS}": f"stack_{ONE}"}, ids=ids) == [f"r./config/{ONE}"]


def test_a_masked_secret_stands_for_any_that_is_there() -> None:
    assert different({"p": "******"}, {"p": "secret"}) == []
    assert different({"p": "******"}, {"p": ""}) == ["r.p"]


def test_lists_that_are_sets_have_no_order() -> None:
    ids = Ids()
    ids.learn(ONE, OURS)
    assert different({"via": [f"a:{ONE}", "b"]}, {"via": ["b", f"a:{OURS}"]}, ids=ids, sets=["*.via"]) == []
    assert different({"via": ["a", "b"]}, {"via": ["b", "c"]}, sets=["*.via"]) == ["r.via[0]"]
    assert different({"via": ["a"]}, {"via": ["a", "b"]}, sets=["*.via"]) == ["r.via[1]"]


def test_a_rule_takes_all_leaves_below_its_path_and_is_counted() -> None:
    rules = read_rules(
        [
            {"path": "r.list[*]", "having": {"kind": "n*"}, "reason": "not yet", "group": "later"},
            {"path": "*.time", "reason": "differs", "group": "time"},
        ]
    )
    recorded = {"list": [{"kind": "net", "x": [1, 2]}, {"kind": "vpn", "time": 3}], "time": 4}
    tally = compared(recorded, {"list": [ABSENT, {"kind": "vpn"}]}, rules=rules).tally
    assert tally.differences == []
    assert (tally.compared, dict(tally.ignored)) == (1, {"later": 3, "time": 2})
    assert [rule.used for rule in rules] == [3, 2]


def test_a_rule_may_look_at_the_value_itself_and_tells_when_it_is_broader_than_needed() -> None:
    rules = read_rules([{"path": "*mac*", "having": {"": "fa:*"}, "reason": "made", "group": "random"}])
    recorded = {"mac": "fa:1", "old_mac": "00:1", "macs": ["fa:2", "fa:3"]}
    tally = compared(recorded, {"mac": "fa:9", "old_mac": "00:2", "macs": ["fa:2", "fa:8"]}, rules=rules).tally
    assert [item.path for item in tally.differences] == ["r.old_mac"]
    assert (rules[0].used, rules[0].equal) == (3, 1)


@given(TREES, TREES)
def test_every_recorded_leaf_is_counted_once(recorded: Any, ours: Any) -> None:
    tally = compared(recorded, ours).tally
    extra = sum(1 for item in tally.differences if item.recorded == ABSENT)
    assert tally.leaves - extra == sum(1 for _ in leaves(recorded))


@given(TREES)
def test_a_tree_equals_itself(tree: Any) -> None:
    assert compared(tree, tree).tally.differences == []


def test_entries_are_aligned_each_once_and_their_order_is_told() -> None:
    same = str.__eq__
    assert align(["a", "b"], ["x", "a", "b"], same) == (["a", "b"], True)
    assert align(["a", "b"], ["b", "a"], same) == (["a", "b"], False)
    assert align(["a", "a"], ["a"], same) == (["a", ABSENT], True)
