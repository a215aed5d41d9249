"""What a figure is worth: medians, ratios, targets; and the page made of the JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.page import page
from benchmarks.rows import Row, in_turn, percentile

MACHINE = {"cores": 2, "cpu": "any", "memory": 4.0, "kernel": "6", "python": "3.11", "etcd": "etcd 3.4"}


@pytest.mark.parametrize(
    ("row", "ratio", "held"),
    [
        (Row("a", "/s", [1, 6, 5], [10, 11, 2], "ratio >= 0.5"), 0.5, True),
        (Row("a", "/s", [4], [10], "ratio >= 0.5"), 0.4, False),
        (Row("a", "ms", [100, 130, 110], [], "<= 120"), None, True),
        (Row("a", "ms", [121], [], "<= 120"), None, False),
        (Row("a", "s", [3.0], [], "< 3"), None, False),
        (Row("a", "/s", [4], [], "ratio >= 0.5"), None, None),
        (Row("a", "/s", [], [1], "ratio >= 0.5"), None, None),
        (Row("a", "/s", [4], [8]), 0.5, None),
    ],
)
def test_a_target_is_compared_with_the_median(row: Row, ratio: float | None, held: bool | None) -> None:
    assert (row.ratio, row.held) == (ratio, held)


async def test_ours_and_theirs_run_in_turn() -> None:
    said: list[str] = []

    async def run(name: str) -> float:
        said.append(name)
        return float(len(said))

    assert await in_turn(2, lambda: run("ours"), lambda: run("theirs")) == ([1.0, 3.0], [2.0, 4.0])
    assert said == ["ours", "theirs"] * 2


def test_percentiles_are_values_that_were_measured() -> None:
    assert [percentile([3, 1, 2], share) for share in (0.0, 0.5, 0.99)] == [1, 2, 3]


def test_the_page_shows_medians_spread_and_what_is_not_held() -> None:
    rows: list[dict[str, Any]] = [
        {"what": "POST", "unit": "/s", "ours": [2000, 1000, 3000], "baseline": [8000], "target": "ratio >= 0.5",
         "note": "words"},
        {"what": "alone", "unit": "ms", "ours": [1.5], "baseline": [], "target": "", "note": ""},
    ]  # fmt: skip
    blocks = {
        "post": {"title": "Posts", "about": "How.", "rows": rows},
        "stacks": {"title": "Stacks", "about": "How.", "rows": [], "failed": "no Heat"},
    }
    text = page({"quick": True, "at": "2026-01-01", "machine": MACHINE, "benchmarks": blocks})
    assert "| POST | /s | 2,000 (1,000 to 3,000) | 8,000 | 0.25 | ratio >= 0.5 | **no** | words |" in text
    assert "| alone | ms | 1.5 |  |  |  |  |  |" in text
    assert "Not measured: no Heat" in text
    assert "Quick sizes" in text


def test_the_page_that_is_kept_is_made_of_the_json_beside_it() -> None:
    kept = Path(__file__).resolve().parents[3] / "docs" / "benchmarks.json"
    assert kept.with_suffix(".md").read_text() == page(json.loads(kept.read_text()))
