"""Hands on devices: what a device shall hold (intents), and one conversation with it (sessions).

The two ports of the device side. `Devices` is what resource types call; the room `devices` implements it, one owner per
device, many intents in one commit. `Session` is one conversation with one device, the verbs of the owner's cycle; each
driver (JUNOS over NETCONF, the null driver, the simulation's double) implements it and passes
tests/conformance/test_drivers.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from esi.kv import Guard

Operation = Literal["merge", "replace", "remove"]


class Step(NamedTuple):
    """One level of a configuration path, as recorded by OS::Contrail::NetconfNamedConfigs.

    `tag` is the keyword, `name` the entry's name. `text` says how the level stands in CLI text (`tag`: the keyword;
    `name`: the name alone; `named_tag`: keyword and name), `xml` how it stands in XML (`tag`: `<tag/>`;
    `named_tag`: `<tag><name>name</name></tag>`).
    """

    tag: str
    name: str = ""
    text: Literal["tag", "name", "named_tag"] = "tag"
    xml: Literal["tag", "named_tag"] = "tag"

    def words(self) -> list[str]:
        return [self.tag, self.name] if self.text == "named_tag" else [self.tag if self.text == "tag" else self.name]


Path = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """One change: what to do at `path`. `text` is the CLI text of the node's body (values marked); "" is a leaf.

    merge: add to what is there. replace: afterwards exactly this stands at the path. remove: the last element of the
    path goes; absent is success. `body` is what `text` was found to say, for a driver that reads it again; an edit that
    came from another process has none.
    """

    path: Path
    operation: Operation = "merge"
    text: str = ""
    body: Any = field(default=None, compare=False, repr=False)

    def place(self) -> tuple[str, ...]:
        """The path as comparable words."""
        return tuple(word for step in self.path for word in (step.tag, step.name))


@dataclass(frozen=True, slots=True)
class Address:
    """How a device is asked for: management address, port and credentials as the service's data name them."""

    ip: str
    port: int = 22
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Intent:
    """What one device shall hold for one resource: ordered edits, idempotent by construction.

    `id` is operation + resource name and is the same when the work is repeated; `ref` names the service
    (schema, id, version) for records; `lock_timeout` is how many seconds to wait for the device's lock in all; `fence`
    is the right to ask for it: once that guard fails, the intent is refused. `held` is told what keeps it waiting, and
    "" when nothing does: it belongs to the caller and goes to no other process.
    """

    id: str
    address: Address
    edits: tuple[Edit, ...]
    ref: tuple[str, str, int] | None = None
    tenant: str = ""
    lock_timeout: float = 120.0
    fence: Guard | None = None
    held: Callable[[str], None] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class IntentResult:
    """How an intent ended. `diff` is the device's own compare output of its batch ("" if nothing changed).

    `superseded`: a newer version of the same resource was committed in its place. `warnings`: what the device said
    beside its ok, of the batch as a whole.
    """

    id: str
    batch: str
    diff: str = ""
    superseded: bool = False
    warnings: tuple[str, ...] = ()


class Devices(Protocol):
    async def submit(self, intent: Intent) -> IntentResult:
        """Returns when the device has committed it. Raises Rejected (the device's words) or a TemporaryError."""
        ...


class CommitRecord(NamedTuple):
    """One entry of a device's commit log, newest first. `pending`: it is undone unless it is confirmed in time."""

    sequence: int
    user: str
    comment: str
    pending: bool = False


class Session(Protocol):
    """One conversation with one device. Edits go to the candidate, under its lock; nothing counts before `commit`.

    Calls take effect in the order in which they are made, so several may be under way without waiting for each other.

    Errors: Busy (lock held by another: details `user`, `pid` and `since` where the device names them), Rejected (the
    device's words; details may hold `path`), Unreachable (the conversation is over: a commit that was under way has an
    unknown outcome), TimedOut.
    """

    @property
    def session_id(self) -> str:
        """The device's own name of this conversation, the `pid` in its lock errors; "" when it has none."""
        ...

    @property
    def confirm_within(self) -> float | None:
        """Seconds within which this device wants its commits confirmed from another session; None: plain commits."""
        ...

    async def kill(self, session_id: str) -> None:
        """End another conversation with this device: its lock and its edits go. Rejected when there is none."""
        ...

    async def lock(self) -> None: ...

    async def load(self, edits: Sequence[Edit]) -> None:
        """Put the edits of one intent into the candidate. After a Rejected the candidate may hold half of them."""
        ...

    async def diff(self) -> str:
        """What a commit would change, in the device's words; "" when nothing."""
        ...

    async def commit(self, *, comment: str, confirm_within: float | None = None) -> Sequence[str]:
        """Make the candidate run. With `confirm_within` the device undoes it after so many seconds, unless another
        commit follows; without, it also confirms what waits for that. Gives its warnings, which hinder nothing.
        """
        ...

    async def check(self) -> None:
        """Ask whether the candidate would commit, without committing it. Raises Rejected as commit would."""
        ...

    async def discard(self) -> None: ...

    async def unlock(self) -> None: ...

    async def history(self) -> Sequence[CommitRecord]: ...

    async def close(self) -> None: ...


class Driver(Protocol):
    """Opens sessions. `rpcs` counts requests sent per verb since the start: budgets are tested with it."""

    @property
    def rpcs(self) -> Mapping[str, int]: ...

    def prepare(self, ip: str, edits: Sequence[Edit]) -> None:
        """These edits will be loaded there soon: what can be made beforehand may be. Tells nobody what is wrong."""
        ...

    async def open(self, address: Address) -> Session: ...
