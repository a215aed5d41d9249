"""What stands on a bus whose topics are kept in the KV (esi.bus.topic says how they lie there)."""

from __future__ import annotations

from collections.abc import Sequence

from esi.bus import Bus, SetAside, TopicState
from esi.bus.topic import Message
from esi.errors import NotFound
from esi.kv import KV, Delete
from esi.model.codec import loads, loads_object
from esi.model.keys import GROUPS, REJECTED, TOPICS


class KvTopics:
    """`bus`: where a message goes that is put back."""

    def __init__(self, kv: KV, bus: Bus) -> None:
        self._kv = kv
        self._bus = bus

    async def standing(self, names: Sequence[str] = ()) -> Sequence[TopicState]:
        positions: dict[str, dict[str, int]] = {}
        for entry in (await self._kv.list(GROUPS)).entries:
            topic, group = entry.key.removeprefix(GROUPS).split("/")
            positions.setdefault(topic, {})[group] = int(loads(entry.value, entry.key))
        found = []
        for entry in (await self._kv.list(TOPICS)).entries:
            topic, _, number = entry.key.removeprefix(TOPICS).partition("/")
            if number or (names and topic not in names):
                continue
            head = loads_object(entry.value, entry.key)
            first, last = int(head["first"]), int(head["last"])
            lag = {group: last - max(at, first - 1) for group, at in sorted(positions.get(topic, {}).items())}
            found.append(TopicState(topic, last - first + 1, lag))
        return found

    async def rejected(self, names: Sequence[str] = ()) -> Sequence[SetAside]:
        found = []
        for entry in (await self._kv.list(REJECTED)).entries:
            topic, group, number = entry.key.removeprefix(REJECTED).split("/")
            if names and topic not in names:
                continue
            note = loads_object(entry.value, entry.key)
            message = Message.decode(str(note["message"]).encode(), entry.key)
            id = f"{topic}/{group}/{int(number)}"
            found.append(SetAside(id, topic, group, message.key, message.value, str(note["reason"])))
        return found

    async def again(self, id: str) -> SetAside:
        topic, _, rest = id.partition("/")
        for one in await self.rejected([topic]):
            if one.id == id:
                await self._bus.publish(topic, one.key, one.value)
                group, _, number = rest.partition("/")
                await self._kv.commit([Delete(f"{REJECTED}{topic}/{group}/{int(number):016d}")])
                return one
        raise NotFound(f"no message {id} has been rejected", rejected=id)
