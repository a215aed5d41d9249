"""One conversation with a lab router: the verbs as plain methods, and NETCONF requests by `handle`.

Errors are Refused with the router's words and their parts in `faults`; after `close` everything is Unreachable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lxml import etree

from esi.errors import Unreachable
from esi.lab import load
from esi.lab.engine import Engine
from esi.lab.permissions import denied_sections, denies_command, denies_parts
from esi.lab.words import Fault, Refused
from esi.render.junos.reading import Default
from esi.render.junos.tree import Tree

Answer = Callable[["LabSession", bytes], Awaitable[bytes]]


class LabSession:
    """A session of `user`. `ended` are called once when it is over, whoever ended it."""

    def __init__(self, router: Engine, user: str, number: int, answer: Answer) -> None:
        self.router, self.user, self.number, self._answer = router, user, number, answer
        self.client = "netconf"
        self.open = True
        self.ended: list[Callable[[], None]] = []

    # -- the lock -------------------------------------------------------------------------------------------------

    def lock(self) -> None:
        """Take the candidate for this session alone. Raises Refused: held by another, or edits lie in it."""
        router = self._counted("lock")
        router.writable(self)
        if router.holder is self:
            raise router.refused("Configuration database is already open")
        if router.differs():
            raise router.refused("configuration database modified")
        router.discard()
        router.holder, router.locked_at = self, router.clock.now()

    def unlock(self) -> None:
        """Give the lock back; edits that were not committed are dropped."""
        router = self._counted("unlock")
        if router.holder is not self:
            raise router.refused("Configuration database is not open")
        router.free()

    # -- edits ----------------------------------------------------------------------------------------------------

    def load_text(self, action: str, text: str) -> list[Fault]:
        """Load CLI text (merge, replace, override, update) or set commands. Returns the warnings.

        Raises Refused for what does not fit; good statements have been taken all the same.
        """
        router = self._writable("load")
        before = self._before()
        return self._taken(load.load_text(router.candidate, action, text, router.encode), before)

    def load_xml(self, action: str, configuration: etree._Element) -> list[Fault]:
        """Load `<configuration>`; as `load_text`."""
        router = self._writable("load")
        before = self._before()
        return self._taken(load.load_xml(router.candidate, action, configuration, router.encode), before)

    def edit_config(self, configuration: etree._Element, default: Default = "merge") -> list[Fault]:
        """The standard edit of `<configuration>` with its `operation` attributes; as `load_text`."""
        router = self._writable("edit-config")
        before = self._before()
        return self._taken(load.edit_config(router.candidate, default, configuration, router.encode), before)

    def rollback(self, number: int) -> None:
        """The candidate becomes what ran `number` commits ago."""
        router = self._writable("load")
        router.candidate = router.version(number).copy()

    def discard(self) -> None:
        """Throw away all edits, those of others too."""
        self._writable("discard").discard()

    # -- commits --------------------------------------------------------------------------------------------------

    def compare(self, rollback: int = 0) -> str:
        """What a commit would change; a lone newline when nothing."""
        return self._counted("compare").diff(rollback)

    def check(self) -> None:
        """Raises Refused with all reasons against a commit. Confirms what waits for confirmation, as JUNOS does."""
        router = self._writable("commit-check")
        router.check()
        router.confirm()

    async def commit(self, comment: str = "", *, confirmed: float | None = None, check: bool = False) -> None:
        """Make the candidate run; `confirmed` in seconds; `check` only asks. Raises Refused with all reasons."""
        if check:
            self.check()
            return
        router = self._writable("commit")
        if denies_command(router.running.root, self.user, "commit"):
            raise router.refused("permission denied", bad="commit-configuration")
        await router.commit(self, log=comment, confirmed=confirmed)
        self._alive()

    # -- the end --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the session, from either side; the lock and the edits under it go. Closing twice is nothing."""
        if not self.open:
            return
        self.open = False
        self.router.forget(self)
        for tell in self.ended:
            tell()

    def kill(self, number: int) -> None:
        """End another session; a confirmed commit of it that waits is undone at once."""
        router = self._counted("kill-session")
        other = router.sessions.get(number)
        if other is None or other is self:
            raise router.refused(f"no such session: {number}", bad=str(number), tag="invalid-value")
        other.close()
        pending = router.history.pending
        if pending is not None and pending.session == number:
            router.history.roll_back(router.clock.now())
            router.discard()

    async def handle(self, request: bytes) -> bytes:
        """Answer one NETCONF request document with a reply document. Raises Unreachable for what is no request."""
        return await self._answer(self, request)

    def _alive(self) -> Engine:
        if not self.open:
            raise Unreachable(f"{self.router.name}: the session {self.number} has ended")
        return self.router

    def _counted(self, verb: str) -> Engine:
        router = self._alive()
        router.counts[verb] += 1
        router.look()
        return router

    def _writable(self, verb: str) -> Engine:
        router = self._counted(verb)
        router.writable(self)
        return router

    def _before(self) -> Tree | None:
        """What a load must not change, for a user who may not change everything."""
        return self.router.candidate.copy() if denies_parts(self.router.running.root, self.user) else None

    def _taken(self, loaded: load.Loaded, before: Tree | None) -> list[Fault]:
        """The candidate becomes what was loaded, unless the user may not change what it changes."""
        self.router.candidate = loaded.tree
        if before is not None:
            self._permitted(before, loaded.tree)
        if loaded.errors:
            raise Refused(self.router.name, [*loaded.errors, *loaded.warnings])
        return loaded.warnings

    def _permitted(self, before: Tree, after: Tree) -> None:
        denied = denied_sections(self.router.running.root, self.user, before.root, after.root)
        if denied:
            self.router.candidate = before
            raise Refused(self.router.name, [Fault("permission denied", bad=name) for name in denied])
