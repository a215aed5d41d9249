"""Rows of resource_mapping as they lie in etcd: what stands for a resource outside, from when until when.

    {"id", "resource_type", "resource_id", "relation", "mapped_id", "tenant_id", "created", "deleted"}

Times are whole epoch seconds, as recorded; `deleted` is null while the row is open. The monitoring worker opens and
closes them; the master closes those of a resource that was deleted by force; sync takes them in.
"""

from __future__ import annotations

from collections.abc import Iterable

from esi.kv import KV, Put
from esi.model.codec import dumps, loads_object
from esi.model.keys import mapping_key, mappings_prefix
from esi.model.resource import Body


async def standing(kv: KV, path: str) -> list[Body]:
    """The rows of a resource that sync has not seen the end of. `path`: its API path."""
    return [loads_object(entry.value, entry.key) for entry in (await kv.list(mappings_prefix(path))).entries]


def closed(rows: Iterable[Body], path: str, now: float) -> list[Put]:
    """Those that are open, closed at `now` (epoch seconds). Pure."""
    return [
        Put(mapping_key(path, row["id"]), dumps({**row, "deleted": max(row["created"], float(int(now)))}))
        for row in rows
        if row["deleted"] is None
    ]
