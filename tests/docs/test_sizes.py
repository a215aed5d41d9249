"""Small files: more than 300 lines is long and listed at the end of the run, more than 400 fails. No exceptions."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from docs.tree import BENCHMARKS, ROOT, SRC, sources

LONG, TOO_LONG = 300, 400

PARTS = {
    "hands": ("drivers/", "probes/", "stacks/resources/"),
    "faces": (
        *("neutron/", "orchestration/", "identity/"),
        *("bootstrap/neutron", "bootstrap/openstack", "bootstrap/identity"),
    ),
    "peers": (
        *("heat_engine/", "stacks/heat/", "bus/kafka", "store/postgresql", "store/notices", "runtime/service/"),
        "bootstrap/heat",
    ),
    "services": ("services/",),
    "user": ("cli/", "client/"),
    "far side": ("lab/",),
    "proof": ("testing/",),
    "operation": (
        *("doctor/", "bootstrap/health", "kv/child", "kv/members", "store/looking"),
        *("store/migration", "store/expanding", "store/shape", "sync/resync", "bootstrap/resync", "bootstrap/database"),
    ),
}
"""All else is the ring itself."""

MOST = {
    **{"ring": 26_000, "hands": 6_000, "faces": 2_500, "peers": 3_500, "services": 3_000},
    **{"user": 6_500, "far side": 10_000, "proof": 4_000, "operation": 2_400},
}
"""Lines of a part (docs/adr/0016-how-large-the-house-is.md)."""


def test_files_are_small(report: Callable[[str], None]) -> None:
    files = [*sources(), *BENCHMARKS.rglob("*.py")]
    sizes = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in files}
    middle = statistics.median(size for size in sizes.values() if size > 10)
    report(f"source: {sum(sizes.values())} lines in {len(sizes)} files, the middle one has {middle:.0f}")
    for name, size in sorted(sizes.items()):
        if size > LONG:
            report(f"long file: {name} has {size} lines")
    assert {name: size for name, size in sizes.items() if size > TOO_LONG} == {}


def test_each_part_keeps_its_size(report: Callable[[str], None]) -> None:
    lines = dict.fromkeys(MOST, 0)
    for file in sources():
        folder = file.relative_to(SRC).as_posix()
        of = [part for part, heads in PARTS.items() if folder.startswith(heads)]
        lines[of[0] if of else "ring"] += len(file.read_text().splitlines())
    report("parts: " + ", ".join(f"{part} {count}" for part, count in lines.items()))
    assert {part: count for part, count in lines.items() if count > MOST[part]} == {}
    page = (ROOT / "docs/adr/0016-how-large-the-house-is.md").read_text()
    assert [part for part, most in MOST.items() if f"| {part} |" not in page or f"| {most:,} |" not in page] == []


def test_baselines_have_at_most_sixty_lines() -> None:
    """What we are measured against must be read at one glance, to be believed."""
    sizes = {file.name: len(file.read_text().splitlines()) for file in (BENCHMARKS / "baselines").glob("*.py")}
    assert len(sizes) > 1
    assert {name: size for name, size in sizes.items() if size > 60} == {}
