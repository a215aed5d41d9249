"""Intents and answers on their way between workers, for one device.

    caller   put     intents/<ip>/<seq>, under its lease, guarded by the owner's key and by the right it works with
    owner    hears it by watch, takes it into its batches
    owner    answer  intents/<ip>/done/<seq>, under the caller's lease, in the commit that deletes the intent
    caller   hears it by watch, deletes it

When the owner dies its key vanishes, every caller hears that at once, and one of them takes the device, with all
intents that stand there. When a caller dies its intents and answers vanish with its lease. Etcd's order of puts is the
order of service.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from esi.devices.line import Line, Waiting
from esi.devices.means import Means
from esi.devices.ownership import AT_ONCE
from esi.drivers import IntentResult
from esi.drivers.records import decode_answer, decode_intent, encode_answer, encode_intent
from esi.errors import Broken, EsiError, LeaseLost, Outrun
from esi.kv import Delete, Event, Guard, Put, holds
from esi.model.codec import loads_object
from esi.model.keys import device_key, intent_done_key, intent_key, intents_key
from esi.runtime import Mirror

Answer = IntentResult | EsiError

log = logging.getLogger(__name__)

TOGETHER = 32
"""Answers in one commit: two writes and two guards each, and etcd takes 128."""


class CallersLease:
    """The lease of another process, by its id: an answer hangs on it. We do not renew it and are not told its end."""

    def __init__(self, id: int) -> None:
        self.id = id
        self.lost = asyncio.Event()

    async def revoke(self) -> None:
        return None


class Exchange:
    """One process's part in it. What comes changes `line` and sets `wake`; `adopting` says that we own the device."""

    def __init__(self, ip: str, means: Means, line: Line, wake: asyncio.Event) -> None:
        self._ip = ip
        self._kv = means.kv
        self._lease = means.lease
        self._line = line
        self._wake = wake
        self._clock = means.clock
        self._numbers = means.numbers
        self._tree = intents_key(ip)
        self._done = intent_done_key(ip, "")
        self._mine: set[str] = set()
        self._waste: list[str] = []
        self._answers: list[tuple[Waiting, Answer]] = []
        self._adopting = False
        self.mirror = Mirror(means.kv, [device_key(ip), self._tree], clock=means.clock, name=f"intents {ip}")
        self.mirror.listen(self._changed)

    # -- what is heard --------------------------------------------------------------------------------------------

    def _changed(self, key: str, event: Event | None) -> None:
        entry = self.mirror.get(key)
        if key == device_key(self._ip):
            self._wake.set()
        elif key.startswith(self._done):
            self._hear_answer(self._tree + key[len(self._done) :], key)
        elif key.startswith(self._tree) and entry is not None:
            if self._adopting:
                self._adopt(key)
        elif key.startswith(self._tree):
            self._hear_end(key)

    def _hear_answer(self, intent: str, key: str) -> None:
        entry = self.mirror.get(key)
        if entry is None or intent not in self._mine:
            return
        self._mine.discard(intent)
        self._waste.append(key)
        waiting = self._line.at(intent)
        if waiting is not None:
            try:
                waiting.answer(decode_answer(entry.value, waiting.intent.id, key))
            except Broken as error:
                log.error("%s", error)
                waiting.answer(error)
            self._line.leave(waiting)
        self._wake.set()

    def _hear_end(self, key: str) -> None:
        """An intent is gone: its caller gave it up or died. Our own, unanswered: our lease has ended, it goes again."""
        if self.mirror.get(self._done + key[len(self._tree) :]) is not None:
            return  # answered in the same commit
        self._mine.discard(key)
        waiting = self._line.at(key)
        if waiting is not None and waiting.foreign:
            self._line.leave(waiting)
        elif waiting is not None:
            self._line.stands_at(waiting, "")
            self._wake.set()

    def adopt(self) -> None:
        """We own the device: the intents of others are ours to serve, from now on."""
        if not self._adopting:
            self._adopting = True
            for entry in list(self.mirror.items(self._tree)):
                if not entry.key.startswith(self._done):
                    self._adopt(entry.key)

    def dismiss(self) -> None:
        """We own it no longer. What we would still have answered is answered by whoever does."""
        self._adopting = False
        self._answers.clear()
        self._line.dismiss_foreign()

    def _adopt(self, key: str) -> None:
        entry = self.mirror.get(key)
        if entry is None or key in self._mine or self._line.at(key) is not None:
            return
        try:
            intent, lease = decode_intent(entry.value, key)
        except Broken as error:
            log.error("%s", error)
            return
        self._line.join(Waiting(intent, self._clock.monotonic(), key, entry.create_revision, lease))
        self._wake.set()

    # -- what is said ---------------------------------------------------------------------------------------------

    @property
    def held(self) -> str:
        """What keeps the device's owner waiting, as it says itself."""
        entry = self.mirror.get(device_key(self._ip))
        return "" if entry is None else str(loads_object(entry.value, entry.key).get("held") or "")

    @property
    def busy(self) -> bool:
        """Whether something is still to be said."""
        return bool(self._answers or self._waste)

    def owe(self, waiting: Waiting, answer: Answer) -> None:
        """Answer an intent of another process with the next `deliver`."""
        self._answers.append((waiting, answer))

    def withdraw(self, waiting: Waiting) -> None:
        """An intent of ours that nobody waits for any more, or that we have served ourselves: away from etcd."""
        if waiting.key in self._mine:
            self._waste.append(waiting.key)

    async def put(self, owner: int) -> None:
        """Put what waits here and is not there yet, for the owner of that revision; 0: for whoever will be the owner.

        LeaseLost: it is not so any more.
        """
        for waiting in self._line.own:
            if not waiting.key and not waiting.answered.is_set():
                await self._put(waiting, Guard(device_key(self._ip), owner, "create"))

    async def _put(self, waiting: Waiting, owner: Guard) -> None:
        lease = await self._lease.current()
        key = intent_key(self._ip, f"{lease.id:016x}{next(self._numbers):08d}")
        fence = waiting.intent.fence
        guards = [owner, Guard.absent(key), *([fence] if fence else [])]
        # Known before it is sent: when the reply is lost it may stand there all the same, and may even be answered.
        self._mine.add(key)
        self._line.stands_at(waiting, key)
        try:
            revision = await self._kv.commit([Put(key, encode_intent(waiting.intent, lease.id), lease)], guards=guards)
            if waiting.key == key:  # else answered already
                self._line.stands_at(waiting, key, revision)
        except EsiError as error:
            self._waste.append(key)
            self._line.stands_at(waiting, "")
            if not isinstance(error, Outrun):
                raise
            if fence and not await holds(self._kv, fence):
                waiting.answer(LeaseLost(f"{self._ip}: the right to ask for {waiting.intent.id} has ended"))
                self._line.leave(waiting)
                return
            raise LeaseLost(f"{self._ip} has another owner", after=AT_ONCE) from error

    async def tidy(self) -> None:
        """Delete what nobody needs any more."""
        while self._waste:
            some = self._waste[: 2 * TOGETHER]
            await self._kv.commit([Delete(key) for key in dict.fromkeys(some)])
            del self._waste[: len(some)]

    async def deliver(self, owner: Guard) -> None:
        """Send the answers that are owed. Each needs us to own the device still, and its caller to be there."""
        while self._answers:
            some = self._answers[:TOGETHER]
            try:
                await self._answer(some, owner)
            except (Outrun, LeaseLost):
                for one in some:
                    await self._answer_one(one, owner)
            del self._answers[: len(some)]

    async def _answer(self, some: Sequence[tuple[Waiting, Answer]], owner: Guard) -> None:
        ops: list[Put | Delete] = []
        guards = [owner]
        for waiting, answer in some:
            done = self._done + waiting.key[len(self._tree) :]
            ops += [Delete(waiting.key), Put(done, encode_answer(answer), CallersLease(waiting.lease))]
            guards.append(Guard(waiting.key, waiting.revision, "create"))
            if waiting.intent.fence:
                guards.append(waiting.intent.fence)
        await self._kv.commit(ops, guards=guards)

    async def _answer_one(self, one: tuple[Waiting, Answer], owner: Guard) -> None:
        try:
            await self._answer([one], owner)
        except (Outrun, LeaseLost):  # the caller is gone, or has lost its right: what it put may go, if it is ours
            guards = [owner, Guard(one[0].key, one[0].revision, "create")]
            try:
                await self._kv.commit([Delete(one[0].key)], guards=guards)
            except Outrun:
                return
