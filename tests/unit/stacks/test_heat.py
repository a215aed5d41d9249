"""What Heat is given to read, and that values stay values on the way through it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.errors import TemplateError
from esi.render.jinja import render
from esi.render.marks import CLOSE, OPEN, mark, normal
from esi.stacks.engine import registry_of
from esi.stacks.heat.hot import as_tags, for_heat, from_tags
from esi.stacks.resources.monitoring import MonitoringTarget
from esi.stacks.resources.netconf import NetconfNamedConfigs

TYPES = registry_of(NetconfNamedConfigs(), MonitoringTarget())

CONFIG = """
heat_template_version: 2013-05-23
parameters:
  text: {type: string}
resources:
  one:
    type: OS::Contrail::NetconfNamedConfigs
    properties:
      device_ip: {get_param: text}
      configs:
        - path: [{config_type: tag, tag: "{{ jinja_word }}"}, {tag: unit, name: {get_param: text}}]
          config: %s
"""


def config(written: str, word: str = "vlans") -> Any:
    template = for_heat(render(CONFIG % written, {"jinja_word": word}), TYPES)
    return template["resources"]["one"]["properties"]["configs"][0]


def test_a_value_that_a_function_brings_into_text_is_marked_by_the_template() -> None:
    found = config('{str_replace: {template: "as $x $y;", params: {$x: {get_param: text}, $y: "{{ jinja_word }}"}}}')
    inner = {"str_replace": {"template": f"{OPEN}v{CLOSE}", "params": {"v": {"get_param": "text"}}}}
    params = {"$x": inner, "$y": f"{OPEN}vlans{CLOSE}"}
    assert found["config"] == {"str_replace": {"template": "as $x $y;", "params": params}}


def test_text_inside_text_is_not_marked_as_a_whole() -> None:
    inner = '{str_replace: {template: "b $y", params: {$y: {get_param: text}}}}'
    found = config(f'{{str_replace: {{template: "a $x;", params: {{$x: {inner}}}}}}}')
    assert found["config"]["str_replace"]["params"]["$x"]["str_replace"]["template"] == "b $y"


def test_names_are_plain() -> None:
    found = config("{str_replace: {template: x, params: {x: {get_param: '{{ jinja_word }}'}}}}", "text")
    assert found["config"]["str_replace"]["params"]["x"]["str_replace"]["params"] == {"v": {"get_param": "text"}}


def test_marks_are_nowhere_else() -> None:
    template = for_heat(render(CONFIG % '""', {"jinja_word": "vlans"}), TYPES)
    assert template["resources"]["one"]["properties"]["device_ip"] == {"get_param": "text"}
    assert template["parameters"] == {"text": {"type": "string"}}


@pytest.mark.parametrize("written", ['{list_join: ["", [{get_param: text}]]}', "{if: [c, a, b]}"])
def test_a_function_that_loses_track_of_values_is_refused(written: str) -> None:
    with pytest.raises(TemplateError, match="lose track"):
        config(written)


@given(st.text(st.characters(codec="utf-8", exclude_characters=",=")), st.text("abcdef0123456789", max_size=36))
def test_an_operation_comes_back_from_its_tags(operation: str, tenant: str) -> None:
    tags = as_tags(operation, tenant).split(",")
    assert from_tags([*reversed(tags), "somebody's"]) == (operation, tenant)
    assert all(len(tag) <= 80 for tag in tags)


def test_marks_within_marks_become_one() -> None:
    assert normal([f"a {OPEN}b {OPEN}c{CLOSE}d{CLOSE};"]) == [f"a {mark('b cd')};"]
    assert normal({f"{OPEN}k{CLOSE}": 1}) == {"k": 1}


@pytest.mark.parametrize("text", [f"a{CLOSE}b{OPEN}c", f"{OPEN}a", f"a{CLOSE}", f"{OPEN}a\nb{CLOSE}"])
def test_what_is_no_marked_text_is_refused(text: str) -> None:
    with pytest.raises(TemplateError):
        normal(text)
