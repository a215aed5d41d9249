"""Who waits for a device, in the order in which they are served: intents of this process, and of others while we own
the device. No I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from esi.drivers import Intent, IntentResult
from esi.errors import EsiError


@dataclass(eq=False, slots=True)
class Waiting:
    """One intent. `since` is monotonic time of arrival. `key` is where it stands in etcd ("": nowhere), `revision` the
    revision at which it was put there (0: not known), `lease` the caller's when it is of another process.
    """

    intent: Intent
    since: float
    key: str = ""
    revision: int = 0
    lease: int = 0
    heard: str | None = None
    stands_for: list[Waiting] = field(default_factory=list)
    result: IntentResult | EsiError | None = None
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def foreign(self) -> bool:
        """Whether it is of another process."""
        return self.lease != 0

    def hear(self, held: str) -> None:
        """Tell its caller what keeps it waiting; the same is told once."""
        if held != self.heard and self.intent.held is not None:
            self.heard = held
            self.intent.held(held)

    def decide(self, result: IntentResult | EsiError) -> None:
        """The first answer counts. Its caller hears it with `answered`."""
        if self.result is None:
            self.result = result

    def answer(self, result: IntentResult | EsiError) -> None:
        self.decide(result)
        self.answered.set()


class Line:
    """The queue of one device in one process."""

    def __init__(self) -> None:
        self._waiting: dict[Waiting, None] = {}
        self._by_key: dict[str, Waiting] = {}
        self._served: list[Waiting] = []

    def __iter__(self) -> Iterator[Waiting]:
        """A copy: the line may change while somebody reads it."""
        return iter(list(self._waiting))

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, waiting: Waiting) -> bool:
        return waiting in self._waiting

    def at(self, key: str) -> Waiting | None:
        """Who waits with this key in etcd."""
        return self._by_key.get(key)

    @property
    def own(self) -> list[Waiting]:
        return [waiting for waiting in self._waiting if not waiting.foreign]

    def join(self, waiting: Waiting) -> None:
        """At the end; one that stands in etcd before those that were put there later."""
        place = (waiting.revision, waiting.key)
        later = [one for one in self._waiting if one.revision and (one.revision, one.key) > place] if place[0] else []
        self._waiting[waiting] = None
        for one in later:
            del self._waiting[one]
            self._waiting[one] = None
        if waiting.key:
            self._by_key[waiting.key] = waiting

    def stands_at(self, waiting: Waiting, key: str, revision: int = 0) -> None:
        """It has been put into etcd; `key` "" takes that back."""
        self._by_key.pop(waiting.key, None)
        waiting.key, waiting.revision = key, revision
        if key:
            self._by_key[key] = waiting

    def leave(self, waiting: Waiting) -> None:
        """Served, or given up. Absent is nothing."""
        self._waiting.pop(waiting, None)
        if self._by_key.get(waiting.key) is waiting:
            del self._by_key[waiting.key]

    def serve(self, waiting: Waiting, answer: IntentResult | EsiError) -> None:
        """It is answered; its caller hears so with `tell`."""
        self.leave(waiting)
        waiting.decide(answer)
        self._served.append(waiting)

    def tell(self) -> None:
        for waiting in self._served:
            waiting.answered.set()
        self._served.clear()

    def dismiss_foreign(self) -> None:
        """We do not own the device any more: the intents of others stand in etcd for whoever does."""
        for waiting in self:
            if waiting.foreign:
                self.leave(waiting)
