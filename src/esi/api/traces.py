"""What one request has set in motion: GET /esi/trace/<schema>/<id>, and POST /esi/messages, by which workers bring what
they have recorded.

The change log says what came of what: rows of the request, rows that a version of those has caused, and so on. The
messages are those that belong to the versions made that way. Who may not see a resource does not see what belongs to
it; who is no administrator sees that something happened, and bodies only of what was said to himself.
"""

from __future__ import annotations

from collections import deque
from typing import Any
from urllib.parse import parse_qs

from esi.api.answers import NOTHING, Answer
from esi.api.resources import Asking
from esi.errors import Forbidden, Invalid, NotFound
from esi.identity import Identity
from esi.lifecycle import Lifecycle
from esi.model.resource import Body, Ref
from esi.schema.validation import clean
from esi.store import Cause, LogRow, Messages, Tx
from esi.telemetry import Named

WORKER_ROLE = "worker"
MAKING = frozenset({"create", "update", "delete", "physical_delete", "force_delete"})
"""Actions that make a version, or end the last one. The others tell what has become of it."""

MOST_ROWS = 2_000
EARLIER_SECONDS = 60.0
"""A request begins before its first row; so long before it is looked for what is missing."""


class Traces:
    """Over the change log of a lifecycle and the messages that are kept."""

    def __init__(self, lifecycle: Lifecycle, messages: Messages) -> None:
        self._lifecycle = lifecycle
        self._messages = messages

    async def take(self, asking: Asking) -> Answer:
        """Keep what a worker has recorded."""
        if not (asking.identity.is_admin or WORKER_ROLE in asking.identity.roles):
            raise Forbidden(f"messages are taken from callers with the role {WORKER_ROLE} only")
        lines = asking.document.get("lines") if isinstance(asking.document, dict) else None
        if not isinstance(lines, str):
            raise Invalid("messages come as JSON lines", [("lines", "must be a text")])
        await self._messages.take(lines.encode())
        return Answer(NOTHING, 204)

    async def show(self, asking: Asking, ref: Ref) -> Answer:
        """The trace of one request that made or changed a resource: the newest, or the one asked for."""
        identity, shown = asking.identity, await self._shown(asking.identity, ref)
        wanted = parse_qs(asking.query.decode("latin-1")).get("request", [""])[0]

        async def read(rows: Tx) -> Closure | None:
            return await closure(rows, ref, wanted)

        found = await self._lifecycle.store.read(read)
        if found is None:
            what = f"request {clean(wanted)} for" if wanted else "change of"
            raise NotFound(f"there is no {what} {ref.schema} {clean(ref.id)} in the log", schema=ref.schema)
        bodies = await self._bodies(identity, found)
        start = found.rows[0].at
        kept = await self._messages.of(sorted(found.made), found.requests, start - EARLIER_SECONDS)
        recent = [item for item in kept.messages if _is_of(item, found.requests, start)]
        recent.sort(key=lambda item: (item["at"], item["from"] != "client"))
        own = all(row.user == identity.user for row in found.rows if row.request_id)
        messages = [item for one in recent if (item := _for(identity, one, bodies, own=own)) is not None]
        changes = [_change(row, bodies[row.ref], recent) for row in found.rows if row.ref in bodies]
        return Answer({"trace": {**_heading(found, ref, shown, bodies, messages), "dropped": kept.dropped,
                                 "parties": _parties(messages), "changes": changes, "messages": messages}})  # fmt: skip

    async def _shown(self, identity: Identity, ref: Ref) -> Body:
        """The resource as the caller sees it. Administrators may ask for one that is gone."""
        try:
            return await self._lifecycle.show(identity, ref)
        except NotFound:
            if not identity.is_admin:
                raise
            history = await self._lifecycle.store.read(lambda rows: rows.history(ref))
            if not history:
                raise
            return {}

    async def _bodies(self, identity: Identity, found: Closure) -> dict[Ref, Body]:
        """What the caller sees of each resource; others are missing. What is gone is for administrators."""
        refs = list(dict.fromkeys(row.ref for row in found.rows))

        async def read(rows: Tx) -> list[Any]:
            return [await rows.get(ref) for ref in refs]

        rows = await self._lifecycle.store.read(read)
        bodies: dict[Ref, Body] = {}
        for ref, row in zip(refs, rows, strict=True):
            if row is not None and (body := self._lifecycle.view(identity, row)):
                bodies[ref] = body
            elif row is None and identity.is_admin:
                bodies[ref] = {}
        return bodies


class Closure:
    """`rows` of the change log in order, the versions `made`, the `requests` that they came from."""

    def __init__(self) -> None:
        self.rows: list[LogRow] = []
        self.made: set[Named] = set()
        self._seen: set[tuple[Any, ...]] = set()

    @property
    def requests(self) -> list[str]:
        return sorted({row.request_id for row in self.rows if row.request_id})

    def add(self, row: LogRow) -> bool:
        """Whether its version is one that has not been looked into yet."""
        key = (row.ref, row.version, row.action, row.at, row.detail)
        if key in self._seen or len(self.rows) >= MOST_ROWS:
            return False
        self._seen.add(key)
        self.rows.append(row)
        named = (*row.ref, row.version)
        if row.action not in MAKING or named in self.made:
            return False
        self.made.add(named)
        return True


async def closure(rows: Tx, ref: Ref, wanted: str) -> Closure | None:
    """Everything that the newest request (or `wanted`) on a resource has set in motion; None when there was none."""
    made = [row for row in await rows.history(ref) if row.action in MAKING]
    made = [row for row in made if row.request_id or row.action != "physical_delete"]  # the workers' end of a delete
    if wanted:
        made = [row for row in made if row.request_id == wanted]
    if not made:
        return None
    last = made[-1]
    found, todo = Closure(), deque([last])
    if last.request_id:
        todo.extend(await rows.requested(last.request_id))
    while todo:
        row = todo.popleft()
        if not found.add(row):
            continue
        todo.extend(await rows.caused_by(Cause(*row.ref, row.version)))
        history = await rows.history(row.ref)
        todo.extend(one for one in history if one.version == row.version and not one.request_id and one.cause is None)
    found.rows.sort(key=lambda row: row.at)
    return found


def _is_of(item: Body, requests: list[str], start: float) -> bool:
    """Whether a message of these versions is of these requests: others may have asked for the same version."""
    return item["request"] in requests if item["request"] else item["at"] >= start


def _heading(found: Closure, ref: Ref, shown: Body, bodies: dict[Ref, Body], messages: list[Body]) -> Body:
    first = next(row for row in found.rows if row.ref == ref and row.action in MAKING)
    pending = [body for body in bodies.values() if str(body.get("status", "")).startswith("PENDING")]
    at = min([first.at, *(item["at"] for item in messages)])
    told = [item["at"] for item in messages if item["hop"] == "status"]
    return {
        "schema": ref.schema,
        "id": ref.id,
        "name": shown.get("name") or "",
        "request_id": first.request_id,
        "method": first.action,
        "at": at,
        "took": max([*told, *(row.at for row in found.rows if row.action != "monitoring")]) - at,
        "complete": not pending,
    }


def _change(row: LogRow, body: Body, messages: list[Body]) -> Body:
    cause = row.cause
    return {
        "at": row.at,
        "schema": row.ref.schema,
        "id": row.ref.id,
        "name": body.get("name") or "",
        "version": row.version,
        "action": row.action,
        "status": _status(row, messages),
        "request_id": row.request_id,
        "cause": {"schema": cause.schema, "id": cause.id, "version": cause.version} if cause is not None else None,
        "detail": {"text": row.detail} if row.detail else None,
    }


def _status(row: LogRow, messages: list[Body]) -> str | None:
    """The status word that came with a row: told in the same transaction."""
    ref = {"schema": row.ref.schema, "id": row.ref.id, "version": row.version}
    for item in messages:
        if (
            item["hop"] == "status"
            and item["at"] == row.at
            and item["refs"] == [ref]
            and isinstance(item["body"], dict)
        ):
            return str(item["body"].get("status"))
    return row.detail if row.action == "status" else None


def _for(identity: Identity, message: Body, bodies: dict[Ref, Body], *, own: bool) -> Body | None:
    """A message as the caller may see it; None when it belongs to nothing that he may see."""
    item = {name: value for name, value in message.items() if name != "request"}
    if identity.is_admin:
        return item
    refs = [ref for ref in item["refs"] if Ref(ref["schema"], ref["id"]) in bodies]
    if not refs:
        return None
    said = item["hop"] == "status" or (item["hop"] == "http" and own)
    if not said or len(refs) < len(item["refs"]):
        item["body"] = None
    item["refs"] = refs
    if item["hop"] == "device":
        item["to"] = "device"
    return item


def _parties(messages: list[Body]) -> list[str]:
    return list(dict.fromkeys(party for item in messages for party in (item["from"], item["to"])))
