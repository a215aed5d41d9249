"""Who did not answer lately: a silent device is asked by one caller after a pause that grows, and by nobody between.

Without this a dead router would cost every one of its targets a full timeout at every look. Whoever asks during the
pause gets the last error again, at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from esi.clock import Clock
from esi.errors import EsiError, Rejected, TemporaryError

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0


@dataclass(slots=True)
class _Silence:
    error: EsiError
    failures: int
    until: float
    asked: bool = False


class Reach:
    """`asking(who)` surrounds one exchange. A refused login counts as silence too: nobody likes to be asked again."""

    def __init__(self, clock: Clock, *, first: float = FIRST_PAUSE_SECONDS, longest: float = LONGEST_PAUSE_SECONDS):
        self._clock = clock
        self._first = first
        self._longest = longest
        self._silent: dict[Hashable, _Silence] = {}

    @asynccontextmanager
    async def asking(self, who: Hashable) -> AsyncIterator[None]:
        """Raises the last error of `who` while its pause lasts, or while somebody else finds out."""
        silence = self._silent.get(who)
        if silence is not None:
            if silence.asked:
                raise silence.error.with_traceback(None)
            self.check(who)
            silence.asked = True
        try:
            yield
        except (TemporaryError, Rejected) as error:
            if self._silent.get(who) is silence:  # else another one has found out meanwhile, and counted it
                self._failed(who, error, 1 if silence is None else silence.failures + 1)
            raise
        except BaseException:
            if silence is not None:
                silence.asked = False
            raise
        self._silent.pop(who, None)

    def check(self, who: Hashable) -> None:
        """Raises the last error of `who` while its pause lasts: for those that had to wait for their turn."""
        silence = self._silent.get(who)
        if silence is not None and self._clock.monotonic() < silence.until:
            raise silence.error.with_traceback(None)

    def _failed(self, who: Hashable, error: EsiError, failures: int) -> None:
        pause = min(self._longest, self._first * 2.0 ** min(failures - 1, 30))
        self._silent[who] = _Silence(error, failures, self._clock.monotonic() + pause)
