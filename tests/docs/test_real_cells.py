"""docs/failures.md says which cells are played with real processes: each test that it names is there, and is real."""

from __future__ import annotations

import re

from docs.tree import ROOT

ROWS = re.findall(
    r"^\| ([^|]+) \| ([^|]+) \| `(\w+\.py)::(\w+)` \|$", (ROOT / "docs/failures.md").read_text(), re.MULTILINE
)
CELLS = {"create", "update", "delete", "standing"}
FEWEST = 20


def test_every_test_of_the_list_is_there_and_real() -> None:
    for fault, _, file, name in ROWS:
        source = (ROOT / "tests" / "e2e" / file).read_text()
        assert f"async def {name}(" in source, fault
        assert "pytestmark = pytest.mark.real" in source, file


def test_the_cells_are_words_of_the_page_and_enough() -> None:
    cells = [cell for _, cells, _, _ in ROWS for cell in cells.split(", ")]
    assert set(cells) == CELLS
    assert len(cells) >= FEWEST
