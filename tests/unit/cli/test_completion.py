"""Completion: the scripts, and what they ask the program."""

from __future__ import annotations

import pytest

from unit.cli.calling import Program
from unit.client.server import Api


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_both_names(program: Program, shell: str) -> None:
    out = program("completion", shell).out
    assert f"_ESI_COMPLETE={shell}_complete" in out
    assert f"_GOHAN_COMPLETE={shell}_complete" in out


def complete(program: Program, monkeypatch: pytest.MonkeyPatch, words: str) -> list[str]:
    monkeypatch.setenv("_GOHAN_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - (0 if words.endswith(" ") else 1)))
    with pytest.raises(SystemExit):
        program(name="gohan")
    monkeypatch.delenv("_GOHAN_COMPLETE")
    return [line.partition(",")[2] for line in program.printed().splitlines() if line]


def test_commands(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    assert complete(program, monkeypatch, "gohan c") == ["client", "completion"]


def test_schemas_verbs_and_properties_come_from_the_kept_file(
    program: Program, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert complete(program, monkeypatch, "gohan client ") == []
    assert not api.requests  # nothing kept yet, and completion asks nobody
    program("client", "rack", "list")
    asked = len(api.requests)
    assert complete(program, monkeypatch, "gohan client ") == ["device", "rack"]
    assert complete(program, monkeypatch, "gohan client device s") == ["set", "show"]
    assert complete(program, monkeypatch, "gohan client device create --ra") == ["--rack_id", "--rack"]
    assert len(api.requests) == asked


def test_why_completes_schemas_and_enumerations_their_words(
    program: Program, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    program("client", "rack", "list")
    assert complete(program, monkeypatch, "gohan why d") == ["device"]
    assert complete(program, monkeypatch, "gohan trace d") == ["device"]
    assert complete(program, monkeypatch, "gohan stack show d") == ["device_"]
    assert complete(program, monkeypatch, "gohan client device create --kind ") == ["tor", "edge"]
    assert complete(program, monkeypatch, "gohan client device create --settings.s") == [
        "--settings.side",
        "--settings.side.mode",
    ]


def test_half_of_keystones_variables_do_not_disturb(
    program: Program, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_AUTH_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("OS_USERNAME", "alice")
    assert complete(program, monkeypatch, "gohan client ") == []
