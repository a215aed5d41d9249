"""A cache of everything under some prefixes: list, then watch, and list again when the history is gone.

Values stay bytes. Listeners hear of each key that has changed, after the whole batch is in the cache, so what they look
up is never older than what they hear. A new listing tells only the differences, deletions too.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing

from esi.clock import Clock
from esi.errors import Compacted, TemporaryError
from esi.kv import KV, Entry, Event
from esi.runtime.together import together

_log = logging.getLogger(__name__)

Listener = Callable[[str, Event | None], None]
"""Hears of a changed key; the event, or None when a listing showed the difference."""

RETRY_SECONDS = 0.5


class Mirror:
    """`run` keeps it up to date until cancelled; `synced` is set while every prefix has been listed once."""

    def __init__(self, kv: KV, prefixes: Sequence[str], *, clock: Clock, name: str = "mirror") -> None:
        self.name = name
        self.synced = asyncio.Event()
        self._kv = kv
        self._clock = clock
        self._entries: dict[str, Entry] = {}
        self._keys: list[str] = []
        self._revisions: dict[str, int] = dict.fromkeys(prefixes, 0)
        self._listeners: list[Listener] = []

    @property
    def revision(self) -> int:
        """Everything up to this revision is in the cache. Grows with what is seen, not with what happens elsewhere."""
        return min(self._revisions.values())

    def listen(self, listener: Listener) -> None:
        """Tell `listener` of every change from now on. It must not raise, and not wait."""
        self._listeners.append(listener)

    def get(self, key: str) -> Entry | None:
        return self._entries.get(key)

    def items(self, prefix: str = "") -> Iterator[Entry]:
        """The entries under `prefix`, by key. Take a list of it if you wait while you read."""
        return (self._entries[key] for key in self._under(prefix))

    def _under(self, prefix: str) -> Iterator[str]:
        for index in range(bisect_left(self._keys, prefix), len(self._keys)):
            if not self._keys[index].startswith(prefix):
                return
            yield self._keys[index]

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    async def run(self) -> None:
        await together(self.name, *(self._follow(prefix) for prefix in self._revisions))

    async def _follow(self, prefix: str) -> None:
        while True:
            try:
                await self._list(prefix)
                async with aclosing(self._kv.watch(prefix, since=self._revisions[prefix])) as batches:
                    async for batch in batches:
                        self._apply(prefix, batch)
            except Compacted:
                _log.info("%s: its history is compacted, listing %s again", self.name, prefix)
            except TemporaryError as error:
                _log.info("%s: cannot read %s: %s", self.name, prefix, error)
                await self._clock.sleep(error.after or RETRY_SECONDS)

    async def _list(self, prefix: str) -> None:
        listing = await self._kv.list(prefix)
        found = {entry.key: entry for entry in listing.entries}
        gone = [key for key in self._under(prefix) if key not in found]
        changed = [key for key, entry in found.items() if not _same(self._entries.get(key), entry)]
        for key in gone:
            self._remove(key)
        for key in changed:
            self._keep(found[key])
        self._revisions[prefix] = listing.revision
        self._tell([(key, None) for key in gone + changed])
        if all(self._revisions.values()):
            self.synced.set()

    def _apply(self, prefix: str, batch: Sequence[Event]) -> None:
        for event in batch:
            if event.kind == "put":
                self._keep(Entry(event.key, event.value, event.create_revision, event.revision))
            else:
                self._remove(event.key)
        self._revisions[prefix] = batch[-1].revision
        self._tell([(event.key, event) for event in batch])

    def _keep(self, entry: Entry) -> None:
        if entry.key not in self._entries:
            insort(self._keys, entry.key)
        self._entries[entry.key] = entry

    def _remove(self, key: str) -> None:
        if self._entries.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def _tell(self, changes: Sequence[tuple[str, Event | None]]) -> None:
        for key, event in changes:
            for listener in self._listeners:
                listener(key, event)


def _same(old: Entry | None, new: Entry) -> bool:
    """Whether a key is as we knew it; the value is compared too, for a store that was set back and went on."""
    return old is not None and old.mod_revision == new.mod_revision and old.value == new.value
