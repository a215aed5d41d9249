"""What a figure is: some runs of ours, some of a baseline, and what it should be."""

from __future__ import annotations

import operator
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Run = Callable[[], Awaitable[float]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a benchmark is told: `quick` takes tiny sizes, `folder` is its own, gone afterwards."""

    quick: bool
    folder: Path

    def runs(self, full: int = 5) -> int:
        return 1 if self.quick else full


@dataclass(slots=True)
class Row:
    """One figure. `target` is one comparison, "ratio >= 0.5" or "<= 120"; "" where nothing is promised."""

    what: str
    unit: str
    ours: list[float]
    baseline: list[float] = field(default_factory=list)
    target: str = ""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Median of ours over median of the baseline."""
        if not self.ours or not self.baseline or not statistics.median(self.baseline):
            return None
        return statistics.median(self.ours) / statistics.median(self.baseline)

    @property
    def held(self) -> bool | None:
        """Whether the target is met; None without one, or when it could not be measured."""
        words = self.target.split()
        if not words or not self.ours:
            return None
        value = self.ratio if words[0] == "ratio" else statistics.median(self.ours)
        if value is None:
            return None
        return bool(_COMPARE[words[-2]](value, float(words[-1])))


_COMPARE = {"<=": operator.le, ">=": operator.ge, "<": operator.lt}


async def in_turn(runs: int, ours: Run, baseline: Run) -> tuple[list[float], list[float]]:
    """Ours, baseline, ours, baseline …"""
    a, b = [], []
    for _ in range(runs):
        a.append(await ours())
        b.append(await baseline())
    return a, b


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
