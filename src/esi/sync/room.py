"""The room: while it leads, the writer runs beside the watcher of what workers and agents report."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from random import Random

from esi.clock import Clock
from esi.errors import Broken, LeaseLost, NotFound, TemporaryError
from esi.kv import KV, Entry
from esi.lifecycle import Lifecycle
from esi.model import keys
from esi.model.codec import decode_state, loads_object
from esi.model.resource import Body, Ref
from esi.runtime import Controller, Leader, Term, together
from esi.schema import Catalogue
from esi.store import Store
from esi.sync.deadlines import Deadlines
from esi.sync.mappings import Mappings
from esi.sync.news import News
from esi.sync.taken import Taken
from esi.sync.writer import Writer

log = logging.getLogger(__name__)

TREES = (keys.STATE + "/", keys.MONITORING + "/", keys.MAPPINGS + "/")
AT_ONCE = 1000
"""States that SQL is asked for in one transaction: others read between them."""

RETRY_SECONDS = 0.5
"""Pause after etcd or SQL was away."""


class SyncRoom:
    """`run` is eternal."""

    name = "sync"

    def __init__(
        self, kv: KV, store: Store, lifecycle: Lifecycle, leader: Leader, *, clock: Clock, rng: Random
    ) -> None:
        self._kv = kv
        self._store = store
        self._lifecycle = lifecycle
        self._catalogue: Catalogue = lifecycle.catalogue
        self._leader = leader
        self._clock = clock
        self._rng = rng

    async def run(self) -> None:
        """Lead, and lead again when the term is lost or something below was away."""
        while True:
            try:
                async with self._leader.term() as term:
                    await self._lead(term)
            except TemporaryError as error:
                log.info("sync starts again: %s", error)
                await self._clock.sleep(error.after or RETRY_SECONDS)

    async def _lead(self, term: Term) -> None:
        deadlines = Deadlines(self._kv, self._lifecycle, self._clock)
        taken = Taken(self._kv, self._store, self._catalogue, term.guard, rng=self._rng)
        reports = _Reports(self._lifecycle, deadlines)
        news = reports.news = News(self._kv, await taken.read(TREES), reports.old, clock=self._clock)
        mappings = Mappings(self._kv, news, self._lifecycle, term.guard)

        async def apply(key: str, /) -> float | None:
            return await (mappings if key.startswith(keys.MAPPINGS) else reports).apply(key)

        controller = Controller("reports", news, apply, rng=self._rng)
        writer = Writer(self._kv, self._store, term.guard)
        rooms = (writer.run(), news.run(), controller.run(), deadlines.run())
        await together("sync", *rooms, _keep(news, taken), _until_lost(term))


class _Reports:
    """Applies what stands under a key of /state or /monitoring. Versions decide what is news; twice is harmless."""

    news: News

    def __init__(self, lifecycle: Lifecycle, deadlines: Deadlines) -> None:
        self._lifecycle = lifecycle
        self._catalogue = lifecycle.catalogue
        self._deadlines = deadlines

    async def apply(self, key: str, /) -> float | None:
        entry = self.news.get(key)
        tree = keys.STATE if key.startswith(keys.STATE) else keys.MONITORING
        ref = self._found(key, tree)
        if entry is None:
            return None
        age = self._lifecycle.world.ways.deadlines.age_seconds
        try:
            if ref is None:
                log.debug("%s reports on what no schema knows", key)
            elif tree == keys.STATE:
                payload = _payload(entry)
                if await self._lifecycle.apply_state(ref, payload) and payload["state"].get("state_monitoring"):
                    self._deadlines.expect(self._lifecycle.clock.now() + age)
            else:
                report = loads_object(entry.value, key)
                if await self._lifecycle.apply_monitoring(ref, report) and "seen" in report:
                    self._deadlines.expect(report["seen"] + age)
        except NotFound:
            log.debug("%s reports on a resource that is gone", key)
        self.news.settle(entry)
        return None

    async def old(self, entries: Sequence[Entry]) -> set[str]:
        """Which states have been taken in already: of a hundred thousand at a start, nearly all."""
        reports: dict[str, tuple[Ref, Body]] = {}
        for entry in entries:
            if entry.key.startswith(keys.STATE) and (ref := self._found(entry.key, keys.STATE)) is not None:
                with suppress(Broken):  # told in its turn, alone
                    reports[entry.key] = (ref, _payload(entry))
        told, known = list(reports.values()), list[bool]()
        for start in range(0, len(told), AT_ONCE):
            known += await self._lifecycle.knows_states(told[start : start + AT_ONCE])
        return {key for key, is_known in zip(reports, known, strict=True) if is_known}

    def _found(self, key: str, tree: str) -> Ref | None:
        found = self._catalogue.by_path(keys.parse_path(key, tree))
        return None if found is None else Ref(found[0].id, found[1])


def _payload(entry: Entry) -> Body:
    state = decode_state(entry.value, entry.key)
    return {"error": state.error, "state": state.state, "version": state.version, "held": state.held}


async def _keep(news: News, taken: Taken) -> None:
    while True:
        await news.due.wait()
        news.due.clear()
        await taken.keep(news.taken())


async def _until_lost(term: Term) -> None:
    await term.lost.wait()
    raise LeaseLost("somebody else leads the sync")
