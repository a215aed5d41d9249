"""The room: while it leads, three loops run side by side: writer, state watcher, monitoring watcher."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from esi.clock import Clock
from esi.errors import Broken, NotFound, TemporaryError
from esi.kv import KV
from esi.lifecycle import Lifecycle
from esi.model import keys
from esi.model.codec import decode_state, loads_object
from esi.model.resource import Body, Ref
from esi.runtime import Leader, Term
from esi.schema import Catalogue
from esi.store import Store
from esi.sync.writer import Writer
from esi.tasks import Tasks

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
"""Pause after etcd or SQL was away."""


class SyncRoom:
    """`run` is eternal."""

    name = "sync"

    def __init__(
        self, kv: KV, store: Store, lifecycle: Lifecycle, catalogue: Catalogue, leader: Leader, *, clock: Clock
    ):
        self._kv = kv
        self._store = store
        self._lifecycle = lifecycle
        self._catalogue = catalogue
        self._leader = leader
        self._clock = clock

    async def run(self) -> None:
        """Lead, and lead again when the term is lost."""
        while True:
            async with self._leader.term() as term:
                await self._serve(term)

    async def _serve(self, term: Term) -> None:
        over = asyncio.Event()
        problems: list[BaseException] = []

        def ended(name: str, error: BaseException) -> None:
            problems.append(error)
            over.set()

        async with Tasks("sync", on_error=ended) as tasks:
            tasks.start("writer", Writer(self._kv, self._store, term.guard).run())
            tasks.start("state", self._follow(keys.STATE + "/", tasks, self._apply_state))
            tasks.start("monitoring", self._follow(keys.MONITORING + "/", tasks, self._apply_monitoring))
            tasks.start("term", self._end_with(term, over))
            await over.wait()
        for error in problems:
            if not isinstance(error, TemporaryError):
                raise error
            log.info("sync starts again: %s", error)
            await self._clock.sleep(error.after or RETRY_SECONDS)

    async def _end_with(self, term: Term, over: asyncio.Event) -> None:
        await term.lost.wait()
        over.set()

    async def _follow(self, prefix: str, tasks: Tasks, apply: Callable[[Ref, bytes], Awaitable[None]]) -> None:
        """Everything under a prefix once, then every change; each resource's reports in order, others side by side."""
        listing = await self._kv.list(prefix)
        tree = prefix[:-1]
        lanes = _Lanes(tasks, apply)
        for entry in listing.entries:
            self._offer(lanes, entry.key, tree, entry.value)
        async for batch in self._kv.watch(prefix, since=listing.revision):
            for event in batch:
                if event.kind == "put":
                    self._offer(lanes, event.key, tree, event.value)

    def _offer(self, lanes: _Lanes, key: str, tree: str, value: bytes) -> None:
        found = self._catalogue.by_path(keys.parse_path(key, tree))
        if found is not None:
            lanes.offer(Ref(found[0].id, found[1]), value)

    async def _apply_state(self, ref: Ref, value: bytes) -> None:
        state = decode_state(value, str(ref))
        payload: Body = {"error": state.error, "state": state.state, "version": state.version}
        await self._lifecycle.apply_state(ref, payload)

    async def _apply_monitoring(self, ref: Ref, value: bytes) -> None:
        await self._lifecycle.apply_monitoring(ref, loads_object(value, str(ref)))


class _Lanes:
    """One lane per resource: its reports are applied one after the other, newest last."""

    def __init__(self, tasks: Tasks, apply: Callable[[Ref, bytes], Awaitable[None]]) -> None:
        self._tasks = tasks
        self._apply = apply
        self._waiting: dict[Ref, list[bytes]] = {}

    def offer(self, ref: Ref, value: bytes) -> None:
        lane = self._waiting.get(ref)
        if lane is not None:
            lane.append(value)
            return
        self._waiting[ref] = [value]
        self._tasks.start(str(ref), self._drive(ref))

    async def _drive(self, ref: Ref) -> None:
        lane = self._waiting[ref]
        try:
            while lane:
                try:
                    await self._apply(ref, lane[0])
                except (NotFound, Broken) as error:
                    log.warning("report on %s not applied: %s", ref, error)
                lane.pop(0)
        finally:
            del self._waiting[ref]
