"""Settings on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from esi.cli.configuration import SHORT
from esi.environment import describe
from esi.settings import Settings
from unit.cli.calling import Program


def test_every_setting_is_shown_with_its_origin(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "esi.yaml").write_text("worker: {slots: 7}\n")
    monkeypatch.setenv("ESI_API__PORT", "9999")
    shown = program("settings", "show", "--set", "ring.flow=2018", "--json").json
    assert set(shown) == {name for name, *_ in describe(Settings())}
    assert (shown["ring.flow"]["value"], shown["ring.flow"]["origin"]) == ("2018", "flag")
    assert (shown["api.port"]["value"], shown["api.port"]["origin"]) == ("9999", "ESI_API__PORT")
    assert (shown["worker.slots"]["value"], shown["worker.slots"]["origin"]) == ("7", "esi.yaml")
    assert shown["lab.host"]["origin"] == "default"
    assert shown["lab.host"]["help"]


def test_a_table_has_a_line_for_each(program: Program) -> None:
    lines = program("settings", "show").out.splitlines()
    assert len(lines) == len(describe(Settings()))
    assert all("default" in line for line in lines)


def test_secrets_are_masked(program: Program) -> None:
    called = program("settings", "show", "--set", "etcd.password=hunter2")
    assert "hunter2" not in called.out
    assert "•••" in called.out


def test_all_faults_are_reported_together_with_code_2(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text("ring: {flow: 1999}\nkitchen: {sink: 1}\n")
    called = program("settings", "show", "--config", str(file), "--set", "api.port=many")
    assert called.code == 2
    assert "ring.flow" in called.err
    assert "kitchen.sink" in called.err
    assert "'many' is not a number" in called.err
    assert "esi settings show" in called.err


@pytest.mark.parametrize("text", ["flow=2018", "ring.flow", "=1"])
def test_an_assignment_of_another_shape_is_explained(program: Program, text: str) -> None:
    called = program("settings", "show", "--set", text)
    assert called.code == 2
    assert "group.field=value" in called.err


def test_short_flags_are_settings_with_their_help(program: Program) -> None:
    known = {name: help for name, _, _, help in describe(Settings())}
    assert set(SHORT.values()) <= set(known)
    page = " ".join(program("dev", "--help").out.split())
    assert known["ring.flow"] in page
    assert "[2017|2018]" in page


def test_a_choice_is_checked_at_the_flag(program: Program) -> None:
    called = program("dev", "--flow", "1999")
    assert called.code == 2
    assert "--flow" in called.err
