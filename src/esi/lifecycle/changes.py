"""Who waits for a change of a resource: woken after the commit of a transaction that touched it, by its ref.

Who waits, waits in the API's process; a process that writes without it (the sync, where rooms run apart) tells it by a
hint. All of it is no more than that: whoever waits also looks again by itself from time to time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from esi.model.resource import Ref
from esi.store.wake import MOST_BYTES, Hints

ALL = b""
"""Said for many, and after something could not be said: whoever waits looks."""


class Changes:
    """The events of those who wait, by what they wait for. `others`: the way between processes, if there are any."""

    def __init__(self) -> None:
        self._waiting: dict[Ref, set[asyncio.Event]] = {}
        self._missed = False
        self.others: Hints | None = None
        self.ended = False

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    @contextmanager
    def watch(self, ref: Ref) -> Iterator[asyncio.Event]:
        """An event that is set whenever the resource has changed; who waits clears it."""
        event = asyncio.Event()
        events = self._waiting.setdefault(ref, set())
        events.add(event)
        try:
            yield event
        finally:
            events.discard(event)
            if not events:
                self._waiting.pop(ref, None)

    def tell(self, refs: Iterable[Ref]) -> None:
        """Wake those who wait for one of these, here and elsewhere."""
        touched = list(refs)
        self._wake(touched)
        if touched and self.others is not None:
            words = b"\n".join(f"{ref.schema} {ref.id}".encode() for ref in touched)
            self._missed = not self.others.send(ALL if self._missed or len(words) > MOST_BYTES else words)

    def begin(self) -> None:
        """They may wait, and are woken by other processes, too: the API runs here."""
        self.ended = False
        if self.others is not None:
            self.others.listen(self._heard)

    def end(self) -> None:
        """Nobody shall wait any longer: the API ends."""
        self.ended = True
        self._wake(list(self._waiting))

    def _heard(self, words: bytes) -> None:
        told = [Ref(*line.split(" ", 1)) for line in words.decode().splitlines() if " " in line]
        self._wake(told if words != ALL else list(self._waiting))

    def _wake(self, refs: Iterable[Ref]) -> None:
        for ref in refs if self._waiting else ():
            for event in self._waiting.get(ref, ()):
                event.set()
