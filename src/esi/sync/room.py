"""The room: while it leads, the writer runs beside the watcher of what workers and agents report."""

from __future__ import annotations

import logging
from random import Random

from esi.clock import Clock
from esi.errors import LeaseLost, NotFound, TemporaryError
from esi.kv import KV
from esi.lifecycle import Lifecycle
from esi.model import keys
from esi.model.codec import decode_state, loads_object
from esi.model.resource import Ref
from esi.runtime import Controller, Leader, Mirror, Term, together
from esi.schema import Catalogue
from esi.store import Store
from esi.sync.deadlines import Deadlines
from esi.sync.mappings import Mappings
from esi.sync.writer import Writer

log = logging.getLogger(__name__)

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
        trees = [keys.STATE + "/", keys.MONITORING + "/", keys.MAPPINGS + "/"]
        mirror = Mirror(self._kv, trees, clock=self._clock, name="reports")
        deadlines = Deadlines(self._kv, self._lifecycle, self._clock)
        reports = _Reports(mirror, self._lifecycle, deadlines)
        mappings = Mappings(self._kv, mirror, self._lifecycle, term.guard)

        async def apply(key: str, /) -> float | None:
            return await (mappings if key.startswith(keys.MAPPINGS) else reports).apply(key)

        controller = Controller("reports", mirror, apply, rng=self._rng)
        writer = Writer(self._kv, self._store, term.guard)
        await together("sync", writer.run(), mirror.run(), controller.run(), deadlines.run(), _until_lost(term))


class _Reports:
    """Applies what stands under a key of /state or /monitoring. Versions decide what is news; twice is harmless."""

    def __init__(self, mirror: Mirror, lifecycle: Lifecycle, deadlines: Deadlines) -> None:
        self._mirror = mirror
        self._lifecycle = lifecycle
        self._catalogue = lifecycle.catalogue
        self._deadlines = deadlines

    async def apply(self, key: str, /) -> float | None:
        entry = self._mirror.get(key)
        tree = keys.STATE if key.startswith(keys.STATE) else keys.MONITORING
        found = self._catalogue.by_path(keys.parse_path(key, tree))
        if entry is None or found is None:
            return None
        ref = Ref(found[0].id, found[1])
        try:
            if tree == keys.STATE:
                state = decode_state(entry.value, key)
                payload = {"error": state.error, "state": state.state, "version": state.version, "held": state.held}
                await self._lifecycle.apply_state(ref, payload)
            else:
                report = loads_object(entry.value, key)
                if await self._lifecycle.apply_monitoring(ref, report) and "seen" in report:
                    self._deadlines.expect(report["seen"] + self._lifecycle.world.ways.deadlines.age_seconds)
        except NotFound:
            log.debug("%s reports on a resource that is gone", key)
        return None


async def _until_lost(term: Term) -> None:
    await term.lost.wait()
    raise LeaseLost("somebody else leads the sync")
