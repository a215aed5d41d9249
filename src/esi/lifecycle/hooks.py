"""Where services put their arithmetic: functions by schema and event, run inside the request's one transaction.

Order of a create: defaults, what was sent is checked, `pre_create`, `pre_create_in_transaction`, the whole document is
checked, row and event are written, `post_create_in_transaction`, `post_create`. Updates and deletes likewise. All of
them run before the commit, so an exception in any undoes everything; what must be told to the outside is an
`effect`, which becomes a job after the commit. A hook may await the methods of its `Tx` and nothing else.

Two-step deletion: `*_delete*` events belong to the logical delete, `*_physical_delete_in_transaction` to the moment
when the workers have confirmed and the row goes.

`post_show` runs for each row that is shown, alone or in a list: `body` is what the caller will see, and the hook may
put what stands elsewhere into it. It must only read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from esi.errors import PluginError
from esi.identity import Identity
from esi.model.resource import Body, Ref, Resource
from esi.schema import Catalogue, Schema
from esi.store import EVERYTHING, Cause, Query, Resources

EVENTS = frozenset(
    {
        "pre_create", "pre_create_in_transaction", "post_create_in_transaction", "post_create",
        "pre_update", "pre_update_in_transaction", "post_update_in_transaction", "post_update",
        "pre_delete", "pre_delete_in_transaction", "post_delete_in_transaction", "post_delete",
        "pre_physical_delete_in_transaction", "post_physical_delete_in_transaction",
        "pre_state_update_in_transaction", "post_state_update_in_transaction",
        "pre_monitoring_update_in_transaction", "post_monitoring_update_in_transaction",
        "post_show",
    }
)  # fmt: skip


@dataclass(slots=True)
class Change:
    """What a hook is told. `body` is the new document: a `pre_` hook changes it in place, and may set read-only
    properties. `sent` is what the caller gave, never changed. `before` is the row as it was (None on create).
    `payload` is the reported state or monitoring in the `*_state_*` and `*_monitoring_*` events and in physical
    deletes; `response` is what an action's hook answers. A `pre_delete` hook that sets `stays` has done something else
    instead: the resource is not deleted.
    """

    schema: Schema
    ref: Ref
    event: str
    before: Resource | None
    body: Body
    sent: Body
    identity: Identity
    request_id: str
    cause: Cause | None = None
    version: int = 1
    payload: Body = field(default_factory=dict)
    response: Any = None
    stays: bool = False

    @property
    def id(self) -> str:
        return self.ref.id

    def changed(self, name: str) -> bool:
        """Whether the property has another value than before."""
        before = self.before.body.get(name) if self.before is not None else None
        return bool(self.body.get(name) != before)


class Tx(Protocol):
    """What a hook can do. Everything goes through the same pipeline as a user's request, as the system, with `cause`
    set to the change that the hook belongs to. Resources returned are copies. `now` is the time of the transaction, in
    epoch seconds.
    """

    @property
    def now(self) -> float: ...
    async def get(self, ref: Ref) -> Resource | None: ...
    async def list(self, schema: str, query: Query = EVERYTHING) -> Resources: ...
    async def count(self, schema: str, query: Query = EVERYTHING) -> int: ...
    async def naming(self, schema: str, property: str, id: str) -> Resources:
        """Rows of `schema` whose `property` is this id. When many rows are shown it is asked once for all of them, so a
        `post_show` hook costs a list one statement.
        """
        ...

    async def create(self, schema: str, body: Body) -> Resource:
        """`id` may stand in the body; read-only properties may be set."""
        ...

    async def update(self, ref: Ref, change: Body) -> Resource:
        """A new version with its event; read-only properties may be set."""
        ...

    async def delete(self, ref: Ref) -> None: ...
    async def adjust(self, ref: Ref, change: Body) -> Resource:
        """Database only: no new version, no event. For counters and pools."""
        ...

    async def allocate(self, pool: str, value: str | int) -> None:
        """Take a value out of `pool`; Conflict when it is taken. It belongs to the change's resource and is released
        when that is physically gone.
        """
        ...

    async def allocate_lowest(self, pool: str, ranges: Iterable[tuple[int, int]]) -> int:
        """Take the lowest free number of the first range (first, last) that has one; else Conflict."""
        ...

    async def release(self, pool: str, value: str | int) -> None: ...
    def effect(self, kind: str, body: Body) -> None:
        """Tell the outside after the commit, at least once."""
        ...


Hook = Callable[[Tx, Change], Awaitable[None]]


class Hooks:
    """The registered functions. One function may be registered once per schema and event; they run in that order."""

    def __init__(self) -> None:
        self._hooks: dict[tuple[str, str], list[Hook]] = {}

    def on(self, schema: str, event: str, function: Hook) -> None:
        """`event` is one of EVENTS, or the id of a custom action of the schema; `check` finds what is neither."""
        known = self._hooks.setdefault((schema, event), [])
        if function in known:
            raise PluginError(f"hook {function!r} is registered twice for {schema} {event}")
        known.append(function)

    def any(self, schema: str, event: str, or_event: str = "") -> bool:
        """Whether one is registered at the event, or at the other one."""
        return (schema, event) in self._hooks or (schema, or_event) in self._hooks

    def of(self, schema: str, event: str) -> Sequence[Hook]:
        return self._hooks.get((schema, event), [])

    def check(self, catalogue: Catalogue) -> None:
        """PluginError naming every hook that would never run: of an unknown schema, or at an unknown event."""
        faults = []
        for schema_id, event in sorted(self._hooks):
            schema = catalogue.get(schema_id)
            if schema is None:
                faults.append(f"a hook for {schema_id} {event}: there is no such schema")
            elif event not in EVENTS and event not in schema.actions:
                faults.append(f"a hook for {schema_id} {event}: there is no such event or action")
        if faults:
            raise PluginError(faults)
