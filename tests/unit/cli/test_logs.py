"""One line per record, nothing secret in it."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.cli.logs import OneLine, mask
from esi.telemetry import MASK, Secret


def record(message: str, *args: Any, **more: Any) -> str:
    made = logging.LogRecord("esi.jobs", logging.WARNING, "file", 1, message, args, None, **more)
    return OneLine().format(made)


def test_shape() -> None:
    line = record("job %s is %s", "j1", "ready")
    assert line.endswith("WARNING esi.jobs: job j1 is ready")
    assert line[10] == "T"
    assert line.split(" ")[0].endswith("Z")


def test_many_lines_and_tracebacks_become_one() -> None:
    try:
        raise ValueError("a\nb")
    except ValueError as error:
        made = logging.LogRecord(
            "x", logging.ERROR, "f", 1, "first\nsecond", (), (ValueError, error, error.__traceback__)
        )
    line = OneLine().format(made)
    assert "\n" not in line
    assert "first | second | Traceback" in line
    assert "ValueError: a | b" in line


@pytest.mark.parametrize(
    "text",
    [
        "password=hunter2",
        'body {"bgp_md5": "hunter2", "name": "x"}',
        "{'bgp_md5': 'hunter2'}",
        "X-Auth-Token: hunter2",
        "etcd_password: hunter2,",
        'secret="hunter2 with words"',
    ],
)
def test_values_of_secret_names_are_masked(text: str) -> None:
    assert "hunter2" not in mask(text)
    assert MASK in mask(text)


def test_arguments_are_masked_by_type_and_by_name() -> None:
    line = record("%s %s", Secret("hunter2"), {"password": "hunter2", "name": "n"})
    assert "hunter2" not in line
    assert "'name': 'n'" in line


def test_other_values_stay() -> None:
    assert mask("name=x tokens=5 passwords: none") == "name=x tokens=5 passwords: none"


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=4))
def test_no_json_string_of_a_secret_name_survives(value: str) -> None:
    text = json.dumps({"bgp_md5": value, "a": 1}, ensure_ascii=False)
    assert mask(text) == f'{{"bgp_md5": {MASK}, "a": 1}}'
