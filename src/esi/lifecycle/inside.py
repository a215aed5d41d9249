"""What hooks get: the pipeline itself, as the system, each change marked with what caused it."""

from __future__ import annotations

from collections.abc import Iterable

from esi.errors import Conflict
from esi.lifecycle import creation, deletion, update
from esi.lifecycle.hooks import Change
from esi.lifecycle.request import Origin, Request, copied
from esi.model.effect import Effect
from esi.model.resource import Body, Ref, Resource
from esi.store import EVERYTHING, Cause, Query, Resources


class Inside:
    """esi.lifecycle.hooks.Tx for one change of one request."""

    def __init__(self, request: Request, change: Change) -> None:
        self._request = request
        self._change = change

    def _origin(self) -> Origin:
        change = self._change
        cause = Cause(change.schema.id, change.ref.id, change.version)
        return Origin(change.identity, change.request_id, cause, trusted=True)

    @property
    def now(self) -> float:
        return self._request.rows.now

    async def get(self, ref: Ref) -> Resource | None:
        row = await self._request.get(ref)
        return copied(row) if row is not None else None

    async def list(self, schema: str, query: Query = EVERYTHING) -> Resources:
        return await self._request.list(schema, query)

    async def count(self, schema: str, query: Query = EVERYTHING) -> int:
        return await self._request.rows.count(schema, query)

    async def naming(self, schema: str, property: str, id: str) -> Resources:
        return await self._request.naming(schema, property, id)

    async def create(self, schema: str, body: Body) -> Resource:
        row = await creation.create(self._request, self._request.schema(schema), body, self._origin())
        return copied(row)

    async def update(self, ref: Ref, change: Body) -> Resource:
        schema = self._request.schema(ref.schema)
        return copied(await update.update(self._request, schema, ref, change, self._origin()))

    async def delete(self, ref: Ref) -> None:
        await deletion.delete(self._request, self._request.schema(ref.schema), ref, self._origin())

    async def adjust(self, ref: Ref, change: Body) -> Resource:
        return copied(await update.adjust(self._request, self._request.schema(ref.schema), ref, change))

    async def allocate(self, pool: str, value: str | int) -> None:
        await self._request.rows.allocate(pool, value, self._change.ref)

    async def allocate_lowest(self, pool: str, ranges: Iterable[tuple[int, int]]) -> int:
        for first, last in ranges:
            number = await self._request.rows.lowest_free(pool, first, last)
            if number is not None:
                await self.allocate(pool, number)
                return number
        raise Conflict(f"nothing is left in {pool}", pool=pool)

    async def release(self, pool: str, value: str | int) -> None:
        await self._request.rows.release(pool, value)

    def effect(self, kind: str, body: Body) -> None:
        change = self._change
        self._request.effects.append((Effect(kind, body, change.ref, change.version), change.request_id))
