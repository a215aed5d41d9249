"""One transaction of the pipeline: its rows, its events, its lines in the log, and the hooks that run in it.

Rows read or written are remembered for the length of the transaction, complete (properties without value are None) and
never changed in place: whoever wants to change one takes a copy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import orjson

from esi.errors import NotFound
from esi.identity import SYSTEM, Identity
from esi.lifecycle.deadlines import Deadlines
from esi.lifecycle.hooks import Change, Hooks
from esi.lifecycle.hooks import Tx as HookTx
from esi.model.effect import Effect
from esi.model.resource import Body, Ref, Resource
from esi.schema import Catalogue, Schema
from esi.schema.documents import clone
from esi.schema.validation import clean
from esi.store import Cause, Kind, LogRow, Query, Resources, Tx

ASKED_AT_ONCE = 1024
"""Ids in one statement."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How a pipeline works. `recorded_quirks`: behave as the recorded system did where esi knows better; `monitoring`:
    whether anybody watches what works; `deadlines`: how long things may take.
    """

    recorded_quirks: bool = False
    monitoring: bool = True
    deadlines: Deadlines = Deadlines()  # noqa: RUF009  # frozen


@dataclass(frozen=True, slots=True)
class World:
    """What stays the same for every request; `new_id` makes ids of resources."""

    catalogue: Catalogue
    hooks: Hooks
    ways: Ways
    new_id: Callable[[], str]


class Origin(NamedTuple):
    """Who wants a change and why. `trusted` changes come from hooks and from esi itself: policy and the permissions of
    properties are for people.
    """

    identity: Identity
    request_id: str = ""
    cause: Cause | None = None
    trusted: bool = False


def not_there(ref: Ref) -> NotFound:
    """The error for an id that leads nowhere; it comes from outside and may hold anything."""
    shown = clean(ref.id)
    return NotFound(f"{ref.schema} {shown} is not there", schema=ref.schema, id=shown)


def copied(row: Resource) -> Resource:
    """A row that may be changed."""
    return replace(row, body=clone(row.body), state=clone(row.state), state_monitoring=clone(row.state_monitoring))


class Request:
    """The rows of one transaction, and what everybody needs on the way."""

    def __init__(self, world: World, rows: Tx, for_hook: Callable[[Request, Change], HookTx]) -> None:
        self.world = world
        self.rows = rows
        self._known: dict[Ref, Resource | None] = {}
        self.touched: set[Ref] = set()
        self._for_hook = for_hook
        self.effects: list[tuple[Effect, str]] = []
        self.shown: frozenset[str] = frozenset()
        self._naming: dict[tuple[str, str], dict[Any, Resources]] = {}

    def schema(self, schema_id: str) -> Schema:
        return self.world.catalogue[schema_id]

    async def get(self, ref: Ref) -> Resource | None:
        """The row, not to be changed."""
        if ref not in self._known:
            self._known[ref] = await self.rows.get(ref)
        return self._known[ref]

    async def need(self, ref: Ref) -> Resource:
        row = await self.get(ref)
        if row is None:
            raise not_there(ref)
        return row

    async def list(self, schema: str, query: Query) -> Resources:
        return await self.rows.list(schema, query)

    async def naming(self, schema: str, property: str, id: str) -> Resources:
        """Rows whose `property` is this id; looked for once for all that are `shown`."""
        if id not in self.shown:
            return await self.list(schema, Query(filters={property: [id]}))
        key = (schema, property)
        if key not in self._naming:
            found: dict[Any, Resources] = {}
            ids = sorted(self.shown)
            for start in range(0, len(ids), ASKED_AT_ONCE):
                some = ids[start : start + ASKED_AT_ONCE]
                some += some[-1:] * ((1 << (len(some) - 1).bit_length()) - len(some))  # few statements to compile
                for row in await self.list(schema, Query(filters={property: some})):
                    found.setdefault(row.body[property], []).append(row)
            self._naming[key] = found
        return self._naming[key].get(id, [])

    async def insert(self, row: Resource) -> None:
        await self.rows.insert(row)
        self.touched.add(row.ref)
        get = row.body.get
        self._known[row.ref] = row.with_body({name: get(name) for name in self.schema(row.schema).properties})

    async def save(self, row: Resource) -> None:
        """Write the row as it is, without version or event."""
        await self.rows.update(row)
        self.touched.add(row.ref)
        self._known[row.ref] = row

    async def remove(self, ref: Ref) -> None:
        await self.rows.delete(ref)
        self.touched.add(ref)
        self._known[ref] = None

    async def event(self, kind: Kind, row: Resource, origin: Origin, *, version: int | None = None) -> None:
        """Tell the workers, unless this kind of resource is nobody's business but ours."""
        schema = self.schema(row.schema)
        if schema.nosync:
            return
        await self.rows.send(
            kind,
            schema.path_of(row.id),
            orjson.dumps(row.body),
            version=row.config_version if version is None else version,
            marked=row.marked_for_deletion,
            request_id=origin.request_id,
        )

    async def log(self, row: Resource, action: str, origin: Origin, detail: str = "") -> None:
        user = origin.identity.user
        await self.rows.log(
            LogRow(row.ref, row.config_version, action, origin.request_id, user, self.rows.now, origin.cause, detail)
        )

    async def run_hooks(self, event: str, change: Change) -> None:
        for hook in self.world.hooks.of(change.schema.id, event):
            change.event = event
            await hook(self._for_hook(self, change), change)

    async def finish(self) -> None:
        """The last step before the commit: effects leave after everything that caused them."""
        for effect, request_id in self.effects:
            await self.rows.send("effect", effect.kind, effect.encode(), request_id=request_id)


def change_of(
    schema: Schema, row: Resource, origin: Origin, *, before: Resource | None, sent: Body | None = None, **more: Any
) -> Change:
    """What the hooks of one change are told about it."""
    return Change(
        schema=schema,
        ref=row.ref,
        event="",
        before=copied(before) if before is not None else None,
        body=row.body,
        sent=sent if sent is not None else {},
        identity=origin.identity,
        request_id=origin.request_id,
        cause=origin.cause,
        version=row.config_version,
        **more,
    )


BY_ITSELF = Origin(SYSTEM, trusted=True)
"""Changes that nobody asked for: boot rows, reports."""
