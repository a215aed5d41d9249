"""Free text in every kind of place that a template can put it: bare, quoted, beside other words, annotated, as a name.

The templates of the VPN services let no free text through to a router. This one does, with the name of a
VPN interface, in a unit of its own on both routers; the lives are those of lives.py, so the rest of the router must
stand as always. A kind of place may refuse a text (the service fails and says so); it may never pass on more than
a word.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation.lives import BREAKOUTS, CHAIN, Bench, Field, Life, fields, hostile, services

PLACES = {
    "bare": "description $text;",
    "quoted": 'description "$text";',
    "quoted with others": 'description "a $text b";',
    "touching": "description a$text;",
    "twice": 'description "$text$text";',
    "annotation": "/* $text */ description x;",
    "Jinja": "description {{ jinja_text }};",
    "Jinja quoted": 'description "a {{ jinja_text }}";',
    "name": "192.0.2.0/24;",
}
"""What stands in a unit of its own; "name" puts the text into the path."""

KEPT = {"bare", "quoted", "quoted with others", "touching", "twice", "annotation"}

CONFIG = """\
        - path:
            - {{config_type: tag, xml_type: tag, tag: {top}}}
            - {{config_type: {kind}, xml_type: named_tag, tag: {tag}, name: {name}}}
{more}          config:
            str_replace:
              template: |
                {text}
              params:
                $text: {{get_param: text}}
"""
UNIT = "            - {config_type: named_tag, xml_type: named_tag, tag: unit, name: '3999'}\n"


def config(place: str) -> str:
    """One more config for both routers."""
    if place == "name":
        return CONFIG.format(
            top="policy-options",
            kind="named_tag",
            tag="prefix-list",
            name="{get_param: text}",
            more="",
            text=PLACES[place],
        )
    name = "{get_param: {{ router }}_device_physical_interface}"
    return CONFIG.format(
        top="interfaces", kind="name", tag="interface", name=name, more=UNIT, text=f"vlan-id 3999; {PLACES[place]}"
    )


@cache
def free(place: str) -> Bench:
    """A bench whose VPN interfaces put their name into a place."""
    known = services()
    templates = []
    for body in known.templates:
        if body["id"] == "vpn_interface":
            text = body["template_file"].replace("parameters:\n", "parameters:\n  text: {type: string}\n", 1)
            text = text.replace("      configs:\n", "      configs:\n" + config(place), 1)
            mappings = {**body["parameter_mappings"], "text": {"field": "name"}}
            mappings["jinja_text"] = {"field": "name"}
            body = {**body, "template_file": text, "parameter_mappings": mappings}
        templates.append(body)
    return Bench(replace(known, templates=templates))


@pytest.fixture(scope="module", autouse=True)
def _benches() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    for place in PLACES:
        free(place).close()
    free.cache_clear()
    logging.disable(logging.NOTSET)


def field() -> Field:
    return next(one for one in fields() if one.path == ("name",) and CHAIN[one.at].schema == "vpn_interface")


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=12, derandomize=True, database=None)
@given(data=st.data())
def test_text_in_a_free_place_stays_there(place: str, data: st.DataObject) -> None:
    bench = free(place)
    bench.run(Life(bench, field(), data.draw(hostile(field()))).live())


@pytest.mark.parametrize("place", PLACES)
def test_what_would_be_configuration_is_a_word(place: str) -> None:
    """Breakouts made for these places; where everything printable is kept, they are kept."""
    bench = free(place)
    outcomes = Counter(bench.run(Life(bench, field(), text).live()) for text in BREAKOUTS)
    assert outcomes["ACTIVE"] == len(BREAKOUTS) if place in KEPT else outcomes["FAILED"] > len(BREAKOUTS) // 2, outcomes
