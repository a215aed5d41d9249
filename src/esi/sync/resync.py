"""What stands in SQL and what in etcd, compared; and put right by the outbox, as any other change is.

    missing     a row without its key                  again: the row as it is
    older       a key of an earlier version            again: the row as it is
    orphan      a key whose row is gone                gone: its keys, the reports on it, too
    newer       a key that is ahead of its row         nothing: SQL was set back, a person must look
    set aside   a row that etcd would not take         nothing: it would not take it again
    unread      a report that the sync has not taken   nothing: the sync reads it
    unknown     a key that no schema knows             nothing: another release's, or another installation's

Nothing is written to etcd here: only the elected writer puts, in the order of commits. A row that is told again is
written, too, in the same transaction, so that whoever changes it meanwhile comes wholly before or after: an older
version never follows a newer one. What is on its way is no difference: whatever looks like one is looked at again, SQL
first, with what the outbox holds, then etcd; what SQL had told by then stands in etcd, or is lost.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal, Protocol

from esi.errors import Broken
from esi.kv import KV, Entry
from esi.model import keys
from esi.model.codec import dumps, loads_object
from esi.model.resource import Ref, Resource
from esi.schema import Catalogue, Schema
from esi.store import OutboxRow, T, Tx, Work
from esi.store.rows import Versions

Kind = Literal["missing", "older", "orphan", "newer", "set aside", "unread", "unknown"]
MENDED = frozenset({"missing", "older", "orphan"})
FAULTS = MENDED | {"newer", "set aside", "unknown"}

TREES = (keys.CONFIG, keys.STATE, keys.MONITORING)
PAGE = 1_000
ROWS = 100
"""Rows that are told again in one transaction, so that it stays short; keys that are read at once."""

Tell = Callable[[int], None]
"""Hears how many more rows and keys have been looked at."""


class Rows(Protocol):
    """What is asked of the store."""

    async def transaction(self, work: Work[T]) -> T: ...
    async def read(self, work: Work[T]) -> T: ...
    async def versions(self, schema: str, *, after: str, limit: int) -> Sequence[Versions]: ...
    async def outbox_paths(self) -> set[str]: ...
    async def outbox_parked(self) -> Sequence[tuple[OutboxRow, str]]: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. Versions are None where there is nothing; `key` is the one in etcd."""

    kind: Kind
    key: str
    schema: str = ""
    id: str = ""
    wanted: int | None = None
    found: int | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A key as a listing showed it."""

    version: int
    revision: int


class Resync:
    """Compares the schemas that are given, or all that are told to workers."""

    def __init__(self, kv: KV, store: Rows, catalogue: Catalogue, only: Iterable[str] = ()) -> None:
        self._kv = kv
        self._store = store
        self._catalogue = catalogue
        self._only = [catalogue[name] for name in only]
        self._schemas = self._only or [schema for schema in catalogue if not schema.nosync]
        self.looked: Counter[str] = Counter()

    async def size(self) -> int:
        """How many rows there are to look at."""

        async def count(rows: Tx) -> int:
            return sum([await rows.count(schema.id) for schema in self._schemas])

        return await self._store.read(count)

    async def findings(self, tell: Tell = lambda _count: None) -> AsyncIterator[Finding]:
        """Every difference, a schema after the other."""
        for schema in self._schemas:
            async for finding in self._of(schema, tell):
                yield finding
        async for finding in self._aside():
            yield finding
        if not self._only:
            async for finding in self._unknown():
                yield finding

    async def _of(self, schema: Schema, tell: Tell) -> AsyncIterator[Finding]:
        configs, states, seen = [await self._listed(tree, schema, tell) for tree in TREES]
        suspects: list[str] = []
        there: set[str] = set()
        async for row in self._rows(schema, tell):
            there.add(row.id)
            standing, state = configs.get(row.id), states.get(row.id)
            if standing is None or standing.version != row.config:
                suspects.append(row.id)
            if state is not None and state.version > row.state:
                key = keys.state_key(schema.path_of(row.id))
                yield Finding("unread", key, schema.id, row.id, row.state, state.version)
        self.looked["rows"] += len(there)
        for start in range(0, len(suspects), PAGE):
            async for finding in self._looked_again(schema, suspects[start : start + PAGE]):
                yield finding
        lost = {id_: one for tree in (seen, states, configs) for id_, one in tree.items() if id_ not in there}
        async for finding in self._orphans(schema, lost):
            yield finding

    async def _rows(self, schema: Schema, tell: Tell) -> AsyncIterator[Versions]:
        after = ""
        while page := await self._store.versions(schema.id, after=after, limit=PAGE):
            after = page[-1].id
            tell(len(page))
            for row in page:
                yield row

    async def _listed(self, tree: str, schema: Schema, tell: Tell) -> dict[str, Standing]:
        found: dict[str, Standing] = {}
        prefix = f"{tree}{schema.path}/"
        async with aclosing(self._kv.pages(prefix)) as pages:
            async for part in pages:
                for entry in part.entries:
                    found[entry.key[len(prefix) :]] = Standing(_version(entry), entry.mod_revision)
        self.looked["keys"] += len(found)
        tell(len(found))
        return found

    async def _looked_again(self, schema: Schema, ids: Sequence[str]) -> AsyncIterator[Finding]:
        async def read(rows: Tx) -> list[Resource | None]:
            return [await rows.get(Ref(schema.id, id_)) for id_ in ids]

        now = await self._store.read(read)
        under_way = await self._under_way()
        told = [row for row in now if row is not None and schema.path_of(row.id) not in under_way]
        found = await self._read([keys.config_key(schema.path_of(row.id)) for row in told])
        for row, (key, entry) in zip(told, found.items(), strict=True):
            version = None if entry is None else _version(entry)
            if version is None or version != row.config_version:
                kind: Kind = "missing" if version is None else "older" if version < row.config_version else "newer"
                if kind == "newer" and await self._caught_up(row.ref, version or 0):
                    continue
                yield Finding(kind, key, schema.id, row.id, row.config_version, version)

    async def _caught_up(self, ref: Ref, version: int) -> bool:
        """Whether the row has been changed since it was read: etcd was, after that."""
        row = await self._store.read(lambda rows: rows.get(ref))
        return row is None or row.config_version >= version

    async def _orphans(self, schema: Schema, lost: dict[str, Standing]) -> AsyncIterator[Finding]:
        """Keys that stood before SQL was looked at, and stand unchanged after it."""
        for start in range(0, len(lost), PAGE):
            ids = list(lost)[start : start + PAGE]

            async def read(rows: Tx, ids: Sequence[str] = ids) -> list[bool]:
                return [await rows.get(Ref(schema.id, id_)) is not None for id_ in ids]

            there = await self._store.read(read)
            under_way = await self._under_way()
            gone = [id_ for id_, stands in zip(ids, there, strict=True) if not stands]
            paths = {id_: path for id_ in gone if (path := schema.path_of(id_)) not in under_way}
            entries = await self._read([f"{tree}{path}" for path in paths.values() for tree in TREES])
            for id_, path in paths.items():
                stand = [one for tree in TREES if (one := entries[f"{tree}{path}"]) is not None]
                if stand and stand[0].mod_revision <= lost[id_].revision:
                    yield Finding("orphan", stand[0].key, schema.id, id_, None, _version(stand[0]))

    async def _read(self, names: Sequence[str]) -> dict[str, Entry | None]:
        """Keys as they are now; reads that are asked for at once go to etcd together."""
        found: dict[str, Entry | None] = {}
        for start in range(0, len(names), ROWS):
            some = names[start : start + ROWS]
            found.update(zip(some, await asyncio.gather(*map(self._kv.get, some)), strict=True))
        return found

    async def _under_way(self) -> set[str]:
        parked = {row.path for row, _error in await self._store.outbox_parked()}
        return parked | await self._store.outbox_paths()

    async def _aside(self) -> AsyncIterator[Finding]:
        for row, error in await self._store.outbox_parked():
            found = self._catalogue.by_path(row.path)
            if found is not None and found[0] in self._schemas:
                key = keys.config_key(row.path)
                yield Finding("set aside", key, found[0].id, found[1], row.version, None, error)

    async def _unknown(self) -> AsyncIterator[Finding]:
        async with aclosing(self._kv.pages(keys.CONFIG + "/")) as pages:
            async for part in pages:
                for entry in part.entries:
                    found = self._catalogue.by_path(keys.parse_path(entry.key, keys.CONFIG))
                    if found is None or found[0].nosync:
                        yield Finding("unknown", entry.key, found=_version(entry))

    async def mend(self, findings: Sequence[Finding], tell: Tell = lambda _count: None) -> int:
        """Put what can be mended into the outbox; how many were, as they stood by then."""
        todo = [one for one in findings if one.kind in MENDED]
        told = 0
        for start in range(0, len(todo), ROWS):
            some = todo[start : start + ROWS]

            async def work(rows: Tx, some: Sequence[Finding] = some) -> int:
                return sum([await self._told_again(rows, one) for one in some])

            told += await self._store.transaction(work)
            tell(len(some))
        return told

    async def _told_again(self, rows: Tx, finding: Finding) -> bool:
        schema, ref = self._catalogue[finding.schema], Ref(finding.schema, finding.id)
        path, row = schema.path_of(finding.id), await rows.get(ref)
        if finding.kind == "orphan":
            if row is not None:
                return False
            await rows.insert(Resource(ref, {"id": ref.id}))  # whoever creates it meanwhile waits, and tells after us
            await rows.delete(ref)
            await rows.send("delete", path, b"{}", version=finding.found or 0)
            return True
        if row is None:
            return False
        await rows.update(row)  # as it is: whoever changes it meanwhile tells before or after us, never in between
        body = dumps(row.body)
        await rows.send("update", path, body, version=row.config_version, marked=row.marked_for_deletion)
        return True


def _version(entry: Entry) -> int:
    """0 where the value is none of ours: any version of the row is newer."""
    try:
        version = loads_object(entry.value, entry.key).get("version")
    except Broken:
        return 0
    return version if isinstance(version, int) else 0
