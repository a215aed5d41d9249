"""Who waits for a change of a resource: woken after the commit of a transaction that touched it, by its ref.

It is a hint within one process. What another process has written is not told here, so whoever waits also looks again
by itself from time to time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from esi.model.resource import Ref


class Changes:
    """The events of those who wait, by what they wait for."""

    def __init__(self) -> None:
        self._waiting: dict[Ref, set[asyncio.Event]] = {}
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
        for ref in refs if self._waiting else ():
            for event in self._waiting.get(ref, ()):
                event.set()

    def end(self) -> None:
        """Nobody shall wait any longer: the API ends."""
        self.ended = True
        self.tell(list(self._waiting))
