"""What stands in a Kafka, for people: its topics, how far each group has come, and what has been rejected.

A rejection is a record of `<topic>.rejected`; one that has been put back is followed by a record that says so. On a
Kafka that others use, too, all topics that our user may see are listed: name those that are meant.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from esi.bus import SetAside, TopicState
from esi.bus.kafka import KafkaBus
from esi.bus.kafka.access import asked
from esi.bus.kafka.maker import REJECTED
from esi.errors import NotFound

LOOK_SECONDS = 60.0
AGAIN = "esi.again"
NAMES = ("esi.topic", "esi.group", "esi.partition", "esi.offset")

Offsets = dict[TopicPartition, int]


class KafkaTopics:
    """`bus`: where a message goes that is put back."""

    def __init__(self, bus: KafkaBus) -> None:
        self._bus = bus

    async def standing(self, names: Sequence[str] = ()) -> Sequence[TopicState]:
        async with asked("topics cannot be looked at", LOOK_SECONDS), self._admin() as admin, self._reader() as reader:
            partitions = await self._partitions(admin, names, rejected=False)
            first, end = await reader.beginning_offsets(partitions), await reader.end_offsets(partitions)
            lag: dict[str, dict[str, int]] = {one.topic: {} for one in partitions}
            for group, kind in sorted(await admin.list_consumer_groups()):
                if kind not in ("", "consumer"):
                    continue
                kept = {place: at.offset for place, at in (await admin.list_consumer_group_offsets(group)).items()}
                for topic in sorted({one.topic for one in kept} & set(lag)):
                    ours = [one for one in partitions if one.topic == topic]
                    lag[topic][group] = sum(end[one] - max(kept.get(one, -1), first[one]) for one in ours)
        count = {topic: sum(end[one] - first[one] for one in partitions if one.topic == topic) for topic in lag}
        return [TopicState(topic, count[topic], groups) for topic, groups in sorted(lag.items())]

    async def rejected(self, names: Sequence[str] = ()) -> Sequence[SetAside]:
        found: dict[str, SetAside] = {}
        async with (
            asked("rejected ones cannot be read", LOOK_SECONDS),
            self._admin() as admin,
            self._reader() as reader,
        ):
            partitions = await self._partitions(admin, [name + REJECTED for name in names], rejected=True)
            async for record in _all_of(reader, partitions):
                notes = {name: value.decode(errors="replace") for name, value in record.headers}
                topic, group, *place = (notes.get(name, "") for name in NAMES)
                id = f"{topic}/{group}/{'.'.join(place)}"
                if AGAIN in notes:
                    found.pop(id, None)
                else:
                    key = (record.key or b"").decode(errors="surrogateescape")
                    found[id] = SetAside(id, topic, group, key, record.value or b"", notes.get("esi.reason", ""))
        return sorted(found.values(), key=lambda one: (one.topic, one.group))

    async def again(self, id: str) -> SetAside:
        topic, _, rest = id.partition("/")
        for one in await self.rejected([topic]):
            if one.id == id:
                group, _, place = rest.rpartition("/")
                note = dict(zip(NAMES, (topic, group, *place.split(".")), strict=True)) | {AGAIN: "yes"}
                await self._bus.put_back(topic, one.key, one.value, note)
                return one
        raise NotFound(f"no message {id} has been rejected", rejected=id)

    async def _partitions(
        self, admin: AIOKafkaAdminClient, names: Sequence[str], *, rejected: bool
    ) -> list[TopicPartition]:
        """Of the topics that are there and are meant; Kafka's own are not."""
        there = [name for name in await admin.list_topics() if name.endswith(REJECTED) is rejected]
        meant = sorted(name for name in there if (name in names if names else not name.startswith("__")))
        if not meant:
            return []
        told: list[dict[str, Any]] = await admin.describe_topics(meant)
        return [TopicPartition(one["topic"], part["partition"]) for one in told for part in one["partitions"]]

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(**self._bus.access.arguments())
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[AIOKafkaConsumer]:
        reader = AIOKafkaConsumer(**self._bus.access.arguments(), enable_auto_commit=False)
        try:
            await reader.start()
            yield reader
        finally:
            await reader.stop()


async def _all_of(reader: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> AsyncIterator[Any]:
    """Every record that stands there now, each partition in order."""
    if not partitions:
        return
    end: Offsets = await reader.end_offsets(partitions)
    reader.assign(partitions)
    await reader.seek_to_beginning(*partitions)
    while [one for one in partitions if await reader.position(one) < end[one]]:
        for records in (await reader.getmany(timeout_ms=1000)).values():
            for record in records:
                yield record
