"""Jinja with places instead of values: whatever a value holds, it is put in after the text has been read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.errors import TemplateError
from esi.render.jinja import PLACE, render, render_places


def test_each_value_has_a_place_and_stays_what_it_is() -> None:
    text, values = render_places('a: {{ n }}\nb: "{{ s }}-{{ s | upper }}"', {"n": 830, "s": 'p"w: {x}'})
    assert values == [830, 'p"w: {x}', 'P"W: {X}']
    assert PLACE.sub("_", text) == 'a: _\nb: "_-_"'


@given(st.text(), st.text())
def test_no_value_changes_the_text(one: str, other: str) -> None:
    source = 'a: "{{ v }}"\n{% if v | match("[a-z]+x") %}b: {{ v }}{% endif %}'
    first, values = render_places(source, {"v": one})
    assert values[0] == one
    assert first == render_places(source, {"v": "x" if len(values) == 1 else "abcx"}).text
    assert render_places("{{ v }}", {"v": other}).text == render_places("{{ v }}", {"v": one}).text


def test_both_ways_of_one_text_live_side_by_side() -> None:
    source = "x{{ v }}y"
    assert render_places(source, {"v": "1"}).values == ["1"]
    assert "1" in render(source, {"v": "1"})
    assert render_places("no places", {}) == ("no places", [])


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("{{ missing }}", "missing"),
        ("{{ v", "line 1"),
        ("{{ v.__class__ }}", "unsafe"),
        ("{{ ''.join }}", "plain data"),
    ],
)
def test_what_cannot_be_rendered_is_told(source: str, fault: str) -> None:
    with pytest.raises(TemplateError, match=fault):
        render_places(source, {"v": "x"})
