"""The Store port with a recorder: rows that a transaction has written, and statuses that it has changed, told after its
commit. Reads are not told, nor is what leaves no line in the change log (the same seen once more).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from esi.clock import Clock
from esi.model.resource import Body, Ref, Resource
from esi.store import EVERYTHING, Cause, Kind, LogRow, OutboxRow, Query, Resources, Store, T, Tx, Wake, Work
from esi.telemetry import Message, Named, Recorder

SHOWN = ("status", "orchestration_state", "operational_state")


class RecordingStore:
    """Passes everything on to `store`."""

    def __init__(self, store: Store, recorder: Recorder, clock: Clock) -> None:
        self._store = store
        self._recorder = recorder
        self._clock = clock

    @property
    def wake(self) -> Wake:
        return self._store.wake

    @property
    def statements(self) -> int:
        return self._store.statements

    @property
    def commits(self) -> int:
        return self._store.commits

    async def transaction(self, work: Work[T]) -> T:
        if self._recorder.skips():
            return await self._store.transaction(work)
        began = self._clock.monotonic()
        told: list[RecordedTx] = []

        async def recorded(rows: Tx) -> T:
            told[:] = [RecordedTx(rows)]
            return await work(told[0])

        result = await self._store.transaction(recorded)
        for rows in told:
            for message in rows.messages(self._clock.monotonic() - began):
                self._recorder.message(message)
        return result

    async def read(self, work: Work[T]) -> T:
        return await self._store.read(work)

    async def outbox_batch(self, limit: int) -> Sequence[OutboxRow]:
        return await self._store.outbox_batch(limit)

    async def outbox_done(self, ids: Sequence[int]) -> None:
        await self._store.outbox_done(ids)

    async def outbox_park(self, id: int, error: str) -> None:
        await self._store.outbox_park(id, error)

    async def outbox_parked(self) -> Sequence[tuple[OutboxRow, str]]:
        return await self._store.outbox_parked()

    async def close(self) -> None:
        await self._store.close()


class RecordedTx:
    """One transaction's rows; remembers those that were read, to tell what a write has changed."""

    def __init__(self, rows: Tx) -> None:
        self._rows = rows
        self.now = rows.now
        self._known: dict[Ref, Resource] = {}
        self._written: list[Body] = []
        self._refs: dict[Named, None] = {}
        self._changed: list[tuple[Resource, Any]] = []
        self._request: str | None = None

    def messages(self, took: float) -> list[Message]:
        """One for all rows, one for each status that is another one now."""
        if self._request is None:
            return []
        at, id_ = self.now, self._request
        told: list[Message] = []
        if self._written:
            told.append(Message("sql", "gohan", "sql", "commit", self._written, at, took, tuple(self._refs), id_))
        for row, before in self._changed:
            subject = f"{row.ref}: {before or 'nothing'} -> {row.body['status']}"
            body = {name: row.body[name] for name in SHOWN if row.body.get(name) is not None}
            if reason := row.state_error or row.state_monitoring.get("reason"):
                body["status_reason"] = reason
            told.append(Message("status", "gohan", "client", subject, body, at, took, (_named(row),), id_))
        return told

    async def insert(self, row: Resource) -> None:
        await self._rows.insert(row)
        self._note(row, {"insert": row.schema, "row": dict(row.body), "version": row.config_version}, None)

    async def update(self, row: Resource) -> None:
        before = self._known.get(row.ref)
        await self._rows.update(row)
        was: Mapping[str, Any] = before.body if before is not None else {}
        changed = {name: value for name, value in row.body.items() if name not in was or was[name] != value}
        note: Body = {"update": row.schema, "id": row.id, "changed": changed, "version": row.config_version}
        self._note(row, note if changed else None, was.get("status"))

    def _note(self, row: Resource, note: Body | None, before: Any) -> None:
        """None: only columns of our own bookkeeping."""
        if note is not None:
            self._written.append(note)
        self._refs[_named(row)] = None
        self._known[row.ref] = row
        if row.body.get("status") not in (None, before):
            self._changed.append((row, before))

    async def delete(self, ref: Ref) -> None:
        await self._rows.delete(ref)
        known = self._known.pop(ref, None)
        self._written.append({"delete": ref.schema, "id": ref.id})
        self._refs[_named(known) if known is not None else (*ref, 0)] = None

    async def get(self, ref: Ref) -> Resource | None:
        row = await self._rows.get(ref)
        if row is not None:
            self._known[ref] = row
        return row

    async def has(self, ref: Ref) -> bool:
        return await self._rows.has(ref)

    async def find(self, schema: str, name: str, value: Any) -> Resource | None:
        row = await self._rows.find(schema, name, value)
        if row is not None:
            self._known[row.ref] = row
        return row

    async def list(self, schema: str, query: Query = EVERYTHING) -> Resources:
        return await self._rows.list(schema, query)

    async def count(self, schema: str, query: Query = EVERYTHING) -> int:
        return await self._rows.count(schema, query)

    async def referring(self, schema: str, property: str, target: str) -> Resources:
        found = await self._rows.referring(schema, property, target)
        self._known.update((row.ref, row) for row in found)
        return found

    async def due(self, limit: int) -> Sequence[tuple[float, Ref]]:
        return await self._rows.due(limit)

    async def send(
        self, kind: Kind, path: str, body: bytes, *, version: int = 0, marked: bool = False, request_id: str = ""
    ) -> None:
        await self._rows.send(kind, path, body, version=version, marked=marked, request_id=request_id)

    async def log(self, row: LogRow) -> None:
        self._request = self._request or row.request_id
        await self._rows.log(row)

    async def history(self, ref: Ref) -> Sequence[LogRow]:
        return await self._rows.history(ref)

    async def caused_by(self, cause: Cause) -> Sequence[LogRow]:
        return await self._rows.caused_by(cause)

    async def requested(self, request_id: str) -> Sequence[LogRow]:
        return await self._rows.requested(request_id)

    async def allocate(self, pool: str, value: str | int, owner: Ref) -> None:
        await self._rows.allocate(pool, value, owner)

    async def lowest_free(self, pool: str, first: int, last: int) -> int | None:
        return await self._rows.lowest_free(pool, first, last)

    async def release(self, pool: str, value: str | int) -> None:
        await self._rows.release(pool, value)

    async def release_all(self, owner: Ref) -> None:
        await self._rows.release_all(owner)

    async def holder(self, pool: str, value: str | int) -> Ref | None:
        return await self._rows.holder(pool, value)


def _named(row: Resource) -> Named:
    return row.schema, row.id, row.config_version
