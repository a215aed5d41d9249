"""The KV port with a recorder: what is written is told, reads and watches are not.

Which resource version a write belongs to stands in its key and value, or in the ids of the jobs beside it; who wrote it
follows from the key, because each key has one writer (esi.model.keys). One message per resource and commit.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import orjson

from esi.clock import Clock
from esi.kv import KV, PAGE_KEYS, Batches, Delete, Entry, Guard, Lease, Listing, Progress, Put
from esi.model import keys
from esi.model.job import job_ref
from esi.schema import Catalogue
from esi.telemetry import Message, Named, Recorder

TREES = (
    (keys.CONFIG, "etcd"),
    (keys.STATE, "etcd"),
    (keys.MONITORING, "monitoring"),
    (keys.WORKER_CONFIG, "etcd"),
    (keys.JOB_STATE, "job"),
    (keys.HEAT_STACKS, "etcd"),
)
"""Trees whose keys end with a resource's path, and the hop that a write there is."""

KEPT = 10_000
"""Resources whose newest version, and what was last seen of them, are remembered."""

Op = Put | Delete


class Told(NamedTuple):
    """One write of a commit. `version` 0: the key and the value do not say."""

    hop: str
    schema: str
    id: str
    version: int
    op: Op
    value: Any


class RecordingKV:
    """Passes everything on to `kv`."""

    def __init__(self, kv: KV, recorder: Recorder, catalogue: Catalogue, clock: Clock) -> None:
        self._kv = kv
        self._recorder = recorder
        self._clock = clock
        self._reading = Reading(catalogue)

    async def commit(self, ops: Sequence[Op], *, guards: Sequence[Guard] = ()) -> int:
        if self._recorder.skips():
            return await self._kv.commit(ops, guards=guards)
        at, began = self._clock.now(), self._clock.monotonic()
        revision = await self._kv.commit(ops, guards=guards)
        took = self._clock.monotonic() - began
        self._recorder.later(partial(self._reading.messages, tuple(ops), tuple(guards), at, took))
        return revision

    async def get(self, key: str) -> Entry | None:
        return await self._kv.get(key)

    async def list(self, prefix: str, *, page: int = PAGE_KEYS) -> Listing:
        return await self._kv.list(prefix, page=page)

    def pages(self, prefix: str, *, page: int = PAGE_KEYS) -> AsyncGenerator[Listing, None]:
        return self._kv.pages(prefix, page=page)

    def watch(self, prefix: str, *, since: int, progress: Progress | None = None) -> Batches:
        return self._kv.watch(prefix, since=since, progress=progress)

    async def lease(self, ttl: float) -> Lease:
        return await self._kv.lease(ttl)

    async def close(self) -> None:
        await self._kv.close()


class Reading:
    """What a commit says about which resources."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._versions: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._seen: OrderedDict[str, bytes] = OrderedDict()

    def messages(self, ops: Sequence[Op], guards: Sequence[Guard], at: float, took: float) -> list[Message]:
        told = [one for op in ops if (one := self._told(op)) is not None]
        if not told:
            return []
        sender = writer([op.key for op in ops], guards)
        self._remember(told, guards)
        groups: dict[tuple[str, str, str], list[Told]] = {}
        for one in told:
            groups.setdefault((one.hop, one.schema, one.id), []).append(one)
        return [
            Message(hop, sender, "etcd", _subject(group), _body(group), at, took, (self._named(schema, id_, group),))
            for (hop, schema, id_), group in groups.items()
        ]

    def _told(self, op: Op) -> Told | None:
        if op.key.startswith(keys.JOBS):
            ref = job_ref(keys.parse_job(op.key))
            return Told("job", *ref, op, _value(op)) if ref is not None else None
        for tree, hop in TREES:
            if op.key.startswith(tree + "/"):
                found = self._catalogue.by_path(keys.parse_path(op.key, tree))
                value = _value(op)
                if found is None or (tree == keys.MONITORING and self._nothing_new(op.key, value)):
                    return None
                version = value.get("version") if isinstance(value, dict) else None
                return Told(hop, found[0].id, found[1], version if isinstance(version, int) else 0, op, value)
        return None

    def _nothing_new(self, key: str, value: Any) -> bool:
        """The same seen later is no news: a look at a device comes every minute, for years."""
        if not isinstance(value, dict):
            return False
        what = orjson.dumps({name: item for name, item in value.items() if name != "seen"}, option=orjson.OPT_SORT_KEYS)
        if self._seen.get(key) == what:
            return True
        _keep(self._seen, key, what)
        return False

    def _remember(self, told: Iterable[Told], guards: Sequence[Guard]) -> None:
        """Versions: those of values count most, since what comes after them says no other."""
        jobs = [job_ref(keys.parse_job(guard.key)) for guard in guards if guard.key.startswith(keys.JOBS)]
        named: list[Named] = [ref for ref in jobs if ref is not None]
        named += [(one.schema, one.id, one.version) for one in told if one.version]
        for schema, id_, version in named:
            _keep(self._versions, (schema, id_), version)

    def _named(self, schema: str, id_: str, group: Sequence[Told]) -> Named:
        version = next((one.version for one in group if one.version), 0)
        return schema, id_, version or self._versions.get((schema, id_), 0)


def writer(written: Sequence[str], guards: Sequence[Guard]) -> str:
    """Who made a commit: whoever holds a job, or else the one writer of its keys."""
    claims = [key for key in written if key.startswith(keys.JOBS_WORKING)]
    claims += [guard.key for guard in guards if guard.revision and guard.key.startswith(keys.JOBS_WORKING)]
    if claims:
        return keys.parse_job(claims[0]).split(":")[1].replace("_", " ")
    if any(key.startswith((keys.JOBS, keys.WORKER_CONFIG)) for key in written):
        return "job manager"
    if any(key.startswith(keys.CONFIG) for key in written):
        return "gohan"
    return "agent" if any(key.startswith(keys.MONITORING) for key in written) else "job manager"


def _keep(kept: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > KEPT:
        kept.popitem(last=False)


def _value(op: Op) -> Any:
    if isinstance(op, Delete):
        return None
    try:
        return orjson.loads(op.value)
    except orjson.JSONDecodeError:
        return op.value.decode(errors="replace")


def _line(one: Told) -> str:
    return f"{'PUT' if isinstance(one.op, Put) else 'DELETE'} {one.op.key}"


def _subject(group: Sequence[Told]) -> str:
    more = f" and {len(group) - 1} more" if len(group) > 1 else ""
    return _line(group[0]) + more


def _body(group: Sequence[Told]) -> Any:
    return group[0].value if len(group) == 1 else {_line(one): one.value for one in group}
