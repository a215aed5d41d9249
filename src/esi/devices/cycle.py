"""One batch, from the locked device to the last answer:

    discard → load each intent → diff → commit (→ confirm, from another session)

Load error: that intent is rejected with the device's words; discard, load the others again. Commit error: the error's
path names the culprit; without one the batch is halved with checks, not with commits. An empty diff is not committed.
Of one resource only the newest version is sent; when the device takes it, the older ones are answered with it.

A commit whose reply is lost, and one that is still to be confirmed, leave the cycle as Unsettled. `settle` closes it in
a later session by what the device's commit log says: the comment `esi <batch> <owner>` stands on what stays, and
on nothing else; what is still to be confirmed says so behind it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from esi.devices.batch import culprits, overlapping, superseded
from esi.devices.line import Waiting
from esi.drivers import CommitRecord, IntentResult, Session
from esi.errors import Busy, EsiError, Rejected, TimedOut, Unreachable

log = logging.getLogger(__name__)

MAX_TRIES = 8
"""After so many refused commits of one batch its intents go one by one."""

Answer = Callable[[Waiting, IntentResult | EsiError], None]


UNCONFIRMED = " to be confirmed"
"""Stands in the commit log behind the name of a batch that does not stay yet."""


class Unsettled(Exception):
    """A commit of `batch`, named `name`, was sent, and it may stay or not. `comment` stands in the log if it stays."""

    def __init__(self, batch: list[Waiting], name: str, diff: str, comment: str) -> None:
        super().__init__(name)
        self.batch, self.name, self.diff, self.comment = batch, name, diff, comment
        self.warnings: tuple[str, ...] = ()

    def stays(self, log: Sequence[CommitRecord]) -> bool:
        """Whether the batch was committed for good. A confirmation counts only if it came right behind its commit."""
        comments = [record.comment for record in log]
        if self.comment not in comments:
            return False
        tentative = self.comment + UNCONFIRMED
        before = comments[comments.index(self.comment) + 1 :]
        return tentative not in before or before[0] == tentative


class Cycle:
    """Brings batches onto the device that `session` has locked. `revision` is the owner's, for the commit's comment;
    `sent` is called when a commit is on its way.
    """

    def __init__(self, ip: str, session: Session, revision: int, answer: Answer, sent: Callable[[], None]) -> None:
        self._ip = ip
        self._session = session
        self._revision = revision
        self._answer = answer
        self._sent = sent

    async def run(self, batch: list[Waiting]) -> None:
        """Returns when everybody of `batch` is answered. Raises Unsettled, or a TemporaryError for all that are not."""
        batch = _newest(batch)
        within = self._session.confirm_within
        tries = 0
        while batch:
            batch = [waiting for waiting in batch if waiting.result is None]
            batch, diff = await self._load(batch)
            if not batch:
                await self._session.discard()
                return
            if not diff:
                self.done(Unsettled(batch, "", "", ""))
                return
            name = secrets.token_hex(4)
            comment = f"esi {name} {self._revision}"
            unsettled = Unsettled(batch, name, diff, comment)
            try:
                tail = UNCONFIRMED if within is not None else ""
                asyncio.get_running_loop().call_soon(self._sent)
                warnings = await self._session.commit(comment=comment + tail, confirm_within=within)
                unsettled.warnings = self._warned(name, warnings)
            except Rejected as error:
                tries += 1
                batch = await self._without_culprit(batch, error, tries)
            except (Unreachable, TimedOut) as error:
                raise unsettled from error
            else:
                if within is not None:
                    raise unsettled
                self.done(unsettled)
                return

    def _warned(self, name: str, warnings: Sequence[str]) -> tuple[str, ...]:
        for words in warnings:
            log.warning("%s says beside ok of batch %s: %s", self._ip, name, words)
        return tuple(warnings)

    async def settle(self, unsettled: Unsettled | None) -> None:
        """In a session after that commit, under the lock: confirm it if it waits for that, answer its batch if it
        stays. Otherwise the device has gone back, or never did it: the batch goes again, since nothing is answered.

        Busy: somebody else's commit waits. Ours would confirm that too, so the device is left to go back.
        """
        session = self._session
        known = await session.history()
        waiting = known[0].comment if known and known[0].pending else None
        if unsettled is not None and waiting == unsettled.comment + UNCONFIRMED:
            unsettled.warnings += self._warned(unsettled.name, await session.commit(comment=unsettled.comment))
            known, waiting = await session.history(), None
        if unsettled is not None and unsettled.stays(known):
            self.done(unsettled)
        elif waiting is not None:
            raise Busy(f"{self._ip}: a commit waits there to be confirmed or undone", ip=self._ip)

    def done(self, settled: Unsettled) -> None:
        """The device holds all of its batch."""
        for waiting in settled.batch:
            answer = IntentResult(waiting.intent.id, settled.name, settled.diff, warnings=settled.warnings)
            self._answer(waiting, answer)
            for older in waiting.stands_for:
                self._answer(older, replace(answer, id=older.intent.id, superseded=True))

    async def _load(self, batch: list[Waiting]) -> tuple[list[Waiting], str]:
        """Load every intent, pipelined, and read the diff. Refused intents are answered, the others loaded again."""
        session = self._session
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

    async def _without_culprit(self, batch: list[Waiting], error: Rejected, tries: int) -> list[Waiting]:
        """Answer whoever made the device refuse, and those that build on its paths; the rest goes again."""
        by_intent = {id(waiting.intent): waiting for waiting in batch}
        found = culprits([waiting.intent for waiting in batch], str(error.details.get("path", "")))
        if len(batch) == 1:
            guilty = batch
        elif len(found) == 1:
            guilty = [by_intent[id(found[0])]]
        else:
            suspects = [by_intent[id(intent)] for intent in found] or batch
            guilty = [await self._suspect(suspects[:1] if tries > MAX_TRIES else suspects, batch)]
        later = [waiting.intent for waiting in batch[batch.index(guilty[0]) + 1 :]]
        guilty = guilty + [by_intent[id(intent)] for intent in overlapping(guilty[0].intent, later)]
        for waiting in guilty:
            self._answer(waiting, error)
        return [waiting for waiting in batch if waiting not in guilty]

    async def _suspect(self, suspects: list[Waiting], batch: list[Waiting]) -> Waiting:
        """The first intent without which the device would accept what stands before it: halving, with checks only."""
        while len(suspects) > 1:
            half = suspects[: len(suspects) // 2]
            end = batch.index(half[-1]) + 1
            suspects = suspects[len(half) :] if await self._accepted(batch[:end]) else half
        return suspects[0]

    async def _accepted(self, part: Sequence[Waiting]) -> bool:
        session = self._session
        try:
            await asyncio.gather(session.discard(), *(session.load(waiting.intent.edits) for waiting in part))
            await session.check()
        except Rejected:
            return False
        return True


def _newest(batch: list[Waiting]) -> list[Waiting]:
    """What is sent; each knows the older versions it stands for. When it is refused, they still wait."""
    for waiting in batch:
        waiting.stands_for = []
    older = superseded([waiting.intent for waiting in batch])
    for at, by in older.items():
        batch[by].stands_for.append(batch[at])
    return [waiting for at, waiting in enumerate(batch) if at not in older]


def _at_load(error: Rejected) -> Rejected:
    """The same refusal, marked: the device did not even take it into its candidate."""
    facts = {name: value for name, value in error.details.items() if name not in ("who", "words")}
    return Rejected(error.who, error.words, **{**facts, "stage": "load"})
