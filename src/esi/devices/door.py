"""The room's door for programs that have no etcd: resource types inside heat-engine.

    POST /intents   an intent (esi.drivers.records); 200 and the answer, result or refusal, when the device has done it

A request that is cut off is sent again: the intent's id is the same, and what the device holds already changes
nothing. Intents hold secrets, so the door listens on loopback unless it is told otherwise, and asks for a token when
it has one.
"""

from __future__ import annotations

import hmac

from aiohttp import web

from esi.drivers import Devices, IntentResult
from esi.drivers.records import decode_intent, encode_answer
from esi.errors import Broken, EsiError
from esi.runtime.door import HttpDoor
from esi.telemetry import Secret

LARGEST_INTENT = 4 * 1024 * 1024
"""Bytes: thousands of lines of configuration."""


def devices_door(devices: Devices, *, host: str, port: int, token: Secret) -> HttpDoor:
    """A room that serves `devices`; `port` 0 takes a free one."""
    known = token.reveal().encode()

    async def submit(request: web.Request) -> web.Response:
        shown = request.headers.get("X-Auth-Token", "").encode("utf-8", "surrogateescape")
        if known and not hmac.compare_digest(shown, known):
            return web.json_response({"error": "the token is not known", "code": "unauthenticated"}, status=401)
        try:
            intent, _ = decode_intent(await request.read(), "what was sent")
        except Broken as error:
            return web.json_response({"error": error.message, "code": "invalid"}, status=400)
        answer: IntentResult | EsiError
        try:
            answer = await devices.submit(intent)
        except EsiError as error:
            answer = error
        return web.Response(body=encode_answer(answer), content_type="application/json")

    def app() -> web.Application:
        application = web.Application(client_max_size=LARGEST_INTENT)
        application.router.add_post("/intents", submit)
        return application

    return HttpDoor("intents", app, host=host, port=port)
