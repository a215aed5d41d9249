"""Versions and tokens.

GET    /, /v3                  what is spoken here
POST   /v3/auth/tokens         a token for a password or a token; scope: a project by id or by name and domain, or none
GET    /v3/auth/tokens         who is behind X-Subject-Token, for that user, administrators and services; HEAD: whether
DELETE /v3/auth/tokens         X-Subject-Token counts no more
GET    /v3/auth/catalog, /v3/auth/projects, /v3/auth/domains
the rest of /v3                rows.py
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from esi.clock import Clock
from esi.identity.accounts import digest
from esi.lab.keystone.bodies import UNAUTHORIZED, Endpoints, Refused, catalogue, project_row, token_body, version
from esi.lab.keystone.directory import DOMAIN, Directory, Tenant, User
from esi.lab.keystone.issued import Guesses, Issued, Token
from esi.lab.keystone.rows import Rows

log = logging.getLogger(__name__)

LARGEST_BODY = 64 * 1024
YEARS = 10 * 365 * 86_400.0
"""How long a token of the file is said to live."""

NO_TOKEN = "Could not find token."
SHAPE = "The request body is not like the identity API's: {}."

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RestDoor:
    """The application. `url` gives this Keystone's own root, `endpoints` the catalogue, each at the time of asking."""

    def __init__(
        self,
        directory: Directory,
        *,
        clock: Clock,
        seconds: float,
        url: Callable[[], str],
        endpoints: Callable[[], Endpoints],
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._url = url
        self._endpoints = endpoints
        self._issued = Issued(clock, seconds=seconds)
        self._guesses = Guesses(clock)
        self._rows = Rows(directory, endpoints)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[self._guarded])
        add = app.router
        add.add_get("/", self._versions)
        for path in ("/v3", "/v3/"):
            add.add_get(path, self._version)
        add.add_post("/v3/auth/tokens", self._issue)
        add.add_get("/v3/auth/tokens", self._validate)
        add.add_delete("/v3/auth/tokens", self._revoke)
        for name in ("catalog", "projects", "domains"):
            add.add_get(f"/v3/auth/{name}", self._own)
        add.add_get("/v3/users/{id}/projects", self._projects_of)
        add.add_get("/v3/{collection}", self._list)
        add.add_get("/v3/{collection}/{id}", self._show)
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every refusal in Keystone's shape."""
        try:
            return await handler(request)
        except Refused as refused:
            return refused.response(self._url())
        except web.HTTPRequestEntityTooLarge:
            return Refused(413, "Request is too large.").response(self._url())
        except web.HTTPException as error:
            words = {404: "The resource could not be found.", 405: "The method is not allowed here."}
            return Refused(error.status, words.get(error.status, error.reason)).response(self._url())

    # What is spoken

    async def _versions(self, request: web.Request) -> web.Response:
        return web.json_response({"versions": {"values": [version(self._url())]}}, status=300)

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": version(self._url())})

    # Tokens

    async def _issue(self, request: web.Request) -> web.Response:
        auth = _map(_map(await _body(request), "auth"), "")
        identity = _map(auth, "identity")
        methods = identity.get("methods")
        until: float | None = None
        if methods == ["password"]:
            user = self._by_password(_map(_map(identity, "password"), "user"))
            done: tuple[str, ...] = ("password",)
        elif methods == ["token"]:
            old = self._known(_text(_map(identity, "token"), "id"))
            user, until, done = old.user, old.expires, ("token", *(m for m in old.methods if m != "token"))
        else:
            raise Refused(401, UNAUTHORIZED)
        project = self._scope(user, auth.get("scope"))
        text = self._issued.issue(user, project, done, until=until)
        token = self._issued.find(text)
        if token is None:
            raise Refused(401, UNAUTHORIZED)
        log.info("a token for %s in %s", user.name, project or "no project")
        return self._told(token, text, 201, with_catalogue="nocatalog" not in request.query)

    async def _validate(self, request: web.Request) -> web.Response:
        caller = self._caller(request)
        text = request.headers.get("X-Subject-Token", "")
        subject = self._find(text)
        if subject is None:
            raise Refused(404, NO_TOKEN)
        if subject.user is not caller.user and not self._may_look(caller):
            raise Refused(403, "You are not authorized to perform the requested action: identity:validate_token.")
        return self._told(subject, text, 200, with_catalogue="nocatalog" not in request.query)

    async def _revoke(self, request: web.Request) -> web.Response:
        caller = self._caller(request)
        text = request.headers.get("X-Subject-Token", "")
        subject = self._find(text)
        if subject is None:
            raise Refused(404, NO_TOKEN)
        if subject.user is not caller.user and not self._has(caller, "admin"):
            raise Refused(403, "You are not authorized to perform the requested action: identity:revoke_token.")
        if not self._issued.revoke(text):
            raise Refused(403, "This token stands in the ring's token file: take it out there.")
        return web.Response(status=204)

    def _told(self, token: Token, text: str, status: int, *, with_catalogue: bool) -> web.Response:
        body = token_body(token, self._directory, self._endpoints() if with_catalogue else None)
        return web.json_response(body, status=status, headers={"X-Subject-Token": text, "Vary": "X-Auth-Token"})

    def _by_password(self, asked: Mapping[str, Any]) -> User:
        if asked.get("id") is None:
            _own_domain(asked.get("domain"))
        user = self._directory.user(id=_text(asked, "id", ""), name=_text(asked, "name", ""))
        password, name = _text(asked, "password"), user.name if user else ""
        if user is None or self._guesses.too_many(name):
            raise Refused(401, UNAUTHORIZED)
        if not user.knows(password):
            self._guesses.wrong(name)
            raise Refused(401, UNAUTHORIZED)
        return user

    def _scope(self, user: User, scope: Any) -> str:
        """The project that a token is wanted for; none is a token without scope."""
        if scope is None or scope == "unscoped" or scope == {"unscoped": {}}:
            return ""
        asked = _map(_map({"scope": scope}, "scope"), "project")
        if asked.get("id") is None:
            _own_domain(asked.get("domain"))
        self._directory.admit(user, _text(asked, "id", ""))
        found: Tenant | None = self._directory.project(id=_text(asked, "id", ""), name=_text(asked, "name", ""))
        if found is None or found.id not in user.roles:
            raise Refused(401, UNAUTHORIZED)
        return found.id

    # Who is asking

    def _find(self, text: str) -> Token | None:
        standing = self._directory.standing.get(digest(text))
        if standing is None:
            return self._issued.find(text)
        now = self._clock.now()
        return Token(standing[0], standing[1], ("token",), now, now + YEARS, "file")

    def _known(self, text: str) -> Token:
        token = self._find(text)
        if token is None:
            raise Refused(401, UNAUTHORIZED)
        return token

    def _caller(self, request: web.Request) -> Token:
        return self._known(request.headers.get("X-Auth-Token", ""))

    def _has(self, token: Token, *roles: str) -> bool:
        return not token.user.roles.get(token.project, set()).isdisjoint(roles)

    def _may_look(self, token: Token) -> bool:
        return self._has(token, "admin", "service")

    # Lists

    async def _own(self, request: web.Request) -> web.Response:
        """What the caller's own token opens."""
        caller, name = self._caller(request), request.path.rsplit("/", 1)[1]
        if name == "catalog":
            rows: list[Any] = catalogue(self._endpoints(), caller.project)
        elif name == "projects":
            rows = [project_row(project) for project in self._directory.projects_of(caller.user)]
        else:
            rows = [{**DOMAIN, "enabled": True}]
        return web.json_response({name: rows, "links": self._links(request)})

    async def _projects_of(self, request: web.Request) -> web.Response:
        caller = self._caller(request)
        user = self._directory.user(id=request.match_info["id"])
        if user is None or (user is not caller.user and not self._has(caller, "admin")):
            raise Refused(404, f"Could not find user: {request.match_info['id']}.")
        rows = [project_row(project) for project in self._directory.projects_of(user)]
        return web.json_response({"projects": rows, "links": self._links(request)})

    async def _list(self, request: web.Request) -> web.Response:
        caller, name = self._caller(request), request.match_info["collection"]
        rows = self._rows.all(name, dict(request.query))
        if not self._may_look(caller):
            raise Refused(403, f"You are not authorized to perform the requested action: identity:list_{name}.")
        return web.json_response({name: rows, "links": self._links(request)})

    async def _show(self, request: web.Request) -> web.Response:
        caller, name, id_ = self._caller(request), request.match_info["collection"], request.match_info["id"]
        own = id_ == caller.user.id or id_ in caller.user.roles or name == "domains"
        singular, row = self._rows.show(name, id_)
        if not own and not self._may_look(caller):
            raise Refused(403, f"You are not authorized to perform the requested action: identity:get_{singular}.")
        return web.json_response({singular: row})

    def _links(self, request: web.Request) -> dict[str, Any]:
        return {"self": f"{self._url()}{request.path}", "previous": None, "next": None}


async def _body(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except (ValueError, RecursionError):
        raise Refused(400, SHAPE.format("it is not JSON")) from None


def _map(body: Any, name: str) -> Mapping[str, Any]:
    """The object `name` in `body`; `body` itself for an empty name."""
    found = body if not name else body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, dict):
        raise Refused(400, SHAPE.format(f"{name or 'it'} must be an object"))
    return found


def _text(body: Mapping[str, Any], name: str, default: str | None = None) -> str:
    found = body.get(name, default)
    if not isinstance(found, str):
        raise Refused(400, SHAPE.format(f"{name} must be a text"))
    return found


def _own_domain(asked: Any) -> None:
    """There is one domain; whoever names another is not known."""
    if not isinstance(asked, dict) or not asked:
        raise Refused(400, SHAPE.format("domain must have an id or a name"))
    if asked.get("id", DOMAIN["id"]) != DOMAIN["id"] or asked.get("name", DOMAIN["name"]) != DOMAIN["name"]:
        raise Refused(401, UNAUTHORIZED)
