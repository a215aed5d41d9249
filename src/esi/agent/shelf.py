"""Where targets are kept: etcd, so that they outlive every agent. Both doors write here, the collector watches it.

The id of a target comes from its key, so that a repeated request means the same target. One target and what it has
said are removed in one commit, so nothing that nobody watches any more is left standing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from esi.agent.records import Kept, answer, decode, encode, named, parse_request
from esi.clock import Clock
from esi.errors import NotFound, Outrun
from esi.kv import KV, Delete, Entry, Guard, Put
from esi.model import keys
from esi.model.codec import dumps, loads_object
from esi.model.target import Target

TRIES = 20
"""How often a write is decided anew when others are faster."""

ABOUT = frozenset({"version", "seen", "reasons"})
"""Members of a value under /monitoring that say something about the others."""


class TargetShelf:
    """Implements the port Targets of stacks. `types` are those that somebody can look at; `url` is in the answers."""

    def __init__(self, kv: KV, *, clock: Clock, types: frozenset[str], url: str = "") -> None:
        self.url = url
        self._kv = kv
        self._clock = clock
        self._types = types

    async def create(self, target: Mapping[str, Any], *, key: str = "") -> Mapping[str, Any]:
        """The target with id and link; the same `key` gives the same target again. Invalid."""
        wanted = parse_request(target, self._types)
        id_ = str(uuid5(NAMESPACE_URL, key)) if key else str(uuid4())
        made = named(wanted, id_, self._clock.now())
        place = keys.target_key(id_)
        for _ in range(TRIES):
            try:
                await self._kv.commit([Put(place, encode(made, "rest"))], guards=[Guard.absent(place)])
                return answer(made, self.url)
            except Outrun:
                entry = await self._kv.get(place)
                if entry is not None:
                    return answer(decode(entry.value, place).target, self.url)
        raise Outrun(f"target {id_} comes and goes")

    async def place(self, wanted: Target, id: str) -> None:
        """Keep a target of the topics; one of an older version makes way."""
        place = keys.target_key(id)
        made = named(wanted, id, self._clock.now())
        for _ in range(TRIES):
            entry = await self._kv.get(place)
            if entry is not None and decode(entry.value, place).target.version >= wanted.version:
                return
            guard = Guard.absent(place) if entry is None else Guard(place, entry.mod_revision)
            try:
                await self._kv.commit([Put(place, encode(made, "topic"))], guards=[guard])
                return
            except Outrun:
                continue
        raise Outrun(f"target {id} comes and goes")

    async def get(self, id: str) -> Kept:
        place = keys.target_key(id)
        entry = await self._kv.get(place)
        if entry is None:
            raise NotFound(f"there is no target {id}")
        return decode(entry.value, place)

    async def delete(self, id: str) -> None:
        """Absent is success."""
        await self.remove(id)

    async def remove(self, id: str, *, up_to: int | None = None) -> bool:
        """Remove a target (of a version up to `up_to`) and what it has said; whether there was one."""
        place = keys.target_key(id)
        for _ in range(TRIES):
            entry = await self._kv.get(place)
            if entry is None:
                return False
            kept = decode(entry.value, place)
            if up_to is not None and kept.target.version > up_to:
                return False
            said = await self._kv.get(keys.monitoring_key(kept.path))
            ops: list[Put | Delete] = [Delete(place)]
            guards = [Guard(place, entry.mod_revision)]
            if said is not None and (left := without(said, kept)) is not None:
                ops.append(left)
                guards.append(Guard(said.key, said.mod_revision))
            try:
                await self._kv.commit(ops, guards=guards)
                return True
            except Outrun:
                continue
        raise Outrun(f"what target {id} has said changes all the time")


def without(said: Entry, kept: Kept) -> Put | Delete | None:
    """What is to be done with a value under /monitoring when this target goes. None: it speaks of another version."""
    payload = loads_object(said.value, said.key)
    mine = set(kept.names.values())
    if payload.get("version") != kept.target.version or not mine & payload.keys():
        return None
    left = {name: value for name, value in payload.items() if name not in mine}
    if not left.keys() - ABOUT:
        return Delete(said.key)
    if reasons := {name: text for name, text in left.get("reasons", {}).items() if name not in mine}:
        left["reasons"] = reasons
    else:
        left.pop("reasons", None)
    return Put(said.key, dumps(left))
