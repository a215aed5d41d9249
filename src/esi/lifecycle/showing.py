"""What a caller is shown of a row, with what services put together only then (`post_show`)."""

from __future__ import annotations

from typing import Any

from esi.identity import Identity
from esi.lifecycle import access
from esi.lifecycle.request import Origin, Request, change_of
from esi.model.resource import Body, Resource


async def shown(request: Request, identity: Identity, row: Resource, grant: Any = None) -> Body:
    """The body as the caller sees it, `grant` being the access that is known already."""
    body = access.view(request.world, identity, row, grant)
    if request.world.hooks.any(row.schema, "post_show"):
        schema = request.schema(row.schema)
        await request.run_hooks("post_show", change_of(schema, row.with_body(body), Origin(identity), before=row))
    return body
