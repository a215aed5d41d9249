"""Jinja in its sandbox and the marks around values: hostile values never change what a template is."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from esi.errors import TemplateError
from esi.render.jinja import check, render
from esi.render.marks import Keys, is_marked, mark, remark, strip, stripped, unprintable


def plain(source: str, **context: Any) -> str:
    return strip(render(source, context))


@pytest.mark.parametrize(
    ("source", "context", "text"),
    [
        ("no jinja: {a: b}\n", {}, "no jinja: {a: b}\n"),
        ("{{ a }}/{{ b }}\n", {"a": "x", "b": 3}, "x/3\n"),
        ("{{ t }} {{ n }} {{ e }}", {"t": True, "n": None, "e": ""}, "true null "),
        ('{% for d in ["primary", "secondary"] %}{{ d }}_ip {% endfor %}', {}, "primary_ip secondary_ip "),
        ("{% for f in l %}{{ loop.index0 }}:{{ f.ip }} {% endfor %}", {"l": [{"ip": "a"}, {"ip": "b"}]}, "0:a 1:b "),
        ("{{ a | replace('/[0-9]+$', '') }}", {"a": "10.0.0.1/24"}, "10.0.0.1"),
        ("{% if a | match('net.*:dhcp') %}y{% else %}n{% endif %}", {"a": "network:dhcp"}, "y"),
        ("{% if a is match('dhcp') %}y{% else %}n{% endif %}", {"a": "network:dhcp"}, "n"),
        ("{% set x = a ~ '_1' %}{{ x }}", {"a": "v"}, "v_1"),
        ("{# gone #}{% raw %}{{ a }}{% endraw %}", {}, "{{ a }}"),
    ],
)  # fmt: skip
def test_templates_render(source: str, context: dict[str, Any], text: str) -> None:
    assert plain(source, **context) == text


def test_strings_leave_between_marks_and_numbers_as_they_are() -> None:
    assert render("{{ a }} {{ b }}", {"a": "x", "b": 4}) == "\ue000x\ue001 4"


@pytest.mark.parametrize(
    ("source", "context", "words"),
    [
        ("{{ a }}", {}, "'a' is undefined"),
        ("{% if a %}{% endif %}", {}, "'a' is undefined"),
        ("{{ a.b }}", {"a": {}}, "has no attribute 'b'"),
        ("{{ a.__class__ }}", {"a": "x"}, "unsafe"),
        ("{{ a.append(1) }}", {"a": []}, "unsafe"),
        ("{{ a }}", {"a": []}, "list"),
        ("{{ a }}", {"a": {}}, "dict"),
        ("{{ a }}", {"a": "x\ny"}, "LINE FEED|U\\+000A"),
        ("{{ a }}", {"a": "\ue000"}, "U\\+E000"),
        ("{{ a }}", {"a": "x: y"}, "could become structure"),
        ("{{ a }}", {"a": object()}, "no plain data"),
        ("{{ 1 / a }}", {"a": 0}, "ZeroDivisionError"),
        ("{{ a | replace('(', '') }}", {"a": "x"}, "cannot be rendered"),
        ("{% for i in range(100000) %}{{ a }}{% endfor %}", {"a": "0123456789"}, "more than 1000000 characters"),
    ],
)
def test_what_cannot_be_rendered_is_a_template_error(source: str, context: dict[str, Any], words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        render(source, context)


@pytest.mark.parametrize(
    ("source", "place"), [("\n{% if %}", "line 2"), ("{{ a | nofilter }}", "line 1"), ("{{", "line 1")]
)
def test_syntax_is_checked_with_its_line(source: str, place: str) -> None:
    with pytest.raises(TemplateError, match=place):
        check(source)


SHAPE = """
plain: {{ a }}
prefixed: x-{{ a }}-y
quoted: "{{ a }}"
single: '{{ a }}'
flow: {get: {{ a }}, list: [{{ a }}, b]}
list:
  - {{ a }}
{{ key }}_key: 1
block: |
  line {{ a }};
  next
"""
EVIL = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from(list(":-?#&*!|>%@`{}[],\"'\\ \t\n\r\x00\x85\u2028\ufeff\ue000\ue001<~=")),
    ),
    max_size=8,
)


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return [(strip(str(key)).endswith("_key") or key, shape(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [shape(item) for item in value]
    return len(value.splitlines()) if isinstance(value, str) else value


@settings(max_examples=500, deadline=None)
@example(a=":?", key="")
@given(a=EVIL, key=EVIL)
def test_no_value_changes_the_structure_of_yaml(a: str, key: str) -> None:
    try:
        text = render(SHAPE, {"a": a, "key": key})
    except TemplateError:
        return
    read = yaml.load(text, Loader=yaml.CSafeLoader)
    assert shape(read) == shape(yaml.safe_load(render(SHAPE, {"a": "x", "key": "k"})))
    assert stripped(read)["plain"] == stripped(read)["quoted"] == a


@given(value=st.text())
def test_a_marked_value_is_whole_or_refused(value: str) -> None:
    if unprintable(value):
        with pytest.raises(TemplateError):
            mark(value)
    else:
        assert strip(mark(value)) == value
        assert remark(mark(value)) == mark(value)
        assert is_marked(mark(value)) is True
        assert not is_marked(value)


def test_keys_are_replaced_in_one_pass_the_longest_first_outside_marks() -> None:
    keys = Keys(["$a", "$ab", "x"])
    assert (
        keys.replace("$a $ab $abc x \ue000$a x\ue001", {"$a": "x", "$ab": "$a", "x": "-"})
        == "x $a $ac - \ue000$a x\ue001"
    )
    assert Keys([]).replace("text", {}) == "text"


def test_marks_are_looked_for_and_taken_off_everywhere() -> None:
    data = {mark("k"): [mark("v"), 1, None]}
    assert is_marked(data)
    assert stripped(data) == {"k": ["v", 1, None]}
    assert not is_marked(stripped(data))


@pytest.mark.parametrize("value", ["a b", "ä€", "😀", "\u0301", "<x>"])
def test_ordinary_text_may_be_a_value(value: str) -> None:
    assert unprintable(value) == ""


@pytest.mark.parametrize(
    "value", ["\x00", "\n", "\t", "\x7f", "\x85", "\u2028", "\ufeff", "\ue123", "\ufffe", "\uffff"]
)
def test_control_characters_may_not(value: str) -> None:
    assert unprintable(value) != ""
