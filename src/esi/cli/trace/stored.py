"""What `gohan client` shows of the resources that a request touched: the last chapter of a record.

It is asked when the record is shown, so it is the state of now, and says so. Secrets are masked, although the caller
may see them: a record is there to be passed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from esi.cli.trace.document import Trace, shown
from esi.client.resources import Body, Client
from esi.errors import Forbidden, NotFound
from esi.telemetry import Message
from esi.telemetry.masks import Masks

AT_MOST = 20  # resources that are asked for
LISTS = ("resource_mapping", "billing_resource")  # what is kept about resources, found by their `resource_id`


@dataclass(frozen=True, slots=True)
class Stored:
    """One command line and its answer; `rows` are those of a list."""

    command: str
    answer: Any
    rows: tuple[Body, ...] = ()

    @property
    def columns(self) -> list[str]:
        return sorted({name for row in self.rows for name in row})


async def ask_stored(client: Client, trace: Trace) -> list[Stored]:
    """The resource itself, what stands for it outside, then the other resources."""
    known = await client.schemas()
    own, *others = [item for item in trace.resources()[:AT_MOST] if item[0] in known]
    lists = [
        await _listed(client, schema, [own, *others])
        for schema in LISTS
        if schema in known and "read" in known[schema].verbs
    ]
    aside = [item for item in others if item[0] not in LISTS]
    return [await _one(client, *own), *lists, *[await _one(client, *item) for item in aside]]


async def _one(client: Client, schema: str, id: str) -> Stored:
    command = f"gohan client {schema} show --output-format json {id}"
    try:
        row = await client.show(schema, id)
    except (NotFound, Forbidden) as error:
        return Stored(command, shown(str(error)))
    return Stored(command, {(await client.schema(schema)).singular: _sorted(_hidden(row))})


async def _listed(client: Client, schema: str, resources: Sequence[tuple[str, str]]) -> Stored:
    found = [row for _, id in resources for row in (await client.list(schema, {"resource_id": id})).rows]
    rows = [_sorted(_hidden(row)) for row in sorted(found, key=lambda row: str(row.get("id")))]
    plural = (await client.schema(schema)).plural
    return Stored(f"gohan client {schema} list --output-format json", {plural: rows}, tuple(rows))


def _hidden(row: Body) -> Any:
    """A row without its secrets: by their names, and wherever else their values stand."""
    return shown(Masks()(Message("http", "gohan", "client", "", row)).body)


def _sorted(value: Any) -> Any:
    """Members by name at every depth, as the command prints them."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
