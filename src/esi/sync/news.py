"""What has been told under some trees, each report until somebody has taken it in (`settle`); of a key the newest one.

Nothing is remembered of what has been taken in, so that a start costs what is new, not what there is: the leader before
has kept up to where it had taken in all (taken.py), and the watches go on from there. Without that, or when etcd has
forgotten it or was set back, everything is listed, and `old` tells in large portions what of it is known.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing

from esi.clock import Clock
from esi.errors import Compacted, TemporaryError
from esi.kv import KV, Entry, Event
from esi.runtime import Listener, together

log = logging.getLogger(__name__)

Old = Callable[[Sequence[Entry]], Awaitable[Collection[str]]]
"""Which keys of a listing are nothing new."""

MANY = 1_000
"""Reports taken in after which it is worth keeping how far we are: as many are looked at again after a death."""

LONG_SECONDS = 300.0
"""After this time, too: etcd keeps its history for an hour, and a quiet watch tells every ten minutes how far it is."""

RETRY_SECONDS = 0.5


class News:
    """`run` is eternal; `since`: for each tree up to which revision all is taken in, 0 if nobody knows.

    `due` is set when it is time to keep how far we are (`taken`).
    """

    def __init__(self, kv: KV, since: Mapping[str, int], old: Old, *, clock: Clock) -> None:
        self.due = asyncio.Event()
        self._kv = kv
        self._old = old
        self._clock = clock
        self._seen = dict(since)
        self._entries: dict[str, Entry] = {}
        self._listeners: list[Listener] = []
        self._listed = False
        self._settled = 0
        self._told_at = clock.monotonic()

    def listen(self, listener: Listener) -> None:
        """Tell `listener` of every report. It must not raise, and not wait."""
        self._listeners.append(listener)

    def get(self, key: str) -> Entry | None:
        """The newest report, unless it is taken in."""
        return self._entries.get(key)

    def items(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def settle(self, entry: Entry) -> None:
        """It is taken in; a newer one of the same key is not."""
        if self._entries.get(entry.key) is entry:
            del self._entries[entry.key]
        self._settled += 1
        self._look()

    def taken(self) -> Mapping[str, int]:
        """For each tree, up to which revision all is taken in."""
        self._listed, self._settled, self._told_at = False, 0, self._clock.monotonic()
        taken = dict(self._seen)
        for entry in self._entries.values():
            tree = next(tree for tree in taken if entry.key.startswith(tree))
            taken[tree] = min(taken[tree], entry.mod_revision - 1)
        return taken

    def _look(self) -> None:
        """Whether it is time to keep how far we are. After listings: when all that they brought is taken in."""
        long_ago = self._clock.monotonic() - self._told_at > LONG_SECONDS
        listed = self._listed and all(self._seen.values()) and not self._entries
        if listed or long_ago or self._settled >= MANY:
            self.due.set()

    async def run(self) -> None:
        await together("news", *(self._follow(tree) for tree in self._seen))

    async def _follow(self, tree: str) -> None:
        def nothing_up_to(revision: int) -> None:
            self._seen[tree] = revision
            self._look()

        while True:
            try:
                if not self._seen[tree]:
                    await self._list(tree)
                async with aclosing(self._kv.watch(tree, since=self._seen[tree], progress=nothing_up_to)) as batches:
                    async for batch in batches:
                        self._take(tree, batch)
            except Compacted:
                log.info("%s: its history is compacted, it is listed", tree)
                self._seen[tree] = 0
            except TemporaryError as error:
                log.info("%s cannot be read: %s", tree, error)
                await self._clock.sleep(error.after or RETRY_SECONDS)

    async def _list(self, tree: str) -> None:
        """A part at a time, so that what is large stands here once."""
        revision = 0
        self._entries = {key: entry for key, entry in self._entries.items() if not key.startswith(tree)}
        async with aclosing(self._kv.pages(tree)) as pages:
            async for part in pages:
                revision = part.revision
                old = await self._old(part.entries)
                news = {entry.key: entry for entry in part.entries if entry.key not in old}
                self._entries |= news
                self._tell(news)
        self._seen[tree] = revision
        self._listed = True
        self._look()

    def _take(self, tree: str, batch: Sequence[Event]) -> None:
        for event in batch:
            if event.kind == "put":
                self._entries[event.key] = Entry(event.key, event.value, event.create_revision, event.revision)
            else:
                self._entries.pop(event.key, None)
        self._seen[tree] = batch[-1].revision
        self._tell(event.key for event in batch if event.key in self._entries)

    def _tell(self, changed: Iterable[str]) -> None:
        for key in changed:
            for listener in self._listeners:
                listener(key, None)
