"""One thing that was found: a sentence that names what it is about, and what to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """`wrong`: something does not work, or is open to others. `warn`: it works, and may not do so for long."""

    OK = "ok"
    WARN = "warn"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """`which` of the things that `about` names; `words` is the sentence; `todo` what to do, "" when nothing."""

    level: Level
    about: str
    which: str
    words: str
    todo: str = ""


Findings = Sequence[Finding]
Question = Callable[[], Awaitable[Findings]]


def ok(about: str, which: str, words: str) -> Finding:
    return Finding(Level.OK, about, which, words)


def warn(about: str, which: str, words: str, todo: str) -> Finding:
    return Finding(Level.WARN, about, which, words, todo)


def wrong(about: str, which: str, words: str, todo: str) -> Finding:
    return Finding(Level.WRONG, about, which, words, todo)
