"""The client: list, show, create, put, set, delete by schema id, names instead of ids, and waiting for a status."""

from __future__ import annotations

import difflib
import re
import ssl
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import quote

from esi.client.http import Http
from esi.client.schemas import FROM_SERVER, Action, SchemaSource, SchemaView, parse_schemas
from esi.clock import Clock
from esi.errors import Broken, Conflict, NotFound, TemporaryError, TerminalError, TimedOut

Body = dict[str, Any]

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 1.0
LONG_POLL_SECONDS = 20
PAGE = 500
NOT_MODIFIED = 304

_ID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{32}")


def looks_like_id(text: str) -> bool:
    """Whether a text is a UUID with or without hyphens: it is then sent as it is, without looking for a name."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Listing:
    """The rows of one page, and how many there are in all."""

    rows: list[Body]
    total: int


class Client:
    """Use it as `async with Client(url, token, clock=...) as client`. All methods raise the errors of esi.errors.

    `tenant` says for whom an administrator acts; `source` where schemas come from: every client asks once, unless
    they are kept in a file or known from another client.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        clock: Clock,
        tenant: str = "",
        source: SchemaSource = FROM_SERVER,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._http = Http(url, token=token, tenant=tenant, clock=clock, tls=tls)
        self._clock = clock
        self._who = source.who or token
        self._source = source
        self._schemas = dict(source.known) if source.known else None
        self._fresh = False

    async def __aenter__(self) -> Client:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def schemas(self, *, fresh: bool = False) -> dict[str, SchemaView]:
        """What this caller may see, by schema id; from the kept file unless `fresh`."""
        if self._schemas is not None and (self._fresh or not fresh):
            return self._schemas
        path, cache = self._source.path, self._source.cache
        documents = None if fresh or cache is None else cache.load(self._http.url + path, self._who)
        if documents is None:
            answer = await self._http.ask("GET", path)
            documents = _member(answer.body, "schemas", list)
            self._fresh = True
            if cache is not None:
                cache.keep(self._http.url + path, self._who, documents)
        self._schemas = parse_schemas(documents)
        return self._schemas

    async def schema(self, id: str) -> SchemaView:
        """One schema. NotFound names similar ones. An id that is not in the kept file is asked for again."""
        known = await self.schemas()
        if id not in known:
            known = await self.schemas(fresh=True)
        if id not in known:
            near = difflib.get_close_matches(id, known, n=3) or sorted(known)
            raise NotFound(f"the server has no schema {id!r}; it has {', '.join(near) or 'none'}", schema=id)
        return known[id]

    async def list(self, schema: str, query: Mapping[str, Any] | None = None) -> Listing:
        """The resources that match `query` (properties, limit, offset, sort_key, sort_order)."""
        view = await self.schema(schema)
        answer = await self._http.ask("GET", view.url, query=query)
        rows = _member(answer.body, view.plural, list)
        return Listing(rows, len(rows) if answer.total is None else answer.total)

    async def list_all(self, schema: str, query: Mapping[str, Any] | None = None, *, page: int = PAGE) -> Listing:
        """Every resource that matches, asked for page by page; one that moves between pages is listed once."""
        found: dict[str, Body] = {}
        offset = 0
        while True:
            listing = await self.list(schema, {**(query or {}), "limit": page, "offset": offset})
            found.update((str(row.get("id", len(found))), row) for row in listing.rows)
            offset += len(listing.rows)
            if not listing.rows or offset >= listing.total:
                return Listing(list(found.values()), len(found))

    async def show(self, schema: str, name_or_id: str) -> Body:
        """One resource, by id or, where no id is like that, by name."""
        view = await self.schema(schema)
        try:
            answer = await self._http.ask("GET", view.path(quote(name_or_id, safe="")))
        except NotFound:
            if looks_like_id(name_or_id):
                raise
            return await self._named(view, name_or_id)
        return _body(view, answer.body)

    async def create(self, schema: str, body: Mapping[str, Any]) -> Body:
        view = await self.schema(schema)
        return _body(view, (await self._http.ask("POST", view.url, body={view.singular: body})).body)

    async def put(self, schema: str, id: str, body: Mapping[str, Any]) -> Body:
        """Update the resource of this id, or create it with this id when there is none."""
        view = await self.schema(schema)
        path = view.path(quote(id, safe=""))
        return _body(view, (await self._http.ask("PUT", path, body={view.singular: body})).body)

    async def set(self, schema: str, name_or_id: str, body: Mapping[str, Any]) -> Body:
        """Change the given properties of a resource that is there; NotFound when it is not."""
        view = await self.schema(schema)
        path = view.path(await self.resolve(schema, name_or_id))
        return _body(view, (await self._http.ask("PATCH", path, body={view.singular: body})).body)

    async def delete(self, schema: str, name_or_id: str) -> str:
        """Ask for its removal and give its id back; it is gone when the workers have undone it."""
        view = await self.schema(schema)
        id = await self.resolve(schema, name_or_id)
        await self._http.ask("DELETE", view.path(id))
        return id

    async def trace(self, schema: str, name_or_id: str, *, request: str = "") -> Body:
        """What one request set in motion, the newest for this resource unless named: messages and changes."""
        id = await self.resolve((await self.schema(schema)).id, name_or_id)
        query = {"request": request} if request else None
        answer = await self._http.ask("GET", f"/esi/trace/{schema}/{quote(id, safe='')}", query=query)
        found: Body = _member(answer.body, "trace", dict)
        return found

    async def force_delete(self, schema: str, name_or_id: str) -> Body:
        """Drop its record (administrators): {"id", "left": what may be left where, None when unknown, "message"}."""
        view = await self.schema(schema)
        path = view.path(await self.resolve(schema, name_or_id))
        return _body(view, (await self._http.ask("DELETE", path, query={"force": "true"})).body)

    async def act(self, schema: str, action: Action, name_or_id: str, given: Any) -> Any:
        """A verb of the schema's own; what it answers, whatever that is."""
        view = await self.schema(schema)
        id = await self.resolve(schema, name_or_id) if action.on_item else ""
        body = None if action.method == "GET" else given
        return (await self._http.ask(action.method, view.url + action.path.replace("/:id", f"/{id}"), body=body)).body

    async def why(self, schema: str, name_or_id: str) -> Body:
        """The facts from which its status follows."""
        id = await self.resolve((await self.schema(schema)).id, name_or_id)
        found: Body = _member(
            (await self._http.ask("GET", f"/esi/why/{schema}/{quote(id, safe='')}")).body, "why", dict
        )
        return found

    async def resolve(self, schema: str, name_or_id: str) -> str:
        """The id of a resource: NotFound when there is none, Conflict when a name fits several."""
        if looks_like_id(name_or_id):
            return name_or_id
        return str((await self.show(schema, name_or_id))["id"])

    async def _named(self, view: SchemaView, name: str) -> Body:
        if view.property("name") is None:
            raise NotFound(f"{view.id} {name!r} not found", schema=view.id, id=name)
        found = (await self.list(view.id, {"name": name})).rows
        if not found:
            raise NotFound(f"no {view.id} has the id or the name {name!r}", schema=view.id, name=name)
        if len(found) > 1:
            ids = sorted(str(row["id"]) for row in found)
            raise Conflict(f"{len(ids)} {view.plural} have the name {name!r}: {', '.join(ids)}", ids=ids)
        return found[0]

    async def wait(
        self,
        schema: str,
        id: str,
        *,
        until: Collection[str] = frozenset({"ACTIVE"}),
        at_most: float = 60.0,
        seen: Callable[[Body], None] | None = None,
    ) -> Body:
        """Follow it until `status` is one of `until`; at most `at_most` seconds.

        TerminalError with the server's reason when it becomes ERROR instead; TimedOut names the last status and its
        reason. A resource whose status nobody derives is there as soon as it can be shown. `seen` gets every answer.
        """
        last, reason = "unknown", ""
        derived = (await self.schema(schema)).rule != "none"
        async for body in self.looks(schema, id, at_most):
            if seen is not None:
                seen(body)
            status = body.get("status")
            if status is None or status in until or not derived:
                return body
            if status == "ERROR":
                raise _failed(schema, id, body)
            last, reason = str(status), str(body.get("status_reason") or "")
        wanted = " or ".join(sorted(until))
        told = f"{schema} {id} is {last}, not {wanted}, after {at_most:g} s" + (f": {reason}" if reason else "")
        raise TimedOut(told, schema=schema, id=id, reason=reason)

    async def wait_gone(
        self, schema: str, id: str, *, at_most: float = 60.0, seen: Callable[[Body], None] | None = None
    ) -> None:
        """Follow the resource until it is no longer there. Errors as in `wait`."""
        try:
            async for body in self.looks(schema, id, at_most):
                if seen is not None:
                    seen(body)
                if body.get("status") == "ERROR":
                    raise _failed(schema, id, body)
        except NotFound:
            return
        raise TimedOut(f"{schema} {id} is still there after {at_most:g} s", schema=schema, id=id)

    async def looks(self, schema: str, id: str, at_most: float) -> AsyncIterator[Body]:
        """What is shown now, and again whenever it is something else. A server that gives ETags is asked to wait; of
        another one it is asked after growing pauses, as of one that is away for a while.
        """
        view = await self.schema(schema)
        end = self._clock.monotonic() + at_most
        pause, tag = FIRST_PAUSE_SECONDS, ""
        while True:
            patience = int(min(end - self._clock.monotonic(), LONG_POLL_SECONDS))
            query = {"wait": str(patience)} if tag and patience else None
            try:
                answer = await self._http.ask("GET", view.path(quote(id, safe="")), query=query, known=tag)
            except TemporaryError:
                if self._clock.monotonic() + pause > end:
                    raise
            else:
                tag = answer.tag
                if answer.status != NOT_MODIFIED:
                    yield _body(view, answer.body)
                    if tag and end - self._clock.monotonic() >= 1:
                        pause = FIRST_PAUSE_SECONDS
                        continue
            if self._clock.monotonic() + pause > end:
                return
            await self._clock.sleep(pause)
            pause = min(pause * 1.4, LONGEST_PAUSE_SECONDS)


def _failed(schema: str, id: str, body: Body) -> TerminalError:
    reason = body.get("status_reason") or f"no reason given ({body.get('orchestration_state', 'ERROR')})"
    return TerminalError(f"{schema} {id} failed: {reason}", schema=schema, id=id, reason=reason)


def _member(body: Any, name: str, kind: type[Any]) -> Any:
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, kind):
        raise Broken(f"the server's answer has no {name!r}")
    return value


def _body(view: SchemaView, body: Any) -> Body:
    found: Body = _member(body, view.singular, dict)
    return found
