"""Validators, formats, documents."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.schema import load_documents
from esi.schema.documents import clone, merge
from esi.schema.formats import FORMATS
from esi.schema.properties import values_at
from esi.schema.validation import FORBIDDEN_IN_RAW, STRUCTURAL, forbidden_inside

SCHEMA = load_documents(
    """
schemas:
- id: t
  singular: t
  plural: ts
  title: T
  description: d
  schema:
    type: object
    required: [name, maybe]
    anyOf: [{required: [a]}, {required: [b]}]
    properties:
      name: {type: string, permission: [create]}
      maybe: {type: [string, "null"], permission: [create, update]}
      a: {type: integer, permission: [create, update]}
      b: {type: number, permission: [update]}
      free: {type: object, permission: [create, update]}
      raw: {type: string, raw: true, permission: [create, update]}
      mixed: {type: object, properties: {text: {type: string, raw: true}, line: {type: string}}, permission: [create]}
      several: {type: [string, integer], permission: [create]}
"""
)["t"]


def paths(faults: list[tuple[str, str]]) -> list[str]:
    return [path for path, _text in faults]


def test_create_update_and_row_judge_different_things() -> None:
    assert SCHEMA.check_create({"name": "n", "maybe": None}) == []
    assert paths(SCHEMA.check_create({"name": "n", "maybe": None, "b": 1})) == ["b"]
    assert paths(SCHEMA.check_create({"maybe": 5})) == ["maybe", "name"]
    assert SCHEMA.check_update({"b": 1.5}) == []
    assert SCHEMA.check_update({"name": "n"}) == [("name", "cannot be changed")]
    assert SCHEMA.check_row({"name": "n", "maybe": "m", "a": 1, "b": None}) == []
    assert paths(SCHEMA.check_row({"name": "n", "maybe": "m"})) == ["t"]


def test_a_row_spares_what_was_judged_and_is_still_the_same() -> None:
    row: dict[str, Any] = {"name": "n", "maybe": None, "a": "wrong", "free": {"x": 1}}
    judged = {"name": row["name"], "a": row["a"], "free": row["free"]}
    assert paths(SCHEMA.check_row(row)) == ["a"]
    assert SCHEMA.check_row(row, judged) == []
    assert paths(SCHEMA.check_row({**row, "a": "other"}, judged)) == ["a"]
    row["free"]["x"] = "\n"
    assert paths(SCHEMA.check_row(row, judged)) == ["free.x"]
    assert paths(SCHEMA.check_row({"maybe": None, "a": "wrong"}, judged)) == ["name"]
    assert paths(SCHEMA.check_row({"name": "n", "maybe": None}, {"name": "n", "a": 1})) == ["t"]


def test_what_can_be_printed_holds_nothing_that_is_forbidden() -> None:
    """Only texts that cannot are searched."""
    printable = "".join(character for character in map(chr, range(0x110000)) if character.isprintable())
    assert STRUCTURAL.search(printable) is None
    assert FORBIDDEN_IN_RAW.search(printable) is None


@pytest.mark.parametrize("value", [1.5, "1", True, 2**63, -(2**63) - 1, None, [1]])
def test_integers_are_integers_of_64_bits(value: Any) -> None:
    faults = SCHEMA.check_create({"name": "n", "maybe": "m", "a": value})
    assert paths(faults) == ([] if value is None else ["a"])


@pytest.mark.parametrize(
    "character", ["\n", "\r", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\ue000", "\ue001", "\ud800"]
)
def test_characters_that_no_value_holds(character: str) -> None:
    text = f"a{character}b"
    good = {"name": "n", "maybe": "m"}
    assert paths(SCHEMA.check_create({**good, "name": text})) == ["name"]
    assert paths(SCHEMA.check_create({**good, "free": {"x": [{"y": text}]}})) == ["free.x[0].y"]
    assert paths(SCHEMA.check_create({**good, "free": {text: 1}})) == ["free"]
    spared = character in "\n\r\x1b\x7f\x85\u2028"
    assert paths(SCHEMA.check_create({**good, "raw": text})) == ([] if spared else ["raw"])
    assert paths(SCHEMA.check_create({**good, "mixed": {"text": text}})) == ([] if spared else ["mixed.text"])
    assert paths(SCHEMA.check_create({**good, "mixed": {"line": text}})) == ["mixed.line"]


def test_deep_nesting_is_refused_without_falling_over() -> None:
    deep: Any = "x"
    for _level in range(5_000):
        deep = [deep]
    assert "nested deeper" in SCHEMA.check_create({"name": "n", "maybe": "m", "free": {"d": deep}})[0][1]


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_no_forbidden_character_hides_anywhere(value: Any) -> None:
    def texts(item: Any) -> list[str]:
        if isinstance(item, str):
            return [item]
        if isinstance(item, dict):
            return [*item, *(text for inner in item.values() for text in texts(inner))]
        return [text for inner in item for text in texts(inner)] if isinstance(item, list) else []

    dirty = any(STRUCTURAL.search(text) for text in texts(value))
    assert bool(list(forbidden_inside({"v": value}, "x", raw=False))) == dirty


FORMAT_CASES = {
    "hyph-uuid": (["0bea303d-b6eb-4edc-83ef-e32f915d3047"], ["", "0bea303db6eb4edc83efe32f915d3047", "x"]),
    "hyph-uuid-or-empty": (["", "0bea303d-b6eb-4edc-83ef-e32f915d3047"], ["x"]),
    "non-hyph-uuid": (["0b576f6f4cbf414f829cd12f008bf08f"], ["", "0b576f6f4cbf414f829cd12f008bf08", "0bea303d-b6eb"]),
    "uuid": (["0b576f6f4cbf414f829cd12f008bf08f", "0bea303d-b6eb-4edc-83ef-e32f915d3047"], ["", "0b"]),
    "ipv4": (["0.0.0.0", "10.79.5.184"], ["", "10.79.5", "10.79.5.256", "010.1.1.1", "1.1.1.1/8", "1.1.1.1\n"]),
    "ipv6": (["::1", "2001:db8::"], ["", "1.2.3.4", "fe80::1%eth0"]),
    "cidr": (["192.168.8.2/30", "2001:db8::/32"], ["192.168.8.2", "192.168.8.2/33", "192.168.8.2/030", "::/129", "/8"]),
    "cidr-or-ipv4": (["192.168.8.2", "192.168.8.2/30"], ["::1", "x"]),
    "ipv4-network": (["192.168.8.0/30"], ["192.168.8.2/30", "192.168.8.0"]),
    "ipv4-address-with-cidr": (["192.168.8.2/30", "10.0.0.0/31"], ["192.168.8.0/30", "192.168.8.3/30"]),
    "hostname": (["a", "a-b.example."], ["", "-a", "a..b", "a" * 64, "a_b"]),
    "port": (["1", "65535"], ["0", "65536", "01", "x", "1\n"]),
    "mac": (["00:1b:44:11:3a:B7"], ["001b44113ab7", "00:1b:44:11:3a"]),
    "regex": (["a+"], ["(("]),
    "date-time": (["2018-02-19T00:00:00Z"], ["2018-02-19"]),
}


@pytest.mark.parametrize("name", FORMAT_CASES)
def test_formats(name: str) -> None:
    good, bad = FORMAT_CASES[name]
    assert [text for text in good if not FORMATS[name](text)] == []
    assert [text for text in bad if FORMATS[name](text)] == []


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(text=st.text())
def test_formats_answer_any_text(name: str, text: str) -> None:
    assert FORMATS[name](text) in (True, False)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json, json)
def test_copies_share_nothing_and_merges_change_nothing(old: Any, new: Any) -> None:
    before = copy.deepcopy((old, new))
    merged = merge(old, new)
    assert clone(old) == old
    _spoil(merged)
    _spoil(clone(old))
    assert (old, new) == before


def _spoil(value: Any) -> None:
    if isinstance(value, dict):
        for inner in list(value.values()):
            _spoil(inner)
        value["spoiled"] = True
    elif isinstance(value, list):
        for inner in value:
            _spoil(inner)
        value.append("spoiled")


def test_values_are_found_with_their_places() -> None:
    body = {"a": [{"b": "x"}, {"b": ["y", "z"]}, 5, {"c": 1}]}
    assert list(values_at(body, ("a", "b"))) == [("a[0].b", "x"), ("a[1].b[0]", "y"), ("a[1].b[1]", "z")]
