"""Calling the program in this process and keeping what it printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from esi.cli.program import run
from unit.client.server import Api, serving


class Called(NamedTuple):
    """The exit code and what was printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Program:
    """`esi` (or `gohan`) with the environment of a test."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, name: str = "esi") -> Called:
        self._capsys.readouterr()
        code = run(arguments, name=name)
        out, err = self._capsys.readouterr()
        return Called(code, out, err)

    def printed(self) -> str:
        """What a call printed that ended by SystemExit."""
        return self._capsys.readouterr().out


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Program:
    """The program, away from this machine's own esi.yaml, kept schemas and GOHAN_ variables."""
    monkeypatch.chdir(tmp_path)
    for name in ("OUTPUT_FORMAT", "FIELDS", "VERBOSITY", "SCHEMA_URL", "CACHE_SCHEMAS", "CACHE_TIMEOUT"):
        monkeypatch.delenv(f"GOHAN_{name}", raising=False)
    for name in ("AUTH_URL", "USERNAME", "PASSWORD", "PROJECT_NAME", "TENANT_ID", "TOKEN", "TOKEN_ID", "CACERT"):
        monkeypatch.delenv(f"OS_{name}", raising=False)
    monkeypatch.setenv("GOHAN_CACHE_PATH", str(tmp_path / "schemas.json"))
    return Program(capsys)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A small API, named by GOHAN_ENDPOINT_URL."""
    with serving() as api:
        monkeypatch.setenv("GOHAN_ENDPOINT_URL", api.url)
        yield api
