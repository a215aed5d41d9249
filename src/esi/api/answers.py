"""An answer: a JSON document, a status, headers. Keys are sorted and indented, as the recorded system's were."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.types import Send

from esi.model.resource import Ref

NOTHING = object()
ALWAYS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
JSON = (b"content-type", b"application/json")
BODILESS = frozenset({204, 304})
"""Statuses that have no body, and so no length of one."""


@dataclass(slots=True)
class Answer:
    """`content` NOTHING means an empty body. `ref` and `version` name the resource that it tells of, for the
    recorder.
    """

    content: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    ref: Ref | None = None
    version: int = 0

    async def send(self, send: Send) -> None:
        """The bytes on the wire; a framework's response object would cost as much as the JSON."""
        headers = [*ALWAYS, *((name.lower().encode(), value.encode("latin-1")) for name, value in self.headers.items())]
        text = b""
        if self.content is not NOTHING:
            text = orjson.dumps(self.content, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
            headers.append(JSON)
        if self.status not in BODILESS:
            headers.append((b"content-length", b"%d" % len(text)))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": text})
