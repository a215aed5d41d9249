"""What all sessions of a router share: running, candidate, the lock, the commit log.

The candidate is shared by everybody, as on a real router: any commit takes everybody's edits, a lock keeps the others
out, the end of the session that holds it drops its edits.

Nothing here listens, waits or logs; only a commit takes time, by the clock that was given (`commit_seconds`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from esi.clock import Clock
from esi.lab.checks import Checks
from esi.lab.compare import compare
from esi.lab.gate import Gate
from esi.lab.history import Entry, History
from esi.lab.words import Fault, Refused
from esi.render.junos.printing import print_text
from esi.render.junos.secret9 import encode
from esi.render.junos.tree import Tree, equal


class Snapshot(NamedTuple):
    """A router's whole state at one moment; sessions and their lock are not part of it."""

    history: History
    candidate: Tree
    secrets: int


class Holder(Protocol):
    """A session as the engine sees it."""

    number: int
    user: str
    client: str

    def close(self) -> None: ...


class Engine:
    """The state of one router, which begins with `first`; `commit_seconds` is how long a commit takes.

    `watchers` are told when a commit has become the running configuration; `gate` holds the faults of its connections.
    """

    def __init__(self, name: str, first: Tree, clock: Clock, *, commit_seconds: float = 0.0) -> None:
        self.name = name
        self.clock = clock
        self.commit_seconds = commit_seconds
        self.counts: Counter[str] = Counter()
        self.gate = Gate(name)
        self.watchers: list[Callable[[], None]] = []
        self.sessions: dict[int, Holder] = {}
        self.holder: Holder | None = None
        self.locked_at = 0.0
        self.begun = clock.monotonic()
        self._secrets = 0
        self._committer: Holder | None = None
        self._committing = asyncio.Lock()
        self._checks = Checks()
        self.history = History(Entry(first, "root", "other", clock.now()))
        self.candidate = first.copy()

    # -- what it holds --------------------------------------------------------------------------------------------

    @property
    def running(self) -> Tree:
        """The configuration that counts now."""
        self.look()
        return self.history.running

    def running_text(self) -> str:
        """The running configuration as CLI text, without the line that says who committed it."""
        return print_text(self.running.root)

    def differs(self) -> bool:
        """Whether the candidate holds edits that are not committed."""
        running, candidate = self.running.root, self.candidate.root
        return running is not candidate and not equal(running, candidate)

    def diff(self, rollback: int = 0) -> str:
        """The candidate compared with an earlier version."""
        return compare(self.version(rollback).root, self.candidate.root)

    def version(self, rollback: int) -> Tree:
        """The configuration that ran `rollback` commits ago. Raises Refused when it is not kept."""
        self.look()
        if not 0 <= rollback < len(self.history.entries):
            raise self.refused(f"rollback {rollback} does not exist")
        return self.history.entries[rollback].tree

    def snapshot(self) -> Snapshot:
        """Remember everything for `restore`; costs no copy of any configuration."""
        return Snapshot(self.history.copy(), self.candidate.copy(), self._secrets)

    def restore(self, snapshot: Snapshot) -> None:
        """Be again as at `snapshot`, with no session open."""
        for session in list(self.sessions.values()):
            session.close()
        self.history = snapshot.history.copy()
        self.candidate = snapshot.candidate.copy()
        self._secrets = snapshot.secrets

    # -- sessions and the lock ------------------------------------------------------------------------------------

    def forget(self, session: Holder) -> None:
        """A session has ended, by its own will or not: its lock goes, and its edits with it; a commit ends first."""
        self.sessions.pop(session.number, None)
        if self.holder is session and self._committer is not session:
            self.free()

    def free(self) -> None:
        """The lock is given back; edits made under it are dropped."""
        self.holder = None
        self.discard()

    def writable(self, session: Holder) -> None:
        """Raises Refused when another session holds the lock."""
        self.look()
        if self.holder is not None and self.holder is not session:
            raise self.refused(self.locked_by(), tag="lock-denied", session=self.holder.number)

    def locked_by(self) -> str:
        """The words in which a router names the holder of its lock."""
        holder = self.holder
        if holder is None:
            return "configuration database is not locked"
        since = datetime.fromtimestamp(self.locked_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        who = f"{holder.user}  (pid {holder.number}) on since {since}"
        return f"configuration database locked by:\n  {who}\n      exclusive "

    def refused(self, message: str, *, bad: str = "", tag: str = "operation-failed", session: int = 0) -> Refused:
        return Refused(self.name, [Fault(message, bad=bad, tag=tag, session=session)])

    # -- changes --------------------------------------------------------------------------------------------------

    def encode(self, plain: str) -> str:
        """The form in which a secret is stored: another text each time, but the same in each repetition of a run."""
        self._secrets += 1
        return encode(plain, seed=f"{self.name} {self._secrets}")

    def discard(self) -> None:
        """The candidate is the running configuration again."""
        self.candidate = self.running.copy()

    def look(self) -> None:
        """If a confirmed commit was not confirmed in time, be as before it."""
        pending = self.history.pending
        if pending is not None and self.clock.monotonic() >= pending.deadline:
            self.history.roll_back(self.clock.now())
            self.candidate = self.history.running.copy()
            self.counts["automatic-rollback"] += 1

    def check(self) -> None:
        """Raises Refused with everything that speaks against committing the candidate."""
        faults = self._checks.refusals(self.candidate)
        if faults:
            raise Refused(self.name, faults)

    async def commit(self, session: Holder, *, log: str = "", confirmed: float | None = None) -> None:
        """Make the candidate run. With `confirmed` it is undone after that many seconds unless a commit follows.

        `commit_seconds` are the whole of it, the checks included.
        """
        async with self._committing:
            ends = self.clock.monotonic() + self.commit_seconds
            self.writable(session)
            self.check()
            version = self.candidate.copy()
            self._committer = session
            try:
                if self.commit_seconds:
                    await self.clock.sleep(max(0.0, ends - self.clock.monotonic()))
            finally:
                # A commit that has begun goes to its end, whether or not anybody waits for its answer.
                self._committed(version, session, log, confirmed)
                self._committer = None
                if self.holder is session and session.number not in self.sessions:
                    self.free()

    def _committed(self, version: Tree, session: Holder, log: str, confirmed: float | None) -> None:
        self.look()
        comment = ""
        if confirmed is not None:
            self.history.confirm_within(confirmed, self.clock.monotonic(), self.history.running, session.number)
            comment = f"commit confirmed, rollback in {int(confirmed // 60)}mins"
        else:
            self.history.pending = None
        self.history.commit(Entry(version, session.user, session.client, self.clock.now(), log, comment))
        if equal(version.root, self.candidate.root):
            self.candidate = version.copy()
        self.counts["commits"] += 1
        for tell in self.watchers:
            tell()

    def confirm(self) -> None:
        """What waits for confirmation stays."""
        self.look()
        self.history.pending = None
