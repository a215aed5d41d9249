"""Waiting for one of our own resources: its wanted state, as it stands under /config, watched and not asked for.

What one resource type starts in a cloud may come true by another one's job: a port that Nova has claimed is plugged by
the port's own stack. Who waits holds no slot, else a thousand waiting servers would leave none for their ports.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

from esi.clock import Clock
from esi.errors import Compacted, NotFound, TemporaryError
from esi.kv import KV
from esi.model.codec import decode_config
from esi.model.keys import config_key
from esi.stacks import Listener, PathOf, Predicate, Rest

RETRY_SECONDS = 0.5
PATIENCE_SECONDS = 30.0
"""Whoever waits longer says for what."""


class Waiting:
    """`until` of one step: see esi.stacks.Until. `rest` is entered while it waits, `held` hears of a long wait."""

    def __init__(self, kv: KV, clock: Clock, path_of: PathOf, rest: Rest, held: Listener) -> None:
        self._kv = kv
        self._clock = clock
        self._path_of = path_of
        self._rest = rest
        self._held = held

    async def __call__(self, ref: tuple[str, str], predicate: Predicate, why: str) -> dict[str, Any] | None:
        key = config_key(self._path_of(ref))
        body = await self._now(key)
        if predicate(body):
            return body
        async with self._rest():
            impatient = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._held, why)
            try:
                return await self._follow(key, predicate)
            finally:
                impatient.cancel()
                self._held("")

    async def _follow(self, key: str, predicate: Predicate) -> dict[str, Any] | None:
        while True:
            try:
                listing = await self._kv.list(key)
                body = next((_body(entry.value) for entry in listing.entries if entry.key == key), None)
                if predicate(body):
                    return body
                async with aclosing(self._kv.watch(key, since=listing.revision)) as batches:
                    async for batch in batches:
                        for event in batch:
                            if event.key == key and predicate(body := _body(event.value)):
                                return body
            except Compacted:
                continue
            except TemporaryError as error:
                await self._clock.sleep(error.after or RETRY_SECONDS)

    async def _now(self, key: str) -> dict[str, Any] | None:
        entry = await self._kv.get(key)
        return None if entry is None else _body(entry.value)


def _body(value: bytes) -> dict[str, Any] | None:
    """What is wanted; None for what is gone or on its way out."""
    if not value:
        return None
    config = decode_config(value)
    return None if config.marked_for_deletion else config.decode()


def no_path(ref: tuple[str, str]) -> str:
    """For an engine that was told of no resources."""
    raise NotFound(f"this engine knows no resources, and so no {ref[0]} {ref[1]}")
