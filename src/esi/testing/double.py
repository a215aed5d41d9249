"""A device double with the semantics that count: candidate, lock, commit log; and faults wherever a test wants one.

Configuration is a flat map from path words to text. It is a real implementation of the driver port, held to the same
conformance suite as the others; users may test their own services with it. Faults: `double.fault(verb, when, error)`
makes the next call of that verb raise, before or after it has had its effect.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from esi.drivers import Address, CommitRecord, Edit, Session
from esi.errors import Busy, EsiError, Rejected, Unreachable

Words = tuple[str, ...]
Config = dict[Words, str]
Refusal = Callable[[Mapping[Words, str]], str | None]


def place(edit: Edit) -> Words:
    return tuple(word for step in edit.path for word in step.words())


def fold(config: Config, edits: Sequence[Edit]) -> Config:
    """What a configuration becomes by edits: the meaning of an intent, in five lines."""
    after = dict(config)
    for edit in edits:
        words = place(edit)
        if edit.operation != "merge":
            after = {path: text for path, text in after.items() if path[: len(words)] != words}
        if edit.operation != "remove":
            after[words] = edit.text
    return after


@dataclass
class DeviceDouble:
    """One device. `refuse` looks at a candidate and names the path it does not like, as "[edit …]". `confirm_within`
    is what its inventory would say; `pending`: the way back, when it is taken unless somebody commits, and whose it is.
    """

    name: str
    running: Config = field(default_factory=dict)
    refuse: Refusal = lambda candidate: None
    commit_seconds: float = 0.0
    history: list[CommitRecord] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    reachable: bool = True
    holder: DoubleSession | None = None
    sessions: list[DoubleSession] = field(default_factory=list)
    faults: list[tuple[str, Literal["before", "after"], EsiError]] = field(default_factory=list)
    opened: int = 0
    warnings: list[str] = field(default_factory=list)
    confirm_within: float | None = None
    pending: tuple[Config, float, str] | None = None

    def look(self) -> None:
        """Undo a commit that was not confirmed in time."""
        if self.pending is not None and asyncio.get_running_loop().time() >= self.pending[1]:
            self.roll_back()

    def roll_back(self) -> None:
        """Be as before the commit that waits for its confirmation."""
        if self.pending is not None:
            self.running, self.pending = self.pending[0], None
            self.history.insert(0, CommitRecord(0, "root", ""))

    def reboot(self) -> None:
        """Sessions, locks and candidates are gone, and so is what was not confirmed."""
        self.roll_back()
        self.drop_sessions()

    def fault(self, verb: str, when: Literal["before", "after"], error: EsiError | None = None) -> None:
        self.faults.append((verb, when, error or Unreachable(f"{self.name}: the connection is gone")))

    def take_fault(self, verb: str, when: str) -> None:
        for index, (fault_verb, fault_when, error) in enumerate(self.faults):
            if (fault_verb, fault_when) == (verb, when):
                del self.faults[index]
                if isinstance(error, Unreachable):
                    self.drop_sessions()
                raise error

    def drop_sessions(self) -> None:
        """All conversations end; locks and candidates go with them."""
        for session in self.sessions:
            session.dead = True
        self.sessions.clear()
        self.holder = None


class DoubleSession:
    """One conversation; dead after its device dropped it."""

    def __init__(self, device: DeviceDouble, user: str = "") -> None:
        self._device = device
        self.user = user
        self._candidate: Config = dict(device.running)
        self.dead = False
        device.opened += 1
        self.session_id = str(device.opened)
        self.confirm_within = device.confirm_within

    async def _call(self, verb: str) -> None:
        self._device.counts[verb] += 1
        await asyncio.sleep(0)  # noqa: TID251  # a double may be slow; the loop's timer is the clock
        if self.dead or not self._device.reachable:
            raise Unreachable(f"{self._device.name}: the connection is gone")
        self._device.look()
        self._device.take_fault(verb, "before")

    async def lock(self) -> None:
        await self._call("lock")
        if self._device.holder is not None and self._device.holder is not self:
            pid, user = self._device.holder.session_id, self._device.holder.user
            words = f"{self._device.name}: configuration database locked by another session (pid {pid})"
            raise Busy(words, who=self._device.name, user=user, pid=pid, since="")
        self._device.holder = self
        self._candidate = dict(self._device.running)
        self._device.take_fault("lock", "after")

    def _mine(self) -> None:
        if self._device.holder is not self:
            raise Rejected(self._device.name, "the candidate is not locked by this session")

    async def load(self, edits: Sequence[Edit]) -> None:
        await self._call("load")
        self._mine()
        for edit in edits:
            if "!" in edit.text:
                raise Rejected(self._device.name, "syntax error")
            self._candidate = fold(self._candidate, [edit])
        self._device.take_fault("load", "after")

    async def diff(self) -> str:
        await self._call("diff")
        old, new = self._device.running, self._candidate
        lines = [f"- {' '.join(path)} {old[path]}" for path in sorted(old) if new.get(path) != old[path]]
        lines += [f"+ {' '.join(path)} {new[path]}" for path in sorted(new) if old.get(path) != new[path]]
        return "\n".join(lines)

    async def check(self) -> None:
        await self._call("check")
        self._refused()

    def _refused(self) -> None:
        path = self._device.refuse(self._candidate)
        if path is not None:
            raise Rejected(self._device.name, f"commit failed at {path}", path=path)

    async def commit(self, *, comment: str, confirm_within: float | None = None) -> Sequence[str]:
        await self._call("commit")
        self._mine()
        if self._device.commit_seconds:
            await asyncio.sleep(self._device.commit_seconds)  # noqa: TID251
        device, before = self._device, self._device.running
        if device.pending is None or self._candidate != before:  # else it only confirms
            self._refused()
        if confirm_within is not None:
            back = before if device.pending is None else device.pending[0]
            device.pending = (back, asyncio.get_running_loop().time() + confirm_within, self.session_id)
        else:
            device.pending = None
        device.running = dict(self._candidate)
        device.history.insert(0, CommitRecord(0, "double", comment))
        device.take_fault("commit", "after")
        return list(device.warnings)

    async def discard(self) -> None:
        await self._call("discard")
        self._candidate = dict(self._device.running)

    async def unlock(self) -> None:
        await self._call("unlock")
        if self._device.holder is self:
            self._device.holder = None

    async def kill(self, session_id: str) -> None:
        await self._call("kill")
        for session in self._device.sessions:
            if session.session_id == session_id and session is not self:
                await session.close()
                if self._device.pending is not None and self._device.pending[2] == session_id:
                    self._device.roll_back()
                return
        raise Rejected(self._device.name, f"no such session: {session_id}")

    async def history(self) -> Sequence[CommitRecord]:
        await self._call("history")
        pending = self._device.pending is not None
        return [
            record._replace(sequence=number, pending=pending and number == 0)
            for number, record in enumerate(self._device.history)
        ]

    async def close(self) -> None:
        if self in self._device.sessions:
            self._device.sessions.remove(self)
        if self._device.holder is self:
            self._device.holder = None
        self.dead = True


class DoubleDriver:
    """Opens sessions on doubles by management address."""

    def __init__(self, devices: Mapping[str, DeviceDouble]) -> None:
        self._devices = devices

    @property
    def rpcs(self) -> Mapping[str, int]:
        return sum((device.counts for device in self._devices.values()), Counter())

    def prepare(self, ip: str, edits: Sequence[Edit]) -> None: ...

    async def open(self, address: Address) -> Session:
        device = self._devices[address.ip]
        device.counts["open"] += 1
        if not device.reachable:
            raise Unreachable(f"{device.name} does not answer")
        device.take_fault("open", "before")
        session = DoubleSession(device, address.username)
        device.sessions.append(session)
        return session
