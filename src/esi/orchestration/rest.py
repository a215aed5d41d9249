"""The paths of Heat's API v1 that only look; everything else is refused with a sentence that says why.

GET /                                            the versions
GET /v1/<tenant>/stacks[/detail]                 lists: filters, sort_keys, sort_dir, limit, marker, with_count
GET …/stacks/<name or id>[/<part>]               302 to the path with both
GET …/stacks/<name>/<id>                         the stack, and under it template, environment, files, outputs[/<key>],
                                                 resources[/<name>[/metadata | /events[/<id>]]], events
GET …/resource_types[/<type>], /build_info

A caller sees the stacks of the token's tenant; administrators see all, one by one, and in lists with global_tenant.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from esi.errors import EsiError, TemporaryError, Unauthenticated
from esi.identity import Authenticator, Identity
from esi.identity.accounts import HOME
from esi.orchestration.bodies import Body, HeatError, Links, View, stack_line
from esi.orchestration.index import Index, Line
from esi.orchestration.queries import Values, kept, one, ordered, page, yes
from esi.registry import Registry
from esi.stacks import Property, StackResource

log = logging.getLogger(__name__)

LARGEST_BODY = 64 * 1024
PARTS = ("actions", "environment", "events", "files", "outputs", "resources", "template")
MADE_BY_THE_RING = "Stacks are made by the ring: create, change or delete the resource that this one stands for."
DENIED = "You are not authorized to complete this action."

CALLER = web.RequestKey("caller", Identity)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Told = Callable[[View, web.Request], Any]


class RestDoor:
    """The application over an index. `url`: how others reach it, where that is not what they wrote as Host."""

    def __init__(
        self, index: Index, authenticator: Authenticator, types: Registry[StackResource], *, url: str = ""
    ) -> None:
        self._index = index
        self._authenticator = authenticator
        self._types = types
        self._url = url.rstrip("/")

    def app(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[self._guarded])
        add, stacks = app.router.add_get, "/v1/{tenant}/stacks"
        add("/", self._versions)
        add(stacks, self._list)
        add(f"{stacks}/detail", self._detail)
        add("/v1/{tenant}/resource_types", self._resource_types)
        add("/v1/{tenant}/resource_types/{type}", self._resource_type)
        add("/v1/{tenant}/build_info", self._build_info)
        add(f"{stacks}/{{stack}}", self._lookup)
        add(f"{stacks}/{{stack}}/{{part:{'|'.join(PARTS)}}}", self._lookup)
        one_stack = f"{stacks}/{{stack}}/{{id}}"
        told: dict[str, Told] = {
            "": lambda view, request: {"stack": view.stack(outputs=request.query.get("resolve_outputs") != "False")},
            "/template": lambda view, _: view.template(),
            "/environment": lambda view, _: view.environment(),
            "/files": lambda view, _: {},
            "/outputs": lambda view, _: {"outputs": [_without_value(output) for output in view.outputs()]},
            "/outputs/{key}": lambda view, request: {"output": view.output(request.match_info["key"])},
            "/resources": lambda view, request: {"resources": _like(view.resources(), _values(request))},
            "/resources/{name}": lambda view, request: {"resource": view.resource(request.match_info["name"])},
            "/resources/{name}/metadata": lambda view, request: _metadata(view, request.match_info["name"]),
            "/resources/{name}/events": lambda view, request: {"events": _events(view, request)},
            "/resources/{name}/events/{event}": lambda view, request: {"event": _event(view, request)},
            "/events": lambda view, request: {"events": _events(view, request)},
        }
        for path, tell in told.items():
            add(one_stack + path, self._about(tell))
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Who is it, may they look here; and every refusal in Heat's shape."""
        try:
            if request.path != "/":
                request[CALLER] = await self._admit(request)
            return await handler(request)
        except Unauthenticated:
            return self._unknown(request)
        except HeatError as error:
            return _json(error.body, error.status)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            words = {404: "The resource could not be found.", 405: "Only GET and HEAD are answered here."}
            return _json(HeatError(error.status, words.get(error.status, error.reason)).body, error.status)
        except TemporaryError as error:
            return _json(HeatError(503, error.message).body, 503)
        except EsiError as error:
            log.error("request failed inside", exc_info=error)
            return _json(HeatError(500, "something went wrong inside; the room's log has it").body, 500)

    async def _admit(self, request: web.Request) -> Identity:
        identity = await self._authenticator.identify(request.headers.get("X-Auth-Token"))
        parts = request.path.split("/")
        tenant = parts[2] if len(parts) > 2 else ""
        if not identity.is_admin and tenant != (identity.tenant or HOME):
            raise HeatError(403, DENIED)
        if request.method not in ("GET", "HEAD"):
            raise HeatError(403, MADE_BY_THE_RING)
        return identity

    def _unknown(self, request: web.Request) -> web.Response:
        words = "The request you have made requires authentication."
        body = {"error": {"message": words, "code": 401, "title": "Unauthorized"}}
        return _json(body, 401, {"WWW-Authenticate": f'Keystone uri="{self._links(request).root}"'})

    # Stacks

    async def _versions(self, request: web.Request) -> web.Response:
        links = [{"href": f"{self._links(request).root}/v1/", "rel": "self"}]
        return _json({"versions": [{"id": "v1.0", "status": "CURRENT", "links": links}]}, 300)

    async def _list(self, request: web.Request) -> web.Response:
        lines, counted = self._asked(request)
        links = self._links(request)
        bodies = [stack_line(line, links) for line in lines]
        if yes(_values(request), "global_tenant"):
            bodies = [{**body, "project": line.tenant} for body, line in zip(bodies, lines, strict=True)]
        return _json({"stacks": bodies, **counted})

    async def _detail(self, request: web.Request) -> web.Response:
        lines, counted = self._asked(request)
        views = [self._view(line, request) for line in lines]
        return _json({"stacks": [view.stack(outputs=False) for view in views if view is not None], **counted})

    def _asked(self, request: web.Request) -> tuple[list[Line], Body]:
        """The page that the query wants, and the count if it wants that."""
        query = _values(request)
        everybodys = yes(query, "global_tenant")
        if everybodys and not request[CALLER].is_admin:
            raise HeatError(403, DENIED)
        lines = kept(self._index.all(None if everybodys else request.match_info["tenant"]), query)
        return page(ordered(lines, query), query), {"count": len(lines)} if yes(query, "with_count") else {}

    async def _lookup(self, request: web.Request) -> web.Response:
        line = self._find(request, request.match_info["stack"])
        part = request.match_info.get("part")
        tenant = request.match_info["tenant"]
        location = f"{self._links(request).root}/v1/{tenant}/stacks/{line.name}/{line.id}" + (
            f"/{part}" if part else ""
        )
        query = f"?{request.query_string}" if request.query_string else ""
        body = {"code": 302, "title": "Found", "explanation": "The resource was found at another place."}
        return _json(body, 302, {"Location": location + query})

    def _about(self, tell: Told) -> Handler:
        async def answer(request: web.Request) -> web.Response:
            line = self._find(request, request.match_info["id"])
            view = self._view(line, request) if line.name == request.match_info["stack"] else None
            if view is None:
                raise _no_stack(request.match_info["stack"])
            return _json(tell(view, request))

        return answer

    def _find(self, request: web.Request, text: str) -> Line:
        line = self._index.find(text)
        if line is None or not (request[CALLER].is_admin or line.tenant == request.match_info["tenant"]):
            raise _no_stack(text)
        return line

    def _view(self, line: Line, request: web.Request) -> View | None:
        whole = self._index.whole(line)
        return None if whole is None else View(whole, self._links(request), self._secrets)

    def _links(self, request: web.Request) -> Links:
        return Links(self._url or f"{request.scheme}://{request.host}")

    def _secrets(self, type: str) -> frozenset[str]:
        found = self._types.find(type)
        return frozenset(n for n, item in found.properties.items() if item.secret) if found is not None else frozenset()

    # What stacks are made of

    async def _resource_types(self, request: web.Request) -> web.Response:
        return _json({"resource_types": sorted(self._types.names())})

    async def _resource_type(self, request: web.Request) -> web.Response:
        name = request.match_info["type"]
        found = self._types.find(name)
        if found is None:
            raise HeatError(404, f"The Resource Type ({name}) could not be found.")
        support = {"status": "SUPPORTED", "message": None, "version": None, "previous_status": None}
        properties = {key: _schema(item) for key, item in found.properties.items()}
        return _json({"resource_type": name, "properties": properties, "attributes": {}, "support_status": support})

    async def _build_info(self, request: web.Request) -> web.Response:
        from esi import __version__

        return _json({"api": {"revision": __version__}, "engine": {"revision": __version__}})


def _schema(item: Property) -> Body:
    about: Body = {"type": item.type, "required": item.required, "update_allowed": True, "immutable": False}
    if item.default is not None:
        about["default"] = item.default
    return about | ({"constraints": [{"allowed_values": list(item.values)}]} if item.values else {})


def _without_value(output: Body) -> Body:
    return {"output_key": output["output_key"], "description": output.get("description", "")}


def _like(resources: list[Body], query: Values) -> list[Body]:
    """Those whose members are as the query says (name, type, status, …)."""
    short = {"name": "resource_name", "type": "resource_type", "status": "resource_status"}
    wanted = {short.get(name, name): values for name, values in query.items()}
    return [
        resource
        for resource in resources
        if all(str(resource[name]) in values for name, values in wanted.items() if name in resource)
    ]


def _metadata(view: View, name: str) -> Body:
    view.resource(name)
    return {"metadata": {}}


def _events(view: View, request: web.Request) -> list[Body]:
    name = request.match_info.get("name")
    if name is not None:
        view.resource(name)
    found = view.events(name)
    query = _values(request)
    marker, limit = one(query, "marker"), one(query, "limit")
    ids = [event["id"] for event in found]
    found = found[ids.index(marker) + 1 :] if marker in ids else found
    return found[: int(limit)] if limit.isdecimal() and len(limit) < 10 and int(limit) else found


def _event(view: View, request: web.Request) -> Body:
    wanted = request.match_info["event"]
    for event in view.events(request.match_info["name"]):
        if event["id"] == wanted:
            return event
    raise HeatError(404, f"The Event ({wanted}) could not be found.")


def _no_stack(text: str) -> HeatError:
    return HeatError(404, f"The Stack ({text}) could not be found.")


def _values(request: web.Request) -> Values:
    return {name: request.query.getall(name) for name in request.query}


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(content, status=status, headers=headers, dumps=json.dumps)
