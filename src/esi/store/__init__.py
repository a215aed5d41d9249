"""Rows, and the promise that what belongs together is written together.

In: transactions of the lifecycle, the sync writer's batches. Out: rows, the outbox, the change log.
Owns: every SQL table. Killed at any moment: a transaction stands whole or not at all.

A transaction is a coroutine that awaits only the methods of its `Tx`: the store drives it to its end. Awaiting anything
else raises Broken. It may share one commit with its neighbours (`esi.store.sqlite`), or once
more from its beginning, where others have written what it read (`esi.store.postgresql`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from esi.model.resource import Ref, Resource
from esi.telemetry import Named

T = TypeVar("T")
Resources: TypeAlias = list[Resource]
Kind = Literal["create", "update", "delete", "drop", "effect"]
"""`drop` is a delete by force."""
Work = Callable[["Tx"], Awaitable[T]]


@dataclass(frozen=True, slots=True)
class Query:
    """What to list. Rows must equal one of the values of every property in `filters` (of any of them with `any_of`);
    a property in `search` matches when it contains the value. `owner` is ANDed to everything: the tenant whose rows
    may be seen. `limit` None means all; `sort` is a property, "-property" turns the order.
    """

    filters: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    any_of: bool = False
    search: frozenset[str] = frozenset()
    owner: str | None = None
    sort: str = "id"
    limit: int | None = None
    offset: int = 0


EVERYTHING = Query()


class Cause(NamedTuple):
    """The version of a resource that made another change happen."""

    schema: str
    id: str
    version: int


class OutboxRow(NamedTuple):
    """Something to tell the workers, in commit order of `id`. `path` is the resource's API path, or an effect's kind;
    `body` the JSON bytes of its visible columns; `at` epoch seconds.
    """

    id: int
    kind: Kind
    path: str
    body: bytes
    version: int
    marked_for_deletion: bool
    request_id: str
    at: float


class LogRow(NamedTuple):
    """One line of the change log: who did what to which version, in which request, because of what."""

    ref: Ref
    version: int
    action: str
    request_id: str
    user: str
    at: float
    cause: Cause | None = None
    detail: str = ""


class Tx(Protocol):
    """Raw rows inside one transaction. No rules live here: they are the lifecycle's.

    `now` is the wall time (epoch seconds) at which the transaction was asked for: no clock is read inside.
    """

    now: float

    async def insert(self, row: Resource) -> None:
        """Conflict when the id or a unique property is taken."""
        ...

    async def update(self, row: Resource) -> None:
        """Write the whole row; NotFound when it is not there, Conflict when a unique property is taken."""
        ...

    async def delete(self, ref: Ref) -> None: ...
    async def get(self, ref: Ref) -> Resource | None: ...
    async def has(self, ref: Ref) -> bool:
        """Whether `get` would find it."""
        ...

    async def find(self, schema: str, name: str, value: Any) -> Resource | None:
        """The row whose unique property `name` has this value."""
        ...

    async def list(self, schema: str, query: Query = EVERYTHING) -> Resources: ...
    async def count(self, schema: str, query: Query = EVERYTHING) -> int: ...
    async def referring(self, schema: str, property: str, target: str) -> Resources:
        """Rows of `schema` whose relation `property` (a path, lists too) holds the id `target`."""
        ...

    async def due(self, limit: int) -> Sequence[tuple[float, Ref]]:
        """Who must be looked at next, soonest first: (epoch seconds, ref). Read off an index."""
        ...

    async def send(
        self, kind: Kind, path: str, body: bytes, *, version: int = 0, marked: bool = False, request_id: str = ""
    ) -> None:
        """Append to the outbox."""
        ...

    async def log(self, row: LogRow) -> None: ...
    async def history(self, ref: Ref) -> Sequence[LogRow]: ...
    async def caused_by(self, cause: Cause) -> Sequence[LogRow]: ...
    async def requested(self, request_id: str) -> Sequence[LogRow]:
        """What was logged in a request."""
        ...

    async def allocate(self, pool: str, value: str | int, owner: Ref) -> None:
        """Take `value` out of `pool`; Conflict when somebody has it. The number 7 and the text "7" are one value, but
        only numbers are seen by `lowest_free`.
        """
        ...

    async def lowest_free(self, pool: str, first: int, last: int) -> int | None:
        """The lowest number of first..last that nobody has; what has been taken does not make it dearer."""
        ...

    async def release(self, pool: str, value: str | int) -> None:
        """Give a value back; not taken is success."""
        ...

    async def release_all(self, owner: Ref) -> None: ...
    async def holder(self, pool: str, value: str | int) -> Ref | None:
        """Who has the value."""
        ...


class Wake(Protocol):
    """Tells the sync writer that the outbox has something, instead of letting it poll."""

    def wake(self) -> None: ...
    async def wait(self, *, at_most: float) -> bool:
        """True when woken (since the last wait, too), False after `at_most` seconds."""
        ...


class Kept(NamedTuple):
    """Messages as documents, and how many of that time are missing."""

    messages: list[dict[str, Any]]
    dropped: int


class Messages(Protocol):
    """Where messages of the flight recorder are kept, apart from the rows: no request waits for them."""

    async def take(self, data: bytes) -> None:
        """Keep lines of messages. Busy: not now."""
        ...

    async def of(self, refs: Sequence[Named], requests: Sequence[str], since: float) -> Kept:
        """Messages of these resource versions and requests, in order of time, each once."""
        ...

    async def close(self) -> None: ...


class Store(Protocol):
    """`statements` and `commits` count SQL statements and commits since the start: budgets are tested with them."""

    @property
    def wake(self) -> Wake: ...
    @property
    def statements(self) -> int: ...
    @property
    def commits(self) -> int: ...

    async def transaction(self, work: Work[T]) -> T:
        """Run `work` and commit; any exception rolls all of it back and is raised here. Unreachable: nothing stands."""
        ...

    async def read(self, work: Work[T]) -> T:
        """Run `work`, which may only read, on a snapshot of committed data."""
        ...

    async def outbox_batch(self, limit: int) -> Sequence[OutboxRow]:
        """The oldest rows, in order."""
        ...

    async def outbox_done(self, ids: Sequence[int]) -> None:
        """These rows are in etcd: forget them."""
        ...

    async def outbox_park(self, id: int, error: str) -> None:
        """This row cannot be written: set it aside with its error, out of the way of the rest."""
        ...

    async def outbox_parked(self) -> Sequence[tuple[OutboxRow, str]]: ...
    async def close(self) -> None: ...
