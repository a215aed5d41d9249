"""The REST door, as recorded: POST, GET and DELETE of /targets; JSON errors of the API's form; /metrics, /healthz.

POST   /targets              201 and the target; `key` in the body makes it repeatable: the same key, the same target
GET    /targets              all, or those with ?resource_id=…
GET    /targets/<id>         the target with `values`; 307 to the agent that looks at it, when that is another one
GET    /targets/<id>/metrics the last samples of each value
DELETE /targets/<id>         204; 404 when there is none
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from esi.agent.collector import Collector
from esi.agent.metrics import as_prometheus, series
from esi.agent.records import answer
from esi.agent.seen import Seen, shown
from esi.agent.shelf import TargetShelf
from esi.errors import Broken, EsiError, Invalid, NotFound, TemporaryError, TooLarge, Unauthenticated
from esi.model import keys
from esi.telemetry import Secret

log = logging.getLogger(__name__)

LARGEST_BODY = 256 * 1024
OPEN = frozenset({"/healthz", "/metrics"})
"""Asked without a token; they tell no addresses and no secrets."""

TOLD = {"sent_total": "sent", "refused_total": "refused", "dropped_total": "dropped", "waiting": "waiting"}
"""What /metrics says of the points that leave for a database."""

HIDDEN = "something went wrong inside; the agent's log has it"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RestDoor:
    """The application over a shelf and a collector. With a `token` every request must carry it as X-Auth-Token."""

    def __init__(self, shelf: TargetShelf, collector: Collector, *, token: Secret) -> None:
        self._shelf = shelf
        self._collector = collector
        self._token = token.reveal().encode()

    def app(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[self._guarded])
        app.router.add_post("/targets", self._create)
        app.router.add_get("/targets", self._list)
        app.router.add_get("/targets/{id}", self._show)
        app.router.add_get("/targets/{id}/metrics", self._samples)
        app.router.add_delete("/targets/{id}", self._delete)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._health)
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Who is it; and every error as an answer."""
        try:
            if request.path not in OPEN and not self._knows(request.headers.get("X-Auth-Token", "")):
                raise Unauthenticated("a token is needed: send it as X-Auth-Token")
            return await handler(request)
        except web.HTTPRequestEntityTooLarge:
            return refused(TooLarge(f"a body may have {LARGEST_BODY} bytes"))
        except web.HTTPException as error:
            if error.status < 400:
                raise
            headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            code = {404: "not_found", 405: "wrong_method"}.get(error.status, "request")
            return _json({"error": error.reason, "code": code, "details": {}}, error.status, headers)
        except EsiError as error:
            return refused(error)

    def _knows(self, token: str) -> bool:
        return not self._token or hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._token)

    async def _create(self, request: web.Request) -> web.Response:
        try:
            body = orjson.loads(await request.read())
        except orjson.JSONDecodeError as error:
            raise Invalid(f"the body is not JSON: {error}") from error
        if not isinstance(body, dict):
            raise Invalid("a target is a JSON object")
        key = body.pop("key", "")
        if not isinstance(key, str) or len(key) > 300:
            raise Invalid("the key cannot be used", [("key", "must be a text of at most 300 characters")])
        return _json(dict(await self._shelf.create(body, key=key)), 201)

    async def _show(self, request: web.Request) -> web.Response:
        kept = await self._shelf.get(request.match_info["id"])
        elsewhere = self._collector.watchlist.url_of(kept.path)
        if elsewhere and "direct" not in request.query:
            raise web.HTTPTemporaryRedirect(f"{elsewhere}/targets/{kept.target.id}?direct")
        values = shown(kept.target, self._seen(kept.target.id))
        return _json({**answer(kept.target, self._shelf.url), "values": values})

    async def _list(self, request: web.Request) -> web.Response:
        """Those that this agent looks at."""
        wanted = request.query.get("resource_id")
        found = [
            answer(one.kept.target, self._shelf.url)
            for one in self._collector.watchlist.all()
            if wanted is None or one.kept.target.resource_id == wanted
        ]
        return _json({"targets": sorted(found, key=lambda one: str(one["id"]))})

    async def _delete(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        if not await self._shelf.remove(id_):
            raise NotFound(f"there is no target {id_}")
        return web.Response(status=204)

    async def _samples(self, request: web.Request) -> web.Response:
        kept = await self._shelf.get(request.match_info["id"])
        told = [
            {"key": key, "series": [{"metric": metric, "tags": tags} for metric, tags in series(kept.target, key)],
             "samples": [[round(at, 3), value] for at, value in samples]}
            for key, samples in sorted(self._collector.samples.of(kept.target.id).items())
        ]  # fmt: skip
        return _json({"metrics": told})

    async def _metrics(self, request: web.Request) -> web.Response:
        collector = self._collector
        watched = collector.watchlist.all()
        own = {
            "targets": len(watched),
            "looks_total": collector.looks,
            "looks_failed_total": collector.failed,
            "writes_total": collector.writes,
        }
        if collector.tsdb is not None:
            own |= {f"metrics_{name}": getattr(collector.tsdb, attribute) for name, attribute in TOLD.items()}
        text = as_prometheus(((one.kept, one.seen.values) for one in watched), own)
        return web.Response(text=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def _health(self, request: web.Request) -> web.Response:
        """Healthy means: the store has told us all targets."""
        synced = self._collector.watchlist.mirror.synced.is_set()
        return _json({"status": "ok" if synced else "starting"}, 200 if synced else 503)

    def _seen(self, id: str) -> Seen:
        watched = self._collector.watchlist.find(keys.target_key(id))
        return watched.seen if watched is not None else Seen()


def refused(error: EsiError) -> web.Response:
    """`{"error": sentence, "code": word, "details": facts}`; what failed inside is told to the log alone."""
    if isinstance(error, Broken) or (error.status >= 500 and not isinstance(error, TemporaryError)):
        log.error("request failed inside", exc_info=error)
        return _json({"error": HIDDEN, "code": error.code, "details": {}}, 500)
    headers = {"Retry-After": "1"} if isinstance(error, TemporaryError) else {}
    return _json({"error": error.message, "code": error.code, "details": dict(error.details)}, error.status, headers)


def _json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    text = orjson.dumps(content, option=orjson.OPT_INDENT_2)
    return web.Response(body=text, status=status, headers=headers, content_type="application/json")
