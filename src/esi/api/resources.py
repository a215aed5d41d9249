"""The verbs on resources, each from a decoded request to an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from esi.api.answers import NOTHING, Answer
from esi.api.bodies import unwrap
from esi.api.errors import NoPath
from esi.api.queries import forced, parse_query
from esi.api.routes import Route
from esi.api.waiting import Known, until_other
from esi.errors import Invalid
from esi.identity import Identity
from esi.lifecycle import Lifecycle
from esi.model.resource import Body, Ref, Resource
from esi.schema import Schema


@dataclass(slots=True)
class Asking:
    """One request, decoded: who asks, where, and with what. `document` is the JSON of the body, None without one;
    `known` the ETag of what the caller knows.
    """

    identity: Identity
    request_id: str
    method: str
    route: Route
    query: bytes
    document: Any = None
    known: str = ""

    @property
    def changing(self) -> bool:
        """Whether it sets something in motion, and so is recorded."""
        return self.route.schema is not None and self.method not in ("GET", "HEAD", "OPTIONS")


class Resources:
    """Collections, items and actions of a lifecycle."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle

    async def answer(self, asking: Asking, schema: Schema) -> Answer:
        """What the verb answers; errors are raised."""
        route, reading = asking.route, asking.method in ("GET", "HEAD")
        if route.place == "action":
            return await self._action(asking, schema)
        if route.place == "collection":
            return await (self._list(asking, schema) if reading else self._create(asking, schema))
        ref = Ref(schema.id, route.id)
        if reading:
            return await self._show(asking, schema, ref)
        if asking.method == "DELETE" and forced(asking.query):
            told = await self._lifecycle.force_delete(asking.identity, ref, asking.request_id)
            return Answer({schema.singular: told}, ref=ref)
        if asking.method == "DELETE":
            await self._lifecycle.delete(asking.identity, ref, asking.request_id)
            return Answer(NOTHING, 204, ref=ref)
        return await self._update(asking, schema, ref)

    async def _list(self, asking: Asking, schema: Schema) -> Answer:
        asked = parse_query(asking.query, schema, asking.route.parent)
        if asked.wait:
            raise Invalid("a list cannot be waited for", [("wait", "works on the path of one resource")])
        page = await self._lifecycle.list(asking.identity, schema.id, asked.query)
        rows = page.rows if asked.fields is None else [_only(row, asked.fields) for row in page.rows]
        return Answer({schema.plural: rows}, headers={"X-Total-Count": str(page.total)})

    async def _show(self, asking: Asking, schema: Schema, ref: Ref) -> Answer:
        asked = parse_query(asking.query, schema)
        lifecycle, known = self._lifecycle, Known(asking.known, asked.wait if asking.known else 0)

        async def look() -> Body:
            body = await lifecycle.show(asking.identity, ref)
            return body if asked.fields is None else _only(body, asked.fields)

        shown, tag = await until_other(look, ref, known, lifecycle.changes, lifecycle.clock)
        if tag == known.tag:
            return Answer(NOTHING, 304, {"ETag": tag}, ref=ref)
        return Answer({schema.singular: shown}, headers={"ETag": tag}, ref=ref)

    async def _create(self, asking: Asking, schema: Schema) -> Answer:
        body = unwrap(asking.document, schema.singular)
        if asking.route.parent is not None:
            body.setdefault(*asking.route.parent)
        row = await self._lifecycle.create(asking.identity, schema.id, body, asking.request_id)
        return self._written(asking, schema, row, 201)

    async def _update(self, asking: Asking, schema: Schema, ref: Ref) -> Answer:
        body = unwrap(asking.document, schema.singular)
        if asking.method == "PUT":
            row, created = await self._lifecycle.put(asking.identity, ref, body, asking.request_id)
            return self._written(asking, schema, row, 201 if created else 200)
        row = await self._lifecycle.update(asking.identity, ref, body, asking.request_id)
        return self._written(asking, schema, row, 200)

    def _written(self, asking: Asking, schema: Schema, row: Resource, status: int) -> Answer:
        shown = self._lifecycle.view(asking.identity, row)
        return Answer({schema.singular: shown}, status, ref=row.ref, version=row.config_version)

    async def _action(self, asking: Asking, schema: Schema) -> Answer:
        route = asking.route
        if route.action is None:
            raise NoPath("there is nothing at this path")
        ref = Ref(schema.id, route.id)
        given = asking.document if asking.document is not None else {}
        answer = await self._lifecycle.action(asking.identity, ref, route.action.id, given, asking.request_id)
        return Answer(answer, ref=ref)


def _only(body: Body, fields: frozenset[str]) -> Body:
    return {name: value for name, value in body.items() if name in fields and value is not None}
