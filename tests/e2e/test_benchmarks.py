"""The harness of `make bench` works: one benchmark in quick sizes, with its real processes, to JSON and page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import __main__ as harness
from benchmarks.page import page
from benchmarks.rows import Row

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def _programs(require: Callable[[str], Path]) -> None:
    require("etcd")


def test_one_benchmark_ends_in_json_and_page(tmp_path: Path) -> None:
    kept = tmp_path / "found.json"
    assert harness.main(["--quick", "--only", "netconf", "--to", str(kept)]) == 0
    report = json.loads(kept.read_text())
    assert report["quick"] is True
    assert kept.with_suffix(".md").read_text() == page(report)
    rows = [Row(**raw) for raw in report["benchmarks"]["netconf"]["rows"]]
    assert [len(row.ours) == len(row.baseline) == 1 for row in rows] == [True, True]
    assert all(row.ratio is not None for row in rows)
    assert [row.held is not None for row in rows] == [True, False], "tiny sizes say nothing of what recording costs"


def test_each_benchmark_has_a_title_and_says_what_it_does() -> None:
    blocks = [harness.module(name) for name in harness.NAMES]
    assert all(block.TITLE and block.ABOUT and callable(block.measure) for block in blocks)


def test_an_unknown_benchmark_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        harness.main(["--only", "nothing"])
    assert "unknown: nothing" in capsys.readouterr().err
