"""One device, as one process serves it. Who owns the device talks to it, whoever does not hands its intents over:

    is it ours? → yes: open a session, write its id down → lock → still ours? → take what waits → cycle → unlock
                → no:  put what waits into etcd, and wait until it is answered, or the owner's key vanishes

Lock denied: held by the session of an earlier owner, that session is ended; held by a stranger, everybody waits, and
the stranger is named. Reply lost: a new session looks for the batch in the commit log: there, all is done; not there,
send again. Never guess.

While others wait, those who are served hear it when the next commit is on its way, and not before: what they do then
would delay it, and a device that commits is the time for that. A device that is faster than the ring is left alone for
a moment after a batch of several, so that the next one is as large (`pause`).

Where the inventory wants confirmed commits, every commit ends its session, and the next one confirms it: that it opened
is the proof that the device can still be reached. Whoever dies in between leaves the device to go back by itself.
"""

from __future__ import annotations

import asyncio

from esi.devices.batch import pause, take
from esi.devices.cycle import Cycle, Unsettled
from esi.devices.exchange import Exchange
from esi.devices.line import Line, Waiting
from esi.devices.means import Means
from esi.devices.obstacle import Obstacle, holder, locked
from esi.devices.ownership import AT_ONCE, Ownership
from esi.devices.telling import Telling
from esi.drivers import Address, Intent, IntentResult, Session
from esi.errors import Broken, Busy, EsiError, LeaseLost, Rejected, TemporaryError
from esi.kv import holds
from esi.tasks import Tasks

FIRST_BACK_OFF, LAST_BACK_OFF = 0.2, 15.0

HEAD_START_SECONDS = 0.25  # the served hear at the latest then, on its way or not
LOOK_SECONDS = 10.0  # so often whoever waits for another owner looks whether there still is one: a net under the watch


class Owner:
    """Runs one device. `submit` from any task; `run` until idle or cancelled. `held` says what keeps us waiting."""

    def __init__(self, ip: str, means: Means) -> None:
        self._ip = ip
        self._means = means
        self._clock = means.clock
        self._line = Line()
        self._wake = asyncio.Event()
        self._exchange = Exchange(ip, means, self._line, self._wake)
        self._ownership = Ownership(ip, means)
        self._telling = Telling(ip, means.recorder, means.clock)
        self._session: Session | None = None
        self._address: Address | None = None
        self._unsettled: Unsettled | None = None
        self._called = False
        self._obstacle = Obstacle(ip, means.clock, self._line, self._ownership)

    @property
    def held(self) -> str:
        return self._obstacle.words

    async def submit(self, intent: Intent) -> IntentResult:
        waiting = Waiting(intent, self._clock.monotonic())
        if self._session is not None and self._means.driver is not None:
            self._means.driver.prepare(self._ip, intent.edits)  # now, while the device is busy with others
        self._line.join(waiting)
        waiting.hear(self.held)
        self._wake.set()
        try:
            await waiting.answered.wait()
        finally:
            if waiting in self._line:
                self._line.leave(waiting)
                self._exchange.withdraw(waiting)
                self._wake.set()
        if isinstance(waiting.result, IntentResult):
            return waiting.result
        raise waiting.result or Busy(f"{self._ip}: no answer")

    def call(self) -> None:
        """Intents of others stand in etcd, and nobody owns the device: take it."""
        self._called = True
        self._wake.set()

    async def run(self, *, idle: float) -> None:
        """Serve until nothing has come for `idle` seconds; then let others have the device."""
        back_off = FIRST_BACK_OFF
        async with Tasks(f"device {self._ip}") as tasks:
            tasks.start("exchange", self._exchange.mirror.run())
            try:
                while await self._something_waits(idle):
                    try:
                        await self._turn()
                        back_off = FIRST_BACK_OFF
                    except TemporaryError as error:
                        await self._drop_session()
                        self._refuse_overdue(error)
                        self._line.tell()
                        await self._clock.sleep(error.after or back_off)
                        back_off = min(back_off * 2, LAST_BACK_OFF)
            finally:
                self._line.tell()
                await self._drop_session()
            await self._ownership.give_up()

    def abandon(self) -> None:
        """Answer whatever still waits: nobody serves it any more. The callers come again."""
        for waiting in self._line:
            waiting.answer(Busy(f"the owner of {self._ip} has stopped"))
            self._line.leave(waiting)
        self._line.tell()

    async def _something_waits(self, idle: float) -> bool:
        self._wake.clear()
        if not self._line and not self._exchange.busy and not self._called:
            try:
                async with asyncio.timeout(idle):
                    await self._wake.wait()
            except TimeoutError:
                return bool(self._line)
        return True

    def _refuse_overdue(self, error: TemporaryError) -> None:
        """Intents whose lock time is over get what kept them waiting; the caller decides how long to insist."""
        now = self._clock.monotonic()
        for waiting in self._line:
            if now - waiting.since > waiting.intent.lock_timeout:
                self._answer(waiting, error)

    async def _turn(self) -> None:
        """Bring what waits one step on."""
        self._wake.clear()
        await self._exchange.tidy()
        if self._session is None and not await self._ours():
            self._called = False
            await self._hand_over()
            return
        self._called = False
        await self._exchange.deliver(self._ownership.guard)  # what was refused while the device could not be had
        began, count = self._clock.monotonic(), len(self._line)
        if count:
            await self._serve()
        rest = pause(count, self._clock.monotonic() - began)
        if self._line and not rest:
            asyncio.get_running_loop().call_later(HEAD_START_SECONDS, self._line.tell)
        else:
            self._line.tell()
        await self._exchange.deliver(self._ownership.guard)
        await self._exchange.tidy()
        if rest:
            await self._clock.sleep(rest)

    async def _ours(self) -> bool:
        """Whether we own the device, now that we have asked. Then the intents of others are ours, too."""
        if await self._ownership.take():
            self._exchange.adopt()
            return True
        self._exchange.dismiss()
        return False

    async def _hand_over(self) -> None:
        """Put what waits where the device's owner finds it, and wait for news. Nothing is missed: what is heard from
        now on is newer than what was asked."""
        self._obstacle.tell(self._exchange.held)
        synced = self._exchange.mirror.synced
        complete = synced.is_set()
        await self._exchange.put(self._ownership.other)
        if not complete:
            await synced.wait()
        elif self._line:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                return

    async def _serve(self) -> None:
        """One batch, from lock to unlock. What is answered leaves the line; what is not waits for the next try."""
        address = next(iter(self._line)).intent.address
        session = await self._open(address)
        await self._lock(session, address)
        self._telling.begin()
        try:
            await self._under_lock(session, address)
        except EsiError:  # whoever is cancelled hangs up instead, which gives the lock back, too
            await self._unlock(session)
            raise
        finally:
            self._telling.end()
        if not self._line:
            self._line.tell()
        await self._unlock(session)

    async def _under_lock(self, session: Session, address: Address) -> None:
        await self._ownership.prove()  # before a batch is chosen: what was taken back meanwhile is heard by then
        await self._refuse_stale()
        cycle = Cycle(self._ip, session, self._ownership.revision, self._answer, self._line.tell)
        try:
            if self._unsettled is not None or session.confirm_within is not None:
                await self._settle(cycle)
            await self._obstacle.is_gone()
            await cycle.run(self._batch(address))
        except Unsettled as unsettled:
            self._unsettled = unsettled
            await self._drop_session()
        except Rejected as error:  # not of an intent, but of the cycle itself: nobody of this batch can be served
            for waiting in self._batch(address):
                self._answer(waiting, error)

    async def _settle(self, cycle: Cycle) -> None:
        try:
            await cycle.settle(self._unsettled)
        except Busy as error:
            await self._obstacle.stands(error.message)
            raise
        self._unsettled = None

    def _batch(self, address: Address) -> list[Waiting]:
        """What goes into the next commit."""
        same = [waiting for waiting in self._line if waiting.intent.address == address]
        chosen = set(map(id, take([waiting.intent for waiting in same])))
        return [waiting for waiting in same if id(waiting.intent) in chosen]

    async def _unlock(self, session: Session) -> None:
        if self._session is session:
            await session.unlock()

    async def _open(self, address: Address) -> Session:
        if self._session is not None and self._address != address:
            await self._drop_session()
        if self._session is None:
            if not await self._ours():
                raise LeaseLost(f"{self._ip} has another owner", after=AT_ONCE)
            if self._means.driver is None:
                raise Broken(f"a process without a driver owns {self._ip}")
            try:
                async with self._obstacle.awaited():
                    self._session = await self._means.driver.open(address)
            except EsiError as error:
                if not error.retry:
                    self._refuse(address, error)
                    raise Busy(f"{self._ip}: no session") from error
                await self._obstacle.stands()
                raise
            self._address = address
            await self._ownership.record(self._session.session_id)
        return self._session

    def _refuse(self, address: Address, error: EsiError) -> None:
        """No session will ever open with this address: whoever asked with it is told so."""
        for waiting in self._line:
            if waiting.intent.address == address:
                self._answer(waiting, error)

    async def _lock(self, session: Session, address: Address) -> None:
        """Take the device's lock, from an earlier owner's session if need be. Busy: a stranger has it, who is named."""
        try:
            async with self._obstacle.awaited():
                await session.lock()
        except Busy as error:
            if not await self._ended(session, address, error):
                await self._obstacle.stands(f"router {self._ip} is {locked(error)}")
                if not (by := holder(error)):
                    raise
                raise Busy(f"{self._ip} is {by}: {error.message}", **error.details) from error
            await session.lock()
        except TemporaryError:
            await self._obstacle.stands()
            raise

    async def _ended(self, session: Session, address: Address, denied: Busy) -> bool:
        """Whether it was an earlier owner's session that holds the lock, and we, who own the device, have ended it."""
        pid, user = str(denied.details.get("pid") or ""), denied.details.get("user") or address.username
        if pid not in self._ownership.earlier or user != address.username:
            return False
        await self._ownership.prove()
        try:
            await session.kill(pid)
        except Rejected:
            return False
        return True

    async def _refuse_stale(self) -> None:
        """A process that has lost its lease once may have intents whose right has ended: another went on with them."""
        fenced = [waiting for waiting in self._line.own if waiting.intent.fence]
        if self._means.lease.made < 2 or not fenced:
            return
        kv = self._means.kv
        held = await asyncio.gather(*(holds(kv, waiting.intent.fence) for waiting in fenced if waiting.intent.fence))
        for waiting, good in zip(fenced, held, strict=True):
            if not good:
                self._answer(waiting, LeaseLost(f"{self._ip}: the right to ask for {waiting.intent.id} has ended"))

    def _answer(self, waiting: Waiting, answer: IntentResult | EsiError) -> None:
        if waiting not in self._line:
            return
        self._line.serve(waiting, answer)
        self._telling.note(waiting.intent, answer)
        if waiting.foreign:
            self._exchange.owe(waiting, answer)
        else:
            self._exchange.withdraw(waiting)

    async def _drop_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            try:
                await session.close()
            except EsiError:
                return
