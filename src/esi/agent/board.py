"""What stands under /monitoring of one resource: the values of all its targets together, of the newest version.

    {"<name>": value, …, "version": n, "seen": epoch seconds, "reasons": {"<name>": sentence}}

Written when a value changes, and again with a new `seen` after a while, so that a reader can tell a value that holds
from one that nobody looks after any more. A commit is guarded by the agent's presence, by every target it speaks for
and by the value that was read: whoever was paused, replaced or told to stop writes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from esi.agent.records import Kept
from esi.agent.seen import STATUS, Seen
from esi.agent.shelf import ABOUT
from esi.clock import Clock
from esi.errors import Outrun
from esi.kv import KV, Delete, Entry, Guard, Put
from esi.model import keys
from esi.model.codec import dumps, loads_object

REFRESH_SECONDS = 120.0
"""How old `seen` may become."""

REASON_SECONDS = 10.0
"""Another reason for the same values is written after this long: routers change their mind from second to second."""

SETTLE_SECONDS = 1.0
"""Targets of one resource come from topics one by one: for so long after the last nothing is said yet."""

TRIES = 3

YOUNG_SECONDS = 3600.0
"""A target of another agent's time is taken for forgotten only when it is older."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Watched:
    """One target of ours: its record, where that stands, what was seen."""

    kept: Kept
    entry: Entry
    seen: Seen


def composed(targets: Sequence[Watched], now: float) -> dict[str, Any] | None:
    """What the targets of one resource say together. None: nothing, or not yet all of it."""
    newest = max((one.kept.target.version for one in targets), default=0)
    speaking = [one for one in targets if one.kept.names and one.kept.target.version == newest]
    if any(one.kept.door == "topic" and now < one.kept.target.created_at + SETTLE_SECONDS for one in speaking):
        return None
    payload: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for one in speaking:
        counting = one.seen.counting(one.kept, now)
        if counting is None:
            return None
        payload |= counting
        if one.seen.reason and STATUS in one.kept.names:
            reasons[one.kept.names[STATUS]] = one.seen.reason
    if not payload:
        return None
    return {**payload, "version": newest, "seen": int(now), **({"reasons": reasons} if reasons else {})}


def said(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a payload, and the version they answer to."""
    return {name: value for name, value in payload.items() if name == "version" or name not in ABOUT}


class Board:
    """Writes for one agent. `presence` holds while the agent counts as alive."""

    def __init__(self, kv: KV, presence: Guard, *, clock: Clock, refresh: float = REFRESH_SECONDS) -> None:
        self._kv = kv
        self._presence = presence
        self._clock = clock
        self._refresh = refresh
        self._written: dict[str, Mapping[str, Any]] = {}

    def forget(self, path: str) -> None:
        """Nothing is known any more of what stands there."""
        self._written.pop(path, None)

    async def publish(self, path: str, targets: Sequence[Watched]) -> bool:
        """Write what the targets of a resource say, if it is news; whether it was. Outrun: others were faster."""
        payload = composed(targets, self._clock.now())
        if payload is None or self._is_known(path, payload):
            return False
        for _ in range(TRIES):
            entry = await self._kv.get(keys.monitoring_key(path))
            if entry is None and await self._is_gone(path, targets):
                await self._give_up(path, targets)
                return False
            there = loads_object(entry.value, entry.key) if entry is not None else {}
            if there.get("version", 0) > payload["version"]:
                return False
            if said(there) == said(payload) and self._fresh(there, payload):
                self._written[path] = there
                return False
            if await self._put(path, entry, payload, targets):
                return True
        raise Outrun(f"what is seen of {path} changes all the time")

    async def _is_gone(self, path: str, targets: Sequence[Watched]) -> bool:
        """Whether the resource was removed behind our back (by force, say): its value was there, its config is not."""
        oldest = min(one.kept.target.created_at for one in targets)
        if path not in self._written and self._clock.now() - oldest < YOUNG_SECONDS:
            return False
        return await self._kv.get(keys.config_key(path)) is None

    async def _give_up(self, path: str, targets: Sequence[Watched]) -> None:
        """Nobody asks for these targets any more, and nobody will take them away but us."""
        log.warning("%s is gone: its %d targets are dropped", path, len(targets))
        guards = [self._presence, *(Guard(one.entry.key, one.entry.mod_revision) for one in targets)]
        await self._kv.commit([Delete(one.entry.key) for one in targets], guards=guards)
        self.forget(path)

    async def _put(
        self, path: str, entry: Entry | None, payload: Mapping[str, Any], targets: Sequence[Watched]
    ) -> bool:
        place = keys.monitoring_key(path)
        guards = [self._presence, Guard.absent(place) if entry is None else Guard(place, entry.mod_revision)]
        guards += [Guard(one.entry.key, one.entry.mod_revision) for one in targets]
        try:
            await self._kv.commit([Put(place, dumps(payload))], guards=guards)
        except Outrun:
            return False
        self._written[path] = payload
        return True

    def _is_known(self, path: str, payload: Mapping[str, Any]) -> bool:
        written = self._written.get(path)
        return written is not None and said(written) == said(payload) and self._fresh(written, payload)

    def _fresh(self, there: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
        seen = there.get("seen", 0)
        same = there.get("reasons", {}) == payload.get("reasons", {})
        limit = self._refresh if same else min(self._refresh, REASON_SECONDS)
        return isinstance(seen, int | float) and payload["seen"] - seen < limit
