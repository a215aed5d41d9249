"""One request: who is it, where does it lead, which verb of the lifecycle, and what went wrong in Neutron's words.

GET    /, /v2.0                          what is spoken here
GET    /v2.0/extensions                  none, as recorded: a port with more of them makes clients ask for more
       /v2.0/<collection>[/<id>]         networks, subnets, ports, security-groups: list, create, show, update, delete
GET    /v2.0/quotas[/<tenant>]           what a tenant may have
GET    /v2.0/floatingips, routers, …     nothing

A trailing slash and the suffix `.json` are accepted. Whoever has no tenant acts for the project of those without.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web

from esi.errors import Broken, EsiError, Forbidden, TimedOut
from esi.identity import SYSTEM, Authenticator, Identity
from esi.identity.accounts import HOME
from esi.lifecycle import Lifecycle
from esi.model.ids import random_id
from esi.model.resource import Body, Ref
from esi.neutron.errors import NO_PATH, Doing, NeutronError, not_found, told
from esi.neutron.kinds import KINDS, NONE_HERE, Kind, as_neutron, as_ours
from esi.neutron.queries import Values, chosen, fields_of, only, parse
from esi.neutron.quotas import DEFAULT, quota_of
from esi.schema.validation import clean, too_deep
from esi.store import Query
from esi.telemetry import Message, NullRecorder, Recorder

log = logging.getLogger(__name__)

LARGEST_BODY = 1024 * 1024
READ_SECONDS = 30.0
"""How long a body may take to arrive."""
REQUEST_ID = "x-openstack-request-id"
VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "DELETE": "delete"}
OWN = ("tenant", "project")
"""Words in the place of a tenant's id that mean the caller's own."""


@dataclass(slots=True)
class Asking:
    """One request, decoded."""

    identity: Identity
    request_id: str
    http: web.Request
    path: str
    doing: Doing = Doing()  # noqa: RUF009  # frozen
    sent: Any = None
    ref: Ref | None = None
    version: int = 0


class RestDoor:
    """The application over a lifecycle. `url`: how others reach it, where that is not what they wrote as Host."""

    def __init__(
        self, lifecycle: Lifecycle, authenticator: Authenticator, *, recorder: Recorder | None = None, url: str = ""
    ) -> None:
        self._lifecycle = lifecycle
        self._authenticator = authenticator
        self._recorder = recorder or NullRecorder()
        self._url = url.rstrip("/")

    def app(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._answered)
        return app

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        """Every refusal in Neutron's shape; every answer with the id that the change log has."""
        clock, id_ = self._lifecycle.clock, f"req-{random_id()}"
        begun, started = clock.now(), clock.monotonic()
        asking = Asking(Identity(""), id_, request, request.path.rstrip("/").removesuffix(".json"))
        try:
            status, body = await self._answer(asking)
        except EsiError as error:
            status, body = self._failed(error, asking)
        except web.HTTPRequestEntityTooLarge:
            status, body = told(NeutronError(413, "HTTPRequestEntityTooLarge", "The body is too large."), asking.doing)
        except Exception as error:  # noqa: BLE001 - the edge: whatever it is, the caller gets an answer and the log the rest
            status, body = self._failed(Broken(f"unexpected: {type(error).__name__}"), asking, error)
        if asking.sent is not None or request.method == "DELETE":
            self._record(asking, (status, body), begun, clock.monotonic() - started)
        headers = {REQUEST_ID: id_}
        if status == 401:
            headers["WWW-Authenticate"] = f'Keystone uri="{self._root(request)}"'
        if body is None:
            return web.Response(status=status, headers=headers)
        return web.Response(body=orjson.dumps(body), status=status, content_type="application/json", headers=headers)

    def _failed(self, error: EsiError, asking: Asking, cause: Exception | None = None) -> tuple[int, Body]:
        status, body = told(error, asking.doing)
        if status == 500:
            log.error("request failed inside", exc_info=cause or error, extra={"request_id": asking.request_id})
        return status, body

    async def _answer(self, asking: Asking) -> tuple[int, Any]:
        request, parts = asking.http, asking.path.split("/")[1:]
        if not parts or parts == [""]:
            return 200, {"versions": [self._version(request)]}
        asking.identity = await self._identify(request)
        if parts[0] != "v2.0" or len(parts) > 3 or request.method not in VERBS:
            raise NO_PATH
        collection, id_ = [*parts[1:], "", ""][:2]
        kind = KINDS.get(collection)
        if kind is not None and kind.schema in self._lifecycle.catalogue:
            return await self._of_kind(asking, kind, id_)
        if VERBS[request.method] != "get":
            raise NO_PATH
        return await self._looked(asking, collection, id_)

    async def _identify(self, request: web.Request) -> Identity:
        identity = await self._authenticator.identify(request.headers.get("X-Auth-Token"))
        return identity if identity.tenant else identity.acting_for(HOME)

    # Resources

    async def _of_kind(self, asking: Asking, kind: Kind, id_: str) -> tuple[int, Any]:
        verb, at_item = VERBS[asking.http.method], bool(id_)
        asking.doing = Doing(verb, kind, clean(id_))
        if verb != "get" and at_item == (verb == "create"):
            raise NO_PATH
        ref = Ref(kind.schema, id_)
        if verb == "get":
            return 200, await (self._show(asking, kind, ref) if at_item else self._list(asking, kind))
        asking.ref = ref
        if verb == "delete":
            await self._lifecycle.delete(asking.identity, ref, asking.request_id)
            return 204, None
        asking.sent = _document(await _read(asking.http))
        sent = _inside(asking.sent, kind)
        asking.doing = Doing(verb, kind, clean(id_), sent)
        ours = as_ours(kind, sent)
        unknown = sorted(set(ours) - set(self._lifecycle.catalogue[kind.schema].properties))
        if unknown:
            named = ", ".join(clean(name) for name in unknown)
            raise NeutronError(400, "HTTPBadRequest", f"Unrecognized attribute(s) '{named}'")
        if verb == "create":
            row = await self._lifecycle.create(asking.identity, kind.schema, ours, asking.request_id)
        else:
            row = await self._lifecycle.update(asking.identity, ref, ours, asking.request_id)
        asking.ref, asking.version = row.ref, row.config_version
        return 201 if verb == "create" else 200, await self._show(asking, kind, row.ref)

    async def _show(self, asking: Asking, kind: Kind, ref: Ref) -> Body:
        body = as_neutron(kind, await self._lifecycle.show(asking.identity, ref))
        return {kind.singular: only(body, fields_of(_values(asking.http)))}

    async def _list(self, asking: Asking, kind: Kind) -> Body:
        asked = parse(_values(asking.http), kind, self._lifecycle.catalogue[kind.schema])
        page = await self._lifecycle.list(asking.identity, kind.schema, asked.query)
        rows, markers = chosen([as_neutron(kind, row) for row in page.rows], asked, kind)
        body: Body = {kind.plural: [only(row, asked.fields) for row in rows]}
        links = [{"rel": rel, "href": self._page(asking.http, rel, marker)} for rel, marker in markers.items()]
        return body | ({f"{kind.plural}_links": links} if links else {})

    def _page(self, request: web.Request, rel: str, marker: str) -> str:
        kept = [(name, value) for name, value in request.query.items() if name not in ("marker", "page_reverse")]
        turned = [("page_reverse", "True")] if rel == "previous" else []
        return f"{self._root(request)}{request.path}?{urlencode([*kept, ('marker', marker), *turned])}"

    # What is only looked at

    async def _looked(self, asking: Asking, collection: str, id_: str) -> tuple[int, Any]:
        if not collection:
            return 200, {
                "resources": [
                    self._collection(asking.http, kind) for kind in {one.plural: one for one in KINDS.values()}.values()
                ]
            }
        if collection == "extensions" and not id_:
            return 200, {"extensions": []}
        if collection == "quotas":
            return 200, await self._quota(asking, id_)
        if collection in NONE_HERE and not id_:
            return 200, {collection.replace("-", "_"): []}
        if collection in NONE_HERE:
            raise not_found(NONE_HERE[collection], NONE_HERE[collection], clean(id_))
        raise NO_PATH

    async def _quota(self, asking: Asking, asked: str) -> Body:
        """Limits are the system's business: whoever asks for his own need not be let into the whole collection."""
        identity = asking.identity
        if asked in OWN:
            return {asked: {f"{asked}_id": identity.tenant}}
        wanted = [asked, DEFAULT] if asked else None
        if not identity.is_admin and asked != identity.tenant:
            asking.doing = Doing("get", Kind("quota", "quota", "quotas", "Quota"))
            raise Forbidden("only administrators see the limits of others")
        query = Query(filters={"tenant_id": wanted} if wanted else {})
        known = "quota" in self._lifecycle.catalogue
        rows = (await self._lifecycle.list(SYSTEM, "quota", query)).rows if known else []
        if asked:
            return {"quota": quota_of(asked, rows)}
        tenants = [row["tenant_id"] for row in rows if row["tenant_id"] != DEFAULT]
        return {"quotas": [{"tenant_id": one, "project_id": one, **quota_of(one, rows)} for one in tenants]}

    def _collection(self, request: web.Request, kind: Kind) -> Body:
        links = [{"rel": "self", "href": f"{self._root(request)}/v2.0/{kind.plural}"}]
        return {"name": kind.singular, "collection": kind.plural, "links": links}

    def _version(self, request: web.Request) -> Body:
        links = [{"rel": "self", "href": f"{self._root(request)}/v2.0/"}]
        return {"id": "v2.0", "status": "CURRENT", "links": links}

    def _root(self, request: web.Request) -> str:
        return self._url or f"{request.scheme}://{request.host}"

    def _record(self, asking: Asking, answer: tuple[int, Any], begun: float, took: float) -> None:
        """As the API records its requests."""
        subject = clean(f"{asking.http.method} {asking.http.path}")
        refs = ((asking.ref.schema, asking.ref.id, asking.version),) if asking.ref is not None else ()
        tell, id_ = self._recorder.message, asking.request_id
        tell(Message("http", "client", "gohan", subject, asking.sent, begun, 0.0, refs, id_))
        tell(Message("http", "gohan", "client", f"{answer[0]} {subject}", answer[1], begun + took, took, refs, id_))


def _values(request: web.Request) -> Values:
    return {name: request.query.getall(name) for name in request.query}


async def _read(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await request.read()
    except TimeoutError as error:
        raise TimedOut("the body did not arrive in time") from error


def _document(data: bytes) -> Any:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise NeutronError(400, "MalformedRequestBody", "Malformed request body: it is not JSON.") from None
    if too_deep(value):
        raise NeutronError(400, "MalformedRequestBody", "Malformed request body: it is nested too deep.")
    return value


def _inside(document: Any, kind: Kind) -> Body:
    inner = document.get(kind.singular) if isinstance(document, dict) else None
    if not isinstance(inner, dict):
        more = "; several at once are not made here" if isinstance(document, dict) and kind.plural in document else ""
        raise NeutronError(400, "HTTPBadRequest", f"Unable to find '{kind.singular}' in request body{more}.")
    return inner
