"""Small files: more than 300 lines is long and listed at the end of the run, more than 400 fails. No exceptions."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from docs.tree import BENCHMARKS, ROOT, sources

LONG, TOO_LONG = 300, 400


def test_files_are_small(report: Callable[[str], None]) -> None:
    files = [*sources(), *BENCHMARKS.rglob("*.py")]
    sizes = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in files}
    middle = statistics.median(size for size in sizes.values() if size > 10)
    report(f"source: {sum(sizes.values())} lines in {len(sizes)} files, the middle one has {middle:.0f}")
    for name, size in sorted(sizes.items()):
        if size > LONG:
            report(f"long file: {name} has {size} lines")
    assert {name: size for name, size in sizes.items() if size > TOO_LONG} == {}


def test_baselines_have_at_most_sixty_lines() -> None:
    """What we are measured against must be read at one glance, to be believed."""
    sizes = {file.name: len(file.read_text().splitlines()) for file in (BENCHMARKS / "baselines").glob("*.py")}
    assert len(sizes) > 1
    assert {name: size for name, size in sizes.items() if size > 60} == {}
