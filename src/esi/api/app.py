"""One request from socket to answer.

    health? → who is it → where does it lead → is the method one of the place's → body → verb → answer → recorder

Every answer carries X-Request-Id, which is also the request id in the change log and in the outbox.
"""

from __future__ import annotations

import logging
from http.cookies import CookieError, SimpleCookie

from starlette.types import Receive, Scope, Send

from esi.api.about import VERSION, About
from esi.api.answers import NOTHING, Answer
from esi.api.bodies import Headers, headers_of, parse, read_body, text
from esi.api.errors import NoPath, WrongMethod, answer_for
from esi.api.resources import Asking, Resources
from esi.api.routes import Route, Routes
from esi.api.traces import Traces
from esi.errors import Broken, EsiError, Unauthenticated
from esi.identity import NOBODY, Authenticator, Identity
from esi.lifecycle import Lifecycle
from esi.model.ids import random_id
from esi.model.resource import Ref
from esi.schema.validation import clean
from esi.store import Messages, Tx
from esi.telemetry import Message, NullRecorder, Recorder

HEALTH = "/healthz"
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})

_log = logging.getLogger(__name__)


class Api:
    """The ASGI application over a lifecycle."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        authenticator: Authenticator,
        *,
        recorder: Recorder | None = None,
        messages: Messages | None = None,
    ) -> None:
        self._lifecycle = lifecycle
        self._authenticator = authenticator
        self._recorder = recorder or NullRecorder()
        self._routes = Routes(lifecycle.catalogue)
        self._resources = Resources(lifecycle)
        self._about = About(lifecycle.catalogue)
        self._traces = Traces(lifecycle, messages) if messages is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise Broken(f"{scope['type']} is not served")
        request_id = f"req-{random_id()}"
        clock = self._lifecycle.clock
        begun, started = clock.now(), clock.monotonic()
        asking: Asking | None = None
        try:
            if scope["path"] == HEALTH:
                answer = await self._health()
            else:
                asking = await self._decode(scope, receive, request_id)
                answer = await self._answer(asking)
        except EsiError as error:
            if isinstance(error, Broken):
                _log.error("request failed inside", exc_info=error, extra={"request_id": request_id})
            answer = answer_for(error, request_id)
        except Exception as error:  # noqa: BLE001 - the edge: whatever it is, the caller gets an answer and the log the rest
            _log.error("request failed inside", exc_info=error, extra={"request_id": request_id})
            answer = answer_for(Broken("unexpected"), request_id)
        if asking is not None and asking.changing and not self._recorder.skips():
            self._record(scope, asking, answer, begun, clock.monotonic() - started)
        answer.headers["X-Request-Id"] = request_id
        await answer.send(send)

    async def _decode(self, scope: Scope, receive: Receive, request_id: str) -> Asking:
        headers = headers_of(scope)
        identity = await self._identify(headers)
        method: str = scope["method"]
        route = self._routes.find(scope["path"])
        if route is None:
            if identity is NOBODY:
                raise Unauthenticated("a token is needed: send it as X-Auth-Token")
            raise NoPath(f"there is nothing at {clean(scope['path'])}")
        if method != "OPTIONS" and method not in route.allow:
            raise WrongMethod(clean(method), route.allow)
        asking = Asking(identity, request_id, method, route, scope["query_string"])
        asking.known = text(headers, b"if-none-match")
        if method in WITH_BODY:
            data = await read_body(scope, headers, receive)
            if data or route.place != "action":
                asking.document = parse(data, headers)
        return asking

    async def _identify(self, headers: Headers) -> Identity:
        token = text(headers, b"x-auth-token") or _cookie(text(headers, b"cookie")) or _bearer(headers)
        try:
            identity = await self._authenticator.identify(token)
        except Unauthenticated:
            if token is not None:
                raise
            return NOBODY  # policies with the principal Nobody may still let it in
        tenant = text(headers, b"x-tenant")
        return identity.acting_for(tenant) if tenant else identity

    async def _answer(self, asking: Asking) -> Answer:
        route = asking.route
        if asking.method == "OPTIONS":
            return Answer(NOTHING, 204, headers={"Allow": ", ".join(route.allow)})
        if route.place == "trace" and route.schema is not None:
            return await self._recorded().show(asking, Ref(route.schema.id, route.id))
        if route.place == "why" and route.schema is not None:
            return Answer({"why": await self._lifecycle.why(asking.identity, Ref(route.schema.id, route.id))})
        if route.schema is not None:
            return await self._resources.answer(asking, route.schema)
        if asking.identity is NOBODY:
            raise Unauthenticated("a token is needed: send it as X-Auth-Token")
        if route.place == "messages":
            return await self._recorded().take(asking)
        return self._tell(asking, route)

    def _recorded(self) -> Traces:
        if self._traces is None:
            raise NoPath("nothing is recorded here: the setting trace.on is off")
        return self._traces

    def _tell(self, asking: Asking, route: Route) -> Answer:
        if route.place == "version":
            return Answer(VERSION)
        if route.place == "schema":
            return Answer({"schema": self._about.schema(asking.identity, route.id)})
        schemas = list(self._about.schemas(asking.identity).values())
        return Answer({"schemas": schemas}, headers={"X-Total-Count": str(len(schemas))})

    async def _health(self) -> Answer:
        """Healthy means: the store answers."""
        await self._lifecycle.store.read(_nothing)
        return Answer({"status": "ok"})

    def _record(self, scope: Scope, asking: Asking, answer: Answer, begun: float, took: float) -> None:
        subject = clean(f"{scope['method']} {scope['path']}")
        refs = ((answer.ref.schema, answer.ref.id, answer.version),) if answer.ref is not None else ()
        told = None if answer.content is NOTHING else answer.content
        tell, id_ = self._recorder.message, asking.request_id
        tell(Message("http", "client", "gohan", subject, asking.document, begun, 0.0, refs, id_))
        tell(Message("http", "gohan", "client", f"{answer.status} {subject}", told, begun + took, took, refs, id_))


async def _nothing(rows: Tx) -> None:
    """A transaction that only begins and ends."""


def _cookie(text: str) -> str | None:
    if not text:
        return None
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(text)
    except CookieError:
        return None
    return cookies["Auth-Token"].value if "Auth-Token" in cookies else None


def _bearer(headers: Headers) -> str | None:
    kind, _, token = text(headers, b"authorization").partition(" ")
    return token.strip() or None if kind.lower() == "bearer" else None
