"""The verbs of the owner's cycle as JUNOS RPCs, and the device's words as our errors.

`discard`, `load` and `diff` may be called without waiting for each other: each sends before it first waits, so they go
out and are answered in the order of the calls.
`lock` is to be awaited before anything else, since what it refuses must not be edited.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from lxml import etree

from esi.drivers import CommitRecord, Edit
from esi.drivers.endpoint import Timeouts
from esi.drivers.junos.edits import NC, written
from esi.drivers.netconf import NetconfSession, without_secrets
from esi.errors import Busy, EsiError, Rejected, TemplateError
from esi.netconf.reply import Reply, RpcError
from esi.netconf.xml import BASE, Element, child, child_text, children, local, text

HARMLESS = ("statement not found", "statement has no contents", "uncommitted changes")
"""Warnings of a load that mean nothing: what shall go is gone, what is empty is nothing."""

CLOSE_SECONDS = 5.0

_LOCKED_BY = re.compile(
    r"locked by:\s*(?P<user>\S+)\s.*?\(pid (?P<pid>\d+)\)(?: on since (?P<since>[^,\n]+?))?\s*(?:,|\n|$|exclusive)",
    re.DOTALL,
)


class JunosSession:
    """One conversation with one router."""

    def __init__(self, netconf: NetconfSession, timeouts: Timeouts, confirm_within: float | None = None) -> None:
        self.netconf = netconf
        self.confirm_within = confirm_within
        self._who = netconf.who
        self._timeouts = timeouts

    async def lock(self) -> None:
        """Busy, with user, pid and since, when another holds it, or when foreign edits stand in the candidate."""
        reply = await self.netconf.call(_on_candidate("lock"), timeout=self._timeouts.lock)
        if not reply.ok:
            raise _lock_denied(self._who, reply)

    async def unlock(self) -> None:
        _accept(self._who, await self.netconf.call(_on_candidate("unlock"), timeout=self._timeouts.rpc))

    async def load(self, edits: Sequence[Edit]) -> None:
        """Put the edits of one intent into the candidate; nothing is sent when one of them cannot be written."""
        try:
            ready = written(tuple(edits), self._who)
        except TemplateError as error:
            raise Rejected(self._who, f"cannot be written: {error}", path="") from error
        # All are sent before the first wait: whoever is called next sends behind them.
        sent = [self.netconf.send_written(*request) for request in ready]
        replies = [await self.netconf.reply(one, timeout=self._timeouts.rpc) for one in sent]
        faults = [fault for reply in replies for fault in _load_faults(reply)]
        if faults:
            raise _rejected(self._who, faults)

    async def diff(self) -> str:
        request = etree.Element("get-configuration", compare="rollback", rollback="0", format="text")
        reply = _accept(self._who, await self.netconf.call(request, timeout=self._timeouts.rpc))
        return text(reply.find("configuration-output"))

    async def check(self) -> None:
        request = etree.Element("commit-configuration")
        etree.SubElement(request, "check")
        _accept(self._who, await self.netconf.call(request, timeout=self._timeouts.commit))

    async def commit(self, *, comment: str, confirm_within: float | None = None) -> Sequence[str]:
        """`confirm_within`: seconds until the router goes back by itself; it counts in whole minutes, rounded up."""
        request = etree.Element("commit-configuration")
        if confirm_within is not None:
            etree.SubElement(request, "confirmed")
            etree.SubElement(request, "confirm-timeout").text = str(max(1, math.ceil(confirm_within / 60)))
        etree.SubElement(request, "log").text = comment
        reply = _accept(self._who, await self.netconf.call(request, timeout=self._timeouts.commit))
        return list(dict.fromkeys(_words(one) for one in reply.warnings))

    async def discard(self) -> None:
        request = etree.Element(f"{NC}discard-changes", nsmap={"nc": BASE})
        _accept(self._who, await self.netconf.call(request, timeout=self._timeouts.rpc))

    async def history(self) -> Sequence[CommitRecord]:
        request = etree.Element("get-commit-information")
        reply = _accept(self._who, await self.netconf.call(request, timeout=self._timeouts.rpc))
        found = reply.find("commit-information")
        entries = [] if found is None else [one for one in children(found) if local(one) == "commit-history"]
        return [_record(one) for one in entries]

    @property
    def session_id(self) -> str:
        """What the router calls this conversation: lock errors name it, and `kill` takes it."""
        return self.netconf.peer.session_id or ""

    async def kill(self, session_id: str) -> None:
        """End another conversation with this router: its lock and its edits go. Rejected when there is none."""
        request = etree.Element(f"{NC}kill-session", nsmap={"nc": BASE})
        etree.SubElement(request, f"{NC}session-id").text = session_id
        _accept(self._who, await self.netconf.call(request, timeout=self._timeouts.rpc))

    async def rpc(self, request: Element) -> Element:
        """Any other question: the whole `<rpc-reply>`. Raises Rejected for an error in it."""
        return _accept(self._who, await self.netconf.call(request, timeout=self._timeouts.rpc)).root

    async def close(self) -> None:
        """Say good-bye and hang up. The router drops lock and candidate of this session."""
        if not self.netconf.over:
            try:
                await self.netconf.call(etree.Element(f"{NC}close-session", nsmap={"nc": BASE}), timeout=CLOSE_SECONDS)
            except EsiError:
                pass  # it may hang up before it answers; it is over either way
        await self.netconf.close()


def _on_candidate(verb: str) -> Element:
    request = etree.Element(f"{NC}{verb}", nsmap={"nc": BASE})
    etree.SubElement(etree.SubElement(request, f"{NC}target"), f"{NC}candidate")
    return request


def _record(entry: Element) -> CommitRecord:
    number = child_text(entry, "sequence-number")
    comment = child_text(entry, "log") or child_text(entry, "comment")
    pending = child(entry, "commit-confirmed") is not None
    return CommitRecord(int(number) if number.isdecimal() else -1, child_text(entry, "user"), comment, pending)


def _load_faults(reply: Reply) -> list[RpcError]:
    """Errors, and warnings that nobody has called harmless. What is absent already has been removed well."""
    errors = [one for one in reply.errors if one.tag != "data-missing" and "statement not found" not in one.message]
    return errors + [one for one in reply.warnings if not any(words in one.message for words in HARMLESS)]


def _accept(who: str, reply: Reply) -> Reply:
    """The reply, if it holds no error. Busy when the error is another's lock."""
    if reply.ok:
        return reply
    if any(_is_lock(error) for error in reply.errors):
        raise _lock_denied(who, reply)
    raise _rejected(who, reply.errors)


def _is_lock(error: RpcError) -> bool:
    return error.tag in ("lock-denied", "in-use") or "database locked by" in error.message


def _lock_denied(who: str, reply: Reply) -> EsiError:
    for error in reply.errors:
        if _is_lock(error):
            holder = _LOCKED_BY.search(error.message)
            facts = {} if holder is None else {name: value or "" for name, value in holder.groupdict().items()}
            pid = facts.get("pid") or error.session_id
            by = facts.get("user") or "another session"
            since = f" since {facts['since']}" if facts.get("since") else ""
            words = f"{who}: the configuration is locked by {by} (pid {pid or 'unknown'}){since}"
            return Busy(words, who=who, user=facts.get("user", ""), pid=pid, since=facts.get("since", ""))
        if "database modified" in error.message:
            return Busy(f"{who}: somebody's uncommitted changes stand in the candidate", who=who)
    return _rejected(who, reply.errors)


def _rejected(who: str, errors: Sequence[RpcError]) -> Rejected:
    """All messages, and the place of the first error that names one."""
    words = "; ".join(dict.fromkeys(_words(error) for error in errors))
    placed = next((error for error in errors if error.path), None)
    if placed is None:
        return Rejected(who, words, bad_element=next((one.bad_element for one in errors if one.bad_element), ""))
    path = full_path(placed.path, placed.bad_element)
    return Rejected(who, words, path=path, error_path=placed.path, bad_element=placed.bad_element)


def _words(error: RpcError) -> str:
    message = " ".join(error.message.split()) or error.tag
    near = f" at '{error.bad_element}'" if error.bad_element and error.bad_element not in message else ""
    return without_secrets(f"{error.path} {message}{near}".strip())


def full_path(path: str, bad_element: str) -> str:
    """`[edit interfaces ge-0/0/1]` and `unit 7` together: daemons name the place in two parts."""
    words = path.strip().removeprefix("[edit").removesuffix("]").split()
    more = bad_element.replace("'", "").replace('"', "").split()
    if more and more[0] not in words[-1:] and more != words[-len(more) :]:
        words += more
    return f"[{' '.join(['edit', *words])}]"
