"""The verbs. Each is one transaction of the store: it happens whole or not at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from esi.clock import Clock
from esi.errors import Forbidden, Invalid, NotFound
from esi.identity import Identity
from esi.lifecycle import access, creation, deletion, reports, update, why
from esi.lifecycle.changes import Changes
from esi.lifecycle.hooks import Hooks
from esi.lifecycle.inside import Inside
from esi.lifecycle.remains import Remains, tell, what_is_left
from esi.lifecycle.request import BY_ITSELF, Origin, Request, Ways, World, change_of
from esi.lifecycle.showing import shown
from esi.model.ids import random_id
from esi.model.resource import Body, Ref, Resource
from esi.schema import Catalogue, Schema
from esi.store import EVERYTHING, Query, Store, Tx

T = TypeVar("T")
DEFAULT = Ways()


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list as the caller sees them, and how many there are in all."""

    rows: list[Body]
    total: int


class Lifecycle:
    """The resource pipeline over a store. `identity` is always the caller: what it may do is checked here, not
    above. `remains` can be set to whoever knows what stands on devices, `progress` to whoever knows how far the
    workers are.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        store: Store,
        hooks: Hooks,
        clock: Clock,
        ways: Ways = DEFAULT,
    ) -> None:
        self.catalogue = catalogue
        self.store = store
        self.clock = clock
        self.new_id: Callable[[], str] = random_id
        self.remains: Remains | None = None
        self.progress: why.Progress | None = None
        self.changes = Changes()
        self.world = World(catalogue, hooks, ways, lambda: self.new_id())

    async def _transact(self, work: Callable[[Request], Awaitable[T]]) -> T:
        touched: set[Ref] = set()

        async def run(rows: Tx) -> T:
            request = Request(self.world, rows, Inside)
            result = await work(request)
            await request.finish()
            touched.update(request.touched)
            return result

        result = await self.store.transaction(run)
        self.changes.tell(touched)
        return result

    async def create(self, identity: Identity, schema_id: str, body: Body, request_id: str = "") -> Resource:
        """A new resource. The body of the answer holds what was sent, defaulted and computed."""
        schema, origin = self.catalogue[schema_id], Origin(identity, request_id)
        return await self._transact(lambda request: creation.create(request, schema, body, origin))

    async def update(self, identity: Identity, ref: Ref, body: Body, request_id: str = "") -> Resource:
        """The next version of a resource: `body` is merged into it."""
        schema, origin = self.catalogue[ref.schema], Origin(identity, request_id)
        return await self._transact(lambda request: update.update(request, schema, ref, body, origin))

    async def put(self, identity: Identity, ref: Ref, body: Body, request_id: str = "") -> tuple[Resource, bool]:
        """Update, or create under this id when it is unknown; the second value says which: True for created."""
        schema, origin = self.catalogue[ref.schema], Origin(identity, request_id)

        async def work(request: Request) -> tuple[Resource, bool]:
            if await request.get(ref) is None:
                return await creation.create(request, schema, body, origin, id=ref.id), True
            return await update.update(request, schema, ref, body, origin), False

        return await self._transact(work)

    async def delete(self, identity: Identity, ref: Ref, request_id: str = "") -> None:
        """Delete, or begin to (two steps)."""
        schema, origin = self.catalogue[ref.schema], Origin(identity, request_id)
        await self._transact(lambda request: deletion.delete(request, schema, ref, origin))

    async def force_delete(self, identity: Identity, ref: Ref, request_id: str = "") -> Body:
        """Drop the record of a resource at once: `{"id", "left": [{"device", "path"} or {"type", "id"}], "message"}`.

        `left` is None when it is not known. For administrators only; Conflict while something refers to it.
        """
        schema, origin = self.catalogue[ref.schema], Origin(identity, request_id)
        access.allowed(self.world, identity, "delete", schema, item=True)
        if not identity.is_admin:
            raise Forbidden("only administrators may delete by force", schema=schema.id, id=ref.id)
        left = await what_is_left(self.remains, ref)
        message = tell(left)
        await self._transact(lambda request: deletion.force(request, schema, ref, origin, message))
        return {"id": ref.id, "left": left, "message": message}

    async def action(self, identity: Identity, ref: Ref, action: str, given: Any, request_id: str = "") -> Any:
        """Run a custom verb of a schema: what its hooks leave as response. `ref.id` is "" for one on the collection."""
        schema = self.catalogue[ref.schema]
        known = schema.actions.get(action)
        if known is None:
            raise NotFound(f"{schema.id} has no action {action!r}", schema=schema.id, action=action)
        faults = known.check(given)
        if faults:
            raise Invalid("the request is not valid", faults)

        async def work(request: Request) -> Any:
            row = Resource(ref, {})
            access.allowed(self.world, identity, action, schema, item=known.on_item)
            if known.on_item:
                row = await request.need(ref)
                access.check_row(self.world, identity, action, schema, row)
            body = given if isinstance(given, dict) else {}
            origin = Origin(identity, request_id)
            change = change_of(schema, row.with_body(dict(row.body)), origin, before=row, sent=body)
            await request.run_hooks(action, change)
            return change.response

        return await self._transact(work)

    async def show(self, identity: Identity, ref: Ref) -> Body:
        """What the caller sees of one resource; NotFound when it is not there or not the caller's to see."""
        schema = self.catalogue[ref.schema]
        access.allowed(self.world, identity, "read", schema, item=True)

        async def work(rows: Tx) -> Body:
            request = Request(self.world, rows, Inside)
            row = await request.need(ref)
            access.check_row(self.world, identity, "read", schema, row)
            return await shown(request, identity, row)

        return await self.store.read(work)

    async def why(self, identity: Identity, ref: Ref) -> Body:
        """The facts from which its status follows (esi.lifecycle.why). Errors as of `show`."""
        schema = self.catalogue[ref.schema]
        access.allowed(self.world, identity, "read", schema, item=True)

        async def work(rows: Tx) -> tuple[Resource, Body]:
            request = Request(self.world, rows, Inside)
            row = await request.need(ref)
            access.check_row(self.world, identity, "read", schema, row)
            return row, await why.facts(request, identity, schema, row)

        row, told = await self.store.read(work)
        return told | {"waits_for": await why.waits_for(self.progress, row)}

    async def list(self, identity: Identity, schema_id: str, query: Query = EVERYTHING) -> Page:
        """What the caller sees of all resources that match; Invalid when a filter names what the caller cannot see."""
        schema = self.catalogue[schema_id]
        grant = access.allowed(self.world, identity, "read", schema, item=False)
        _check_query(schema, query, access.seen(identity, schema, grant, own=grant.owner_only))
        if grant.owner_only and not identity.is_admin and schema.tenant_owned:
            if not identity.tenant:
                return Page([], 0)
            query = replace(query, owner=identity.tenant)

        async def work(rows: Tx) -> Page:
            found = await rows.list(schema_id, query)
            paged = query.limit is not None or query.offset
            total = await rows.count(schema_id, query) if paged else len(found)
            request = Request(self.world, rows, Inside)
            request.shown = frozenset(row.id for row in found)
            return Page([await shown(request, identity, row, grant) for row in found], total)

        return await self.store.read(work)

    def view(self, identity: Identity, row: Resource, grant: Any = None) -> Body:
        """What the caller is shown of a row that he has just written: what `post_show` adds is not in it."""
        return access.view(self.world, identity, row, grant)

    async def apply_state(self, ref: Ref, payload: Body) -> bool:
        """Take in a worker's report; whether it changed anything. Unknown resources and old versions do not."""
        schema = self.catalogue[ref.schema]
        return await self._transact(lambda request: reports.apply_state(request, schema, ref, payload))

    async def knows_states(self, told: Sequence[tuple[Ref, Body]]) -> Sequence[bool]:
        """Of each report whether `apply_state` would do nothing; many are asked about in one transaction that reads."""

        async def work(rows: Tx) -> Sequence[bool]:
            return [reports.is_old(await rows.get(ref), payload) for ref, payload in told]

        return await self.store.read(work)

    async def apply_monitoring(self, ref: Ref, payload: Body) -> bool:
        """Take in a monitoring report; whether it changed anything."""
        schema = self.catalogue[ref.schema]
        return await self._transact(lambda request: reports.apply_monitoring(request, schema, ref, payload))

    async def due(self, limit: int) -> Sequence[tuple[float, Ref]]:
        """Who must be looked at next, soonest first: (epoch seconds, ref)."""
        return await self.store.read(lambda rows: rows.due(limit))

    async def overdue(self, ref: Ref, waits_for: str) -> bool:
        """The time of this resource is over: what is pending fails, naming what it waits for; what was seen too long
        ago is unknown. Whether that was so.
        """
        schema = self.catalogue[ref.schema]
        return await self._transact(lambda request: reports.overdue(request, schema, ref, waits_for))

    async def ensure(self, schema_id: str, body: Body, *, unless: Callable[[Body], bool] | None = None) -> Resource:
        """A row that esi itself wants: created, or updated where it differs, as the system; objects are replaced, not
        merged. A row that stands and for which `unless` holds is left as it is.
        """
        schema, ref = self.catalogue[schema_id], Ref(schema_id, str(body["id"]))

        async def work(request: Request) -> Resource:
            row = await request.get(ref)
            if row is None:
                return await creation.create(request, schema, body, BY_ITSELF)
            if all(row.body.get(name) == value for name, value in body.items()) or (unless and unless(row.body)):
                return row
            return await update.update(request, schema, ref, body, BY_ITSELF, whole=True)

        return await self._transact(work)


def _check_query(schema: Schema, query: Query, names: frozenset[str] | None) -> None:
    asked = {*query.filters, *query.search, query.sort.removeprefix("-")}
    unknown = sorted(
        name for name in asked if not schema.has(name) or (names is not None and name not in names | {"id"})
    )
    if unknown:
        raise Invalid(
            f"Unrecognized query parameters: {', '.join(unknown)}", [(n, "is not a property") for n in unknown]
        )
