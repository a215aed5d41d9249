"""docs/benchmarks.json to docs/benchmarks.md: one table per benchmark."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.rows import Row

HEAD = """# Benchmarks

Written by `make bench`; nobody edits it. {at}{quick}. {cores} cores ({cpu}), {memory:.0f} GB,
Linux {kernel}, Python {python}, {etcd}.

Each figure is the median of its runs, the lowest and highest in brackets. *Ratio* is ours over the baseline, which runs
in a process of its own with the same statements, bytes and durability (`benchmarks/baselines/`). What was learned
stands in [performance.md](performance.md).
"""


def page(found: Mapping[str, Any]) -> str:
    """The whole page."""
    quick = ". **Quick sizes: they prove that the benchmarks work, the figures say little**" if found["quick"] else ""
    parts = [HEAD.format(**found["machine"], at=found["at"], quick=quick)]
    for block in found["benchmarks"].values():
        parts.append(f"\n## {block['title']}\n\n{block['about']}\n")
        if "failed" in block:
            parts.append(f"\nNot measured: {block['failed']}\n")
        rows = [Row(**row) for row in block["rows"]]
        if rows:
            parts.append(_table(rows))
    return "".join(parts)


def _table(rows: Sequence[Row]) -> str:
    lines = ["", "| what | unit | ours | baseline | ratio | target | held | note |", "| --- |" + " --- |" * 7]
    for row in rows:
        ratio = "" if row.ratio is None else _number(row.ratio)
        held = {None: "", True: "yes", False: "**no**"}[row.held]
        cells = [row.what, row.unit, _median(row.ours), _median(row.baseline), ratio, row.target, held, row.note]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _median(values: Sequence[float]) -> str:
    if not values:
        return ""
    middle = _number(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
