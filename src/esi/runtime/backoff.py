"""How long to wait before the next try: twice as long each time, up to a limit, never all at the same moment."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: the `first` pause and the longest. Half of each pause is left to chance."""

    first: float = 0.1
    longest: float = 60.0

    def pause(self, failures: int, rng: Random) -> float:
        """The pause after that many failures in a row (1 or more)."""
        whole = min(self.longest, self.first * 2.0 ** min(failures - 1, 60))
        return whole * (0.5 + rng.random() / 2)
