"""The commit log of a router: fifty versions, what was said about each, and the confirmed commit that waits.

A confirmed commit is not a timer that fires but a deadline that is looked at: whoever looks at the router after it
finds the version from before, committed by root, as a real one would have done by itself.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from esi.render.junos.tree import Tree

KEPT = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit. `at` is epoch seconds; `log` what the committer said, `comment` what the router adds."""

    tree: Tree
    user: str
    client: str
    at: float
    log: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Pending:
    """A confirmed commit that nobody has confirmed: back to `before` at `deadline` (monotonic seconds)."""

    before: Tree
    deadline: float
    session: int


class History:
    """Versions, newest first. Entry 0 is what runs."""

    def __init__(self, first: Entry) -> None:
        self.entries: deque[Entry] = deque([first], maxlen=KEPT)
        self.pending: Pending | None = None

    @property
    def running(self) -> Tree:
        return self.entries[0].tree

    def commit(self, entry: Entry) -> None:
        """A new version runs; the oldest is forgotten when there are too many."""
        self.entries.appendleft(entry)

    def confirm_within(self, seconds: float, now: float, before: Tree, session: int) -> None:
        """Wait for a confirmation. A second one only moves the deadline: the way back stays the same."""
        back = self.pending.before if self.pending is not None else before
        self.pending = Pending(back, now + seconds, session)

    def roll_back(self, at: float) -> None:
        """The version before the confirmed commit runs again, as one more commit."""
        if self.pending is not None:
            self.commit(Entry(self.pending.before, "root", "other", at))
            self.pending = None

    def copy(self) -> History:
        """The same history for a snapshot; versions are shared, nobody changes them."""
        copy = History(self.entries[0])
        copy.entries = deque(self.entries, maxlen=KEPT)
        copy.pending = self.pending
        return copy
