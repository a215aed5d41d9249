"""One consumer of one topic for one group: take the place, read on from the group's position, keep what is done.

    consumer_key    the place: whose it is reads, under the lease of its process; the others watch it and wait
    group_key       the position: everything up to it is finished
    rejected_key    what was set aside

Every write is guarded by the place (its create revision), so a consumer that was thought dead changes nothing any more.
The position is written once for all messages that were finished while the last write was under way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

from esi.bus.topic import TRIM_EVERY, Message, number_of, read_head, read_position
from esi.clock import Clock
from esi.errors import Broken, Compacted, LeaseLost, Outrun, TemporaryError
from esi.kv import KV, Delete, Guard, Lease, Put
from esi.model.codec import dumps
from esi.model.keys import consumer_key, group_key, rejected_key, topic_key
from esi.tasks import Tasks

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
"""Pause after the KV was away."""


class Keeper(Protocol):
    """What a consumer needs of its bus."""

    async def lease(self) -> Lease: ...
    async def tidy(self, topic: str) -> None: ...


class Hold:
    """A group's right to one topic, while it lasts. `position`: all messages up to it are finished."""

    def __init__(self, keeper: Keeper, kv: KV, names: tuple[str, str], place: Guard, position: int) -> None:
        self.over = False
        self.position = position
        self._keeper = keeper
        self._kv = kv
        self._topic, self._group = names
        self._place = place
        self._kept = position
        self._trimmed = position
        self._finished: set[int] = set()
        self._keeping = asyncio.Lock()

    async def finish(self, number: int, *more: Put) -> None:
        """A message is over; `more` is written first. Raises Outrun when the place is another's by now."""
        if more:
            await self._commit(list(more))
        self.skip(range(number, number + 1))
        async with self._keeping:
            if number <= self.position and self._kept < self.position:
                position = self.position
                await self._commit([Put(group_key(self._topic, self._group), dumps(position))])
                self._kept = position
        if self._kept - self._trimmed >= TRIM_EVERY:
            self._trimmed = self._kept
            await self._keeper.tidy(self._topic)

    def skip(self, numbers: Iterable[int]) -> None:
        """These messages are over; that is kept with the next one that is finished."""
        self._finished.update(numbers)
        while self.position + 1 in self._finished:
            self.position += 1
            self._finished.discard(self.position)

    async def reject(self, number: int, message: Message, reason: str) -> None:
        note = {"reason": reason, "message": message.encode().decode()}
        await self.finish(number, Put(rejected_key(self._topic, self._group, number), dumps(note)))

    async def _commit(self, ops: Sequence[Put | Delete]) -> None:
        if self.over:
            raise Outrun(f"group {self._group} is served elsewhere now")
        await self._kv.commit(ops, guards=[self._place])

    async def release(self) -> None:
        """Let the next one have the place."""
        try:
            await self._commit([Delete(self._place.key)])
        except TemporaryError as error:
            log.debug("%s is not given back: %s", self._place.key, error)
        self.over = True


@dataclass
class KvDelivery:
    """One message, and the hold under which it was read."""

    topic: str
    key: str
    value: bytes
    number: int = field(repr=False)
    at: float = field(repr=False)
    hold: Hold = field(repr=False)

    async def done(self) -> None:
        await self.hold.finish(self.number)

    async def reject(self, reason: str) -> None:
        await self.hold.reject(self.number, Message(self.key, self.value, self.at), reason)


class Consumer:
    """Serves one topic of one `consume`; `name` tells its place from another's."""

    def __init__(self, keeper: Keeper, kv: KV, topic: str, group: str, name: bytes) -> None:
        self._keeper = keeper
        self._kv = kv
        self._topic = topic
        self._group = group
        self._name = name

    async def run(self, deliveries: asyncio.Queue[KvDelivery], clock: Clock) -> None:
        """Eternal."""
        while True:
            try:
                lease = await self._keeper.lease()
                hold = await self._take(lease)
                try:
                    await self._while_held(lease, hold, deliveries)
                finally:
                    await hold.release()
            except TemporaryError as error:
                log.info("topic %s, group %s: %s", self._topic, self._group, error)
                await clock.sleep(error.after or RETRY_SECONDS)

    async def _take(self, lease: Lease) -> Hold:
        """Wait for the place and take it."""
        key = consumer_key(self._topic, self._group)
        while True:
            listing = await self._kv.list(key)
            held = next((entry for entry in listing.entries if entry.key == key), None)
            if held is not None and held.value != self._name:
                await self._until_free(key, listing.revision)
                continue
            place = Guard(key, held.create_revision, "create") if held is not None else None
            position = await read_position(self._kv, self._topic, self._group)
            if place is None:
                ops, guards = [Put(key, self._name, lease)], [Guard.absent(key)]
                if position is None:  # a group that is known keeps its messages from being trimmed
                    ops.append(Put(group_key(self._topic, self._group), dumps(0)))
                    guards.append(Guard.absent(ops[-1].key))
                try:
                    place = Guard(key, await self._kv.commit(ops, guards=guards), "create")
                except Outrun:
                    continue
            gone = (await read_head(self._kv, self._topic)).first - 1
            if position is not None and position < gone:
                self._missed(gone - position)
            return Hold(self._keeper, self._kv, (self._topic, self._group), place, max(position or 0, gone))

    def _missed(self, count: int) -> None:
        log.warning("topic %s: %d messages had become too old before group %s came", self._topic, count, self._group)

    async def _until_free(self, key: str, since: int) -> None:
        try:
            async with aclosing(self._kv.watch(key, since=since)) as batches:
                async for batch in batches:
                    if any(event.key == key and event.kind == "delete" for event in batch):
                        return
        except Compacted:
            return

    async def _while_held(self, lease: Lease, hold: Hold, deliveries: asyncio.Queue[KvDelivery]) -> None:
        def told(name: str, error: BaseException) -> None:
            return None  # raised below

        async with Tasks(f"{self._topic} {self._group}", on_error=told) as tasks:
            reading = tasks.start("read", self._read(hold, deliveries))
            lost = tasks.start("lease", lease.lost.wait())
            try:
                await asyncio.wait({reading, lost}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                hold.over = lease.lost.is_set()
            if not reading.done():
                raise LeaseLost(f"the place of group {self._group} has gone")
            await reading

    async def _read(self, hold: Hold, deliveries: asyncio.Queue[KvDelivery]) -> None:
        """Everything after the position, then each message as it comes. Without end."""
        prefix = topic_key(self._topic) + "/"
        read = hold.position
        while True:
            listing = await self._kv.list(prefix)
            for entry in listing.entries:
                read = await self._give(entry.key, entry.value, read, hold, deliveries)
            try:
                async with aclosing(self._kv.watch(prefix, since=listing.revision)) as batches:
                    async for batch in batches:
                        for event in batch:
                            if event.kind == "put":
                                read = await self._give(event.key, event.value, read, hold, deliveries)
            except Compacted:
                continue

    async def _give(self, key: str, value: bytes, read: int, hold: Hold, deliveries: asyncio.Queue[KvDelivery]) -> int:
        """Hand one message on, unless it has been read; the number up to which everything has been."""
        number = number_of(key)
        if number <= read:
            return read
        if number > read + 1:
            self._missed(number - read - 1)
            hold.skip(range(read + 1, number))
        try:
            message = Message.decode(value, key)
        except Broken as error:
            log.error("%s", error)
            await hold.finish(number)
            return number
        await deliveries.put(KvDelivery(self._topic, message.key, message.value, number, message.at, hold))
        return number
