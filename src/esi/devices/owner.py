"""The owner of one device, and its cycle:

    take all that waits → lock → am I still the owner? → discard → load each intent → diff → commit → unlock

Load error: that intent is rejected with the device's words; discard, load the others again. Commit error: the error's
path names the culprit; without one the batch is halved with checks, not with commits. Reply lost: a new session looks
for the batch in the commit log: there, all is done; not there, send again. Never guess. An empty diff is not committed.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from esi.clock import Clock
from esi.devices.batch import culprits, overlapping, take
from esi.drivers import Address, Driver, Intent, IntentResult, Session
from esi.errors import Busy, EsiError, LeaseLost, Outrun, Rejected, TemporaryError, TimedOut, Unreachable
from esi.kv import KV, Guard, Put
from esi.model.keys import device_key
from esi.work.lease import ProcessLease

MAX_TRIES = 8
"""After so many refused commits of one batch its intents go one by one."""

FIRST_BACK_OFF, LAST_BACK_OFF = 0.2, 15.0


@dataclass(eq=False, slots=True)
class Waiting:
    """An intent in the queue. `since` is monotonic time of arrival."""

    intent: Intent
    answer: asyncio.Future[IntentResult]
    since: float


class Owner:
    """Runs one device. `submit` from any task; `run` until idle or cancelled."""

    def __init__(self, ip: str, kv: KV, driver: Driver, lease: ProcessLease, *, clock: Clock) -> None:
        self._ip = ip
        self._kv = kv
        self._driver = driver
        self._lease = lease
        self._clock = clock
        self._queue: list[Waiting] = []
        self._wake = asyncio.Event()
        self._session: Session | None = None
        self._address: Address | None = None
        self._revision = 0

    async def submit(self, intent: Intent) -> IntentResult:
        waiting = Waiting(intent, asyncio.get_running_loop().create_future(), self._clock.monotonic())
        self._queue.append(waiting)
        self._wake.set()
        try:
            return await waiting.answer
        finally:
            if waiting in self._queue:
                self._queue.remove(waiting)

    async def run(self, *, idle: float) -> None:
        """Serve until nothing has come for `idle` seconds."""
        back_off = FIRST_BACK_OFF
        try:
            while await self._something_waits(idle):
                try:
                    await self._serve()
                    back_off = FIRST_BACK_OFF
                except TemporaryError as error:
                    await self._drop_session()
                    self._refuse_overdue(error)
                    await self._clock.sleep(error.after or back_off)
                    back_off = min(back_off * 2, LAST_BACK_OFF)
        finally:
            await self._drop_session()

    def abandon(self) -> None:
        """Answer whatever still waits: nobody serves it any more. The callers come again."""
        for waiting in self._queue:
            if not waiting.answer.done():
                waiting.answer.set_exception(Busy(f"the owner of {self._ip} has stopped"))
        self._queue.clear()

    async def _something_waits(self, idle: float) -> bool:
        if not self._queue:
            self._wake.clear()
            try:
                async with asyncio.timeout(idle):
                    await self._wake.wait()
            except TimeoutError:
                return bool(self._queue)
        return True

    def _refuse_overdue(self, error: TemporaryError) -> None:
        """Intents whose lock time is over get what kept them waiting; the caller decides how long to insist."""
        now = self._clock.monotonic()
        for waiting in list(self._queue):
            if now - waiting.since > waiting.intent.lock_timeout and not waiting.answer.done():
                self._queue.remove(waiting)
                waiting.answer.set_exception(error)

    async def _serve(self) -> None:
        """One batch, from lock to unlock. What is answered leaves the queue; what is not waits for the next try."""
        address = self._queue[0].intent.address
        session = await self._open(address)
        await session.lock()
        try:
            await self._prove_ownership()
            same = [waiting for waiting in self._queue if waiting.intent.address == address]
            chosen = set(map(id, take([waiting.intent for waiting in same])))
            batch = [waiting for waiting in same if id(waiting.intent) in chosen]
            try:
                await self._commit_all(session, batch)
            except Rejected as error:  # not of an intent, but of the cycle itself: nobody of this batch can be served
                for waiting in batch:
                    self._answer(waiting, error)
        finally:
            if self._session is session:
                await session.unlock()

    async def _open(self, address: Address) -> Session:
        if self._session is not None and self._address != address:
            await self._drop_session()
        if self._session is None:
            await self._become_owner()
            try:
                self._session = await self._driver.open(address)
            except EsiError as error:
                if not error.retry:
                    self._refuse(address, error)
                    raise Busy(f"{self._ip}: no session") from error
                raise
            self._address = address
        return self._session

    def _refuse(self, address: Address, error: EsiError) -> None:
        """No session will ever open with this address: whoever asked with it is told so."""
        for waiting in list(self._queue):
            if waiting.intent.address == address:
                self._answer(waiting, error)

    async def _become_owner(self) -> None:
        """Take the device's key, or find that it is ours already: its value names the lease of our process."""
        key = device_key(self._ip)
        lease = await self._lease.current()
        mine = str(lease.id).encode()
        entry = await self._kv.get(key)
        if entry is not None and entry.value == mine:
            self._revision = entry.create_revision
            return
        try:
            self._revision = await self._kv.commit([Put(key, mine, lease)], guards=[Guard.absent(key)])
        except Outrun as error:
            raise Busy(f"{self._ip} is owned by another worker", after=1.0) from error

    async def _prove_ownership(self) -> None:
        """Read the owner key after the lock: a paused owner that wakes up here finds that it is none any more."""
        entry = await self._kv.get(device_key(self._ip))
        if entry is None or entry.create_revision != self._revision:
            self._revision = 0
            raise LeaseLost(f"{self._ip} has another owner")

    async def _commit_all(self, session: Session, batch: list[Waiting]) -> None:
        tries = 0
        while batch:
            batch = [waiting for waiting in batch if not waiting.answer.done()]
            batch, diff = await self._load(session, batch)
            if not batch:
                await session.discard()
                return
            if not diff:
                self._done(batch, "", "")
                return
            name = secrets.token_hex(4)
            try:
                await session.commit(comment=f"esi {name} {self._revision}")
            except Rejected as error:
                tries += 1
                batch = await self._without_culprit(session, batch, error, tries)
            except (Unreachable, TimedOut):
                await self._find_in_log(batch, name, diff)
                return
            else:
                self._done(batch, name, diff)
                return

    async def _load(self, session: Session, batch: list[Waiting]) -> tuple[list[Waiting], str]:
        """Load every intent, pipelined, and read the diff. Refused intents are answered, the others loaded again."""
        while batch:
            answers = await asyncio.gather(
                session.discard(),
                *(session.load(waiting.intent.edits) for waiting in batch),
                session.diff(),
                return_exceptions=True,
            )
            loads = list(zip(batch, answers[1:-1], strict=True))
            for error in answers:
                if isinstance(error, BaseException) and not isinstance(error, Rejected):
                    raise error
            refused = [waiting for waiting, error in loads if isinstance(error, Rejected)]
            if not refused:
                diff = answers[-1]
                if isinstance(diff, BaseException):
                    raise diff
                return batch, str(diff)
            for waiting, error in loads:
                if isinstance(error, Rejected):
                    self._answer(waiting, _at_load(error))
            batch = [waiting for waiting in batch if waiting not in refused]
        return [], ""

    async def _without_culprit(
        self, session: Session, batch: list[Waiting], error: Rejected, tries: int
    ) -> list[Waiting]:
        """Answer whoever made the device refuse, and those that build on its paths; the rest goes again."""
        by_intent = {id(waiting.intent): waiting for waiting in batch}
        found = culprits([waiting.intent for waiting in batch], str(error.details.get("path", "")))
        if len(batch) == 1:
            guilty = batch
        elif len(found) == 1:
            guilty = [by_intent[id(found[0])]]
        else:
            suspects = [by_intent[id(intent)] for intent in found] or batch
            guilty = [await self._suspect(session, suspects[:1] if tries > MAX_TRIES else suspects, batch)]
        later = [waiting.intent for waiting in batch[batch.index(guilty[0]) + 1 :]]
        guilty = guilty + [by_intent[id(intent)] for intent in overlapping(guilty[0].intent, later)]
        for waiting in guilty:
            self._answer(waiting, error)
        return [waiting for waiting in batch if waiting not in guilty]

    async def _suspect(self, session: Session, suspects: list[Waiting], batch: list[Waiting]) -> Waiting:
        """The first intent without which the device would accept what stands before it: halving, with checks only."""
        while len(suspects) > 1:
            half = suspects[: len(suspects) // 2]
            end = batch.index(half[-1]) + 1
            suspects = suspects[len(half) :] if await self._accepted(session, batch[:end]) else half
        return suspects[0]

    async def _accepted(self, session: Session, part: Sequence[Waiting]) -> bool:
        try:
            await asyncio.gather(session.discard(), *(session.load(waiting.intent.edits) for waiting in part))
            await session.check()
        except Rejected:
            return False
        return True

    async def _find_in_log(self, batch: list[Waiting], name: str, diff: str) -> None:
        """The commit's reply is lost. Its batch stands in the device's commit log, or it never happened."""
        address = self._address
        await self._drop_session()
        if address is None:
            return
        session = await self._open(address)
        if any(f"esi {name} " in record.comment + " " for record in await session.history()):
            self._done(batch, name, diff)

    def _done(self, batch: Sequence[Waiting], name: str, diff: str) -> None:
        for waiting in batch:
            self._answer(waiting, IntentResult(waiting.intent.id, name, diff))

    def _answer(self, waiting: Waiting, answer: IntentResult | EsiError) -> None:
        if waiting in self._queue:
            self._queue.remove(waiting)
        if waiting.answer.done():
            return
        if isinstance(answer, IntentResult):
            waiting.answer.set_result(answer)
        else:
            waiting.answer.set_exception(answer)

    async def _drop_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            try:
                await session.close()
            except EsiError:
                return


def _at_load(error: Rejected) -> Rejected:
    """The same refusal, marked: the device did not even take it into its candidate."""
    facts = {name: value for name, value in error.details.items() if name not in ("who", "words")}
    return Rejected(error.who, error.words, **{**facts, "stage": "load"})
