"""What must hold at the end of a story, each written down with what was seen.

Router lines are compared as JUNOS prints them; only the key of a BGP session differs from commit to commit, because a
router shows it as `$9$` with a random salt, so it is decoded first. The decoding is written here once more on purpose:
an outsider judges with its own eyes.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_FAMILIES = ("QzF3n6/9CAtpu0O", "B1IREhcSyrleKvMW8LXx", "7N-dVbwsY2g4oaJZGUDj", "iHkq.mPf5T")
_LETTERS = "".join(_FAMILIES)
_WEIGHTS = ((1, 4, 32), (1, 16, 32), (1, 8, 32), (1, 64), (1, 32), (1, 4, 16, 128), (1, 32, 64))
_KEY = re.compile(r'"(\$9\$[^"]+)"')


@dataclass(frozen=True, slots=True)
class Expectation:
    """One sentence, whether it held, and what was seen instead."""

    text: str
    held: bool
    seen: str = ""


@dataclass
class Expectations:
    """All that were looked at, in order."""

    all: list[Expectation] = field(default_factory=list)

    def equal(self, text: str, wanted: Any, seen: Any) -> None:
        self.all.append(Expectation(text, wanted == seen, "" if wanted == seen else f"{seen!r} instead of {wanted!r}"))

    def holds(self, text: str, held: bool, seen: str = "") -> None:
        self.all.append(Expectation(text, held, "" if held else seen))

    def contains(self, text: str, wanted: Mapping[str, Any], seen: Mapping[str, Any]) -> None:
        """Every recorded member is there with the recorded value; other members may stand beside it."""
        wrong = [
            f"{name}: {seen.get(name)!r} instead of {value!r}"
            for name, value in sorted(wanted.items())
            if name not in seen or seen[name] != value
        ]
        self.all.append(Expectation(text, not wrong, "; ".join(wrong)))

    def lines(self, text: str, wanted: Sequence[str], seen: Sequence[str]) -> None:
        """The same lines in the same order, keys decoded."""
        clear = [in_clear(line) for line in seen]
        diff = difflib.unified_diff(list(wanted), clear, "recorded", "seen", lineterm="", n=1)
        self.all.append(Expectation(text, list(wanted) == clear, "\n".join(diff)))

    @property
    def failed(self) -> list[Expectation]:
        return [item for item in self.all if not item.held]


def in_clear(line: str) -> str:
    """A router's line with a `$9$` text replaced by what it stands for."""
    return _KEY.sub(lambda found: f'"{decoded(found[1])}"', line)


def decoded(text: str) -> str:
    """The secret behind a `$9$` text; the text itself when it is none.

    After `$9$` come a salt letter, as much filler as the salt's family says, and then letters whose distances, times
    the weights of the position, add up to the bytes of the secret.
    """
    salt, rest = text[3], text[4:]
    family = next((number for number, letters in enumerate(_FAMILIES) if salt in letters), None)
    if family is None:
        return text
    before, rest = _LETTERS.index(salt), rest[3 - family :]
    out = bytearray()
    while rest:
        weights = _WEIGHTS[len(out) % len(_WEIGHTS)]
        group, rest = rest[: len(weights)], rest[len(weights) :]
        if len(group) < len(weights) or not set(group) <= set(_LETTERS):
            return text
        total = 0
        for letter, weight in zip(group, weights, strict=True):
            total += ((_LETTERS.index(letter) - before) % len(_LETTERS) - 1) * weight
            before = _LETTERS.index(letter)
        out.append(total % 256)
    return out.decode(errors="replace")
