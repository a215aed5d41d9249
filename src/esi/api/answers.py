"""An answer: a JSON document, a status, headers. Keys are sorted and indented, as the recorded system's were."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.responses import Response

from esi.model.resource import Ref

NOTHING = object()


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

    def response(self) -> Response:
        """The bytes on the wire."""
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", **self.headers}
        if self.content is NOTHING:
            return Response(b"", self.status, headers)
        text = orjson.dumps(self.content, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
        return Response(text, self.status, headers, media_type="application/json")
