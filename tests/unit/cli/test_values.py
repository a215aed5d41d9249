"""Texts of the command line as JSON values."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.cli.connection import Duration
from esi.cli.values import parse_value, property_options
from esi.client.schemas import Property


def prop(*types: str, name: str = "x", relation: str = "") -> Property:
    return Property(name, name, "", types, frozenset({"create"}), relation=relation)


@given(st.integers())
def test_integers(value: int) -> None:
    assert parse_value(prop("integer"), str(value)) == value
    assert isinstance(parse_value(prop("number"), str(value)), int)


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=9))
def test_documents(value: object) -> None:
    if isinstance(value, list):
        assert parse_value(prop("array"), json.dumps(value)) == value
    assert parse_value(prop("object"), json.dumps({"a": value})) == {"a": value}


@given(st.text().filter(lambda text: text != "<null>"))
def test_text_stays_as_it_is(value: str) -> None:
    assert parse_value(prop("string", "null"), value) == value


def test_null_is_null_for_every_type() -> None:
    for kind in ("string", "integer", "number", "boolean", "array", "object"):
        assert parse_value(prop(kind), "<null>") is None


def test_an_option_of_the_command_is_not_taken_over_by_a_property() -> None:
    options = property_options([prop("string", name="fields"), prop("string", name="note")], taken={"fields"})
    assert [option.opts for option in options] == [["--note"]]


def test_a_relation_gets_its_short_name_only_where_it_is_free() -> None:
    both = [prop("string", name="rack_id", relation="rack"), prop("string", name="rack")]
    assert [option.opts for option in property_options(both, taken=())] == [["--rack_id"], ["--rack"]]
    one = property_options([prop("string", name="rack_id", relation="rack")], taken=())
    assert one[0].opts == ["--rack_id", "--rack"]


@pytest.mark.parametrize(("text", "seconds"), [("5m", 300), ("90s", 90), ("1h30m", 5400), ("2", 2), ("1.5s", 1.5)])
def test_durations(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds
