"""From /esi-worker/mappings to rows of resource_mapping: put in once, closed once, never changed otherwise.

The key of a row stays in etcd until its end stands in SQL; then it goes, guarded, so that only what has been taken in
goes. A row that is closed stays closed, whoever comes late with an older view of it.
"""

from __future__ import annotations

from esi.kv import KV, Delete, Guard
from esi.lifecycle import Lifecycle
from esi.model.codec import loads_object
from esi.model.resource import Body
from esi.sync.news import News

RESOURCE_MAPPING = "resource_mapping"


class Mappings:
    """Takes in what stands under a key of /esi-worker/mappings. `guard`: the term of who leads the sync."""

    def __init__(self, kv: KV, news: News, lifecycle: Lifecycle, guard: Guard) -> None:
        self._kv = kv
        self._news = news
        self._lifecycle = lifecycle
        self._guard = guard

    async def apply(self, key: str, /) -> float | None:
        entry = self._news.get(key)
        if entry is None:
            return None
        row = loads_object(entry.value, key)
        await self._lifecycle.ensure(RESOURCE_MAPPING, row, unless=_is_closed)
        if _is_closed(row):
            await self._kv.commit([Delete(key)], guards=[self._guard, Guard(key, entry.mod_revision)])
        self._news.settle(entry)
        return None


def _is_closed(row: Body) -> bool:
    return row.get("deleted") is not None
