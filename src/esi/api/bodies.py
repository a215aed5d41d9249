"""The document that a request brings: bounded, JSON, an object, wrapped in its singular or bare."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.types import Receive

from esi.api.errors import WrongType
from esi.errors import Invalid, TimedOut, TooLarge
from esi.model.resource import Body
from esi.schema.validation import DEEPEST, too_deep

LIMIT_BYTES = 1024 * 1024
READ_SECONDS = 30.0
"""How long a body may take to arrive."""


async def read_body(headers: Headers, receive: Receive) -> bytes:
    """The whole body; TooLarge as soon as it is more than a mebibyte, however it is announced."""
    told = headers.get("content-length", "")
    if told.isascii() and told.isdigit() and int(told) > LIMIT_BYTES:
        raise TooLarge("the body is larger than 1 MiB", limit=LIMIT_BYTES)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(READ_SECONDS):
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
    except TimeoutError as error:
        raise TimedOut("the body did not arrive in time") from error
    return b"".join(parts)


def parse(data: bytes, headers: Headers) -> Any:
    """The JSON in a body; Invalid says where it breaks."""
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
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
