"""The API of a small ring, spoken to as a server speaks to it (ASGI), without a socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote, urlencode

from starlette.datastructures import Headers

from esi.api import Api
from esi.errors import Unauthenticated
from esi.identity import Identity
from esi.schema import Catalogue, load_documents
from esi.telemetry import MemoryRecorder
from esi.telemetry.masks import Masks
from unit.lifecycle.ring import ADMIN, ALICE, BOB, SCHEMAS, Ring

PEOPLE = {"root": ADMIN, "alice": ALICE, "bob": BOB, "stranger": Identity("stranger", "c" * 32, ("visitor",))}

MORE = """
- {id: open, principal: Nobody, action: read, resource: {path: /v2.0/journals}}
"""


def catalogue() -> Catalogue:
    return load_documents(SCHEMAS + MORE.lstrip("\n"))


class People:
    """An authenticator whose tokens are names."""

    async def identify(self, token: str | None) -> Identity:
        if token not in PEOPLE:
            raise Unauthenticated("the token is not known")
        return PEOPLE[token]


class Talk:
    """One conversation with an API. `ask` gives status, document (None without one), headers."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.recorder = MemoryRecorder(clean=Masks(ring.catalogue.secret_names))
        self.api = Api(ring.lifecycle, People(), recorder=self.recorder)
        self.text = b""

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "root",
        params: Iterable[tuple[str, str]] = (),
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any, Headers]:
        given = {"content-type": "application/json", **({"x-auth-token": token} if token else {})}
        given.update({name.lower(): value for name, value in (headers or {}).items()})
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(path),
            "query_string": (query or urlencode(list(params))).encode(),
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()],
        }
        content = data if data is not None else b"" if body is None else json.dumps(body).encode()
        parts = [content[at : at + 65536] for at in range(0, len(content), 65536)] or [b""]
        sent: list[Any] = []

        async def receive() -> Any:
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.api(scope, receive, send)
        start, *rest = sent
        self.text = b"".join(part["body"] for part in rest)
        document = json.loads(self.text) if self.text else None
        return start["status"], document, Headers(raw=start["headers"])


@asynccontextmanager
async def served(known: Catalogue) -> AsyncIterator[Talk]:
    ring = Ring(known)
    yield Talk(ring)
    await ring.store.close()
