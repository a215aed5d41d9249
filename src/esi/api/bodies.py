"""The document that a request brings: bounded, JSON, an object, wrapped in its singular or bare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.types import Receive, Scope

from esi.api.connections import LATE
from esi.api.errors import TooSlow, WrongType
from esi.errors import Invalid, TooLarge
from esi.model.resource import Body
from esi.schema.validation import DEEPEST, too_deep

LIMIT_BYTES = 1024 * 1024

Headers = Mapping[bytes, bytes]
"""By their names in lower case. Of several with one name, the first counts."""


def headers_of(scope: Scope) -> Headers:
    return dict(reversed(scope["headers"]))


def text(headers: Headers, name: bytes) -> str:
    """One of them; "" where it is not sent."""
    return headers.get(name, b"").decode("latin-1")


async def read_body(scope: Scope, headers: Headers, receive: Receive) -> bytes:
    """The whole body; TooLarge as soon as it is more than a mebibyte, however it is announced."""
    told = text(headers, b"content-length")
    if told.isascii() and told.isdigit() and int(told) > LIMIT_BYTES:
        raise TooLarge("the body is larger than 1 MiB", limit=LIMIT_BYTES)
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Invalid("the caller hung up before the body was complete")
        part = message.get("body", b"")
        size += len(part)
        if size > LIMIT_BYTES:
            raise TooLarge("the body is larger than 1 MiB", limit=LIMIT_BYTES)
        parts.append(part)
        more = message.get("more_body", False)
        if more and LATE in scope:
            raise TooSlow("the body did not arrive in time")
    return b"".join(parts)


def parse(data: bytes, headers: Headers) -> Any:
    """The JSON in a body; Invalid says where it breaks."""
    media = text(headers, b"content-type").partition(";")[0].strip().lower()
    if media and media != "application/json" and not media.endswith("+json"):
        raise WrongType(f"a body of type {media[:80]!r} is not understood; send application/json")
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise Invalid(f"Failed to parse data: {error.msg} at {place}", [(place, error.msg)]) from error
    if data.count(b"{") + data.count(b"[") > DEEPEST and too_deep(value):
        raise Invalid(f"Failed to parse data: nested deeper than {DEEPEST} levels")
    return value


def unwrap(value: Any, singular: str) -> Body:
    """The object itself, whether sent bare or as `{"<singular>": {…}}`."""
    if not isinstance(value, dict):
        raise Invalid("Failed to parse data: request body is not a data dictionary")
    if len(value) == 1 and isinstance(value.get(singular), dict):
        inner: Body = value[singular]
        return inner
    return value
