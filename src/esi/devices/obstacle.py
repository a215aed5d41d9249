"""What keeps an owner waiting for its device, told to whoever waits once it has lasted: in this process, and by the
owner's key in etcd in all others. One word when it begins and one when it is over, none per try.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from esi.clock import Clock
from esi.devices.line import Line
from esi.devices.ownership import Ownership
from esi.errors import Busy
from esi.tasks import Tasks

LASTING_SECONDS, LATE_SECONDS = 0.5, 1.5
"""What keeps us waiting for longer is told to whoever waits; and that an answer is late."""


class Obstacle:
    """Of one device. `words` say what it is, "" when nothing stands in the way."""

    def __init__(self, ip: str, clock: Clock, line: Line, ownership: Ownership) -> None:
        self._ip = ip
        self._clock = clock
        self._line = line
        self._ownership = ownership
        self._since: float | None = None
        self.words = ""

    @asynccontextmanager
    async def awaited(self) -> AsyncIterator[None]:
        """A device that does not answer in time is told of while we still wait for it."""

        async def late() -> None:
            await self._clock.sleep(LATE_SECONDS)
            await self.stands()

        began, self._since = self._since, self._since or self._clock.now()
        async with Tasks(f"device {self._ip}", on_error=lambda name, error: None) as tasks:
            tasks.start("late", late())
            yield
        self._since = began

    async def stands(self, words: str = "") -> None:
        """`words` keep us waiting; without any the device does not answer. Told once it has lasted."""
        now = self._clock.now()
        self._since = self._since or now
        if now - self._since >= LASTING_SECONDS:
            since = datetime.fromtimestamp(self._since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            words = words or f"{self._ip} does not answer since {since}"
            self.tell(words)
            await self._ownership.publish(words)

    async def is_gone(self) -> None:
        """Nothing keeps us waiting any more."""
        self._since = None
        self.tell("")
        await self._ownership.publish("")

    def tell(self, words: str) -> None:
        """Let those know who wait in this process."""
        self.words = words
        for waiting in self._line.own:
            waiting.hear(words)


def locked(error: Busy) -> str:
    """`locked by session PID of user USER since …`, as far as the device says so."""
    pid, user, since = (str(error.details.get(name) or "") for name in ("pid", "user", "since"))
    if not pid and not user:
        return "not to be locked now"
    by = f"session {pid}" if pid else "a session"
    return f"locked by {by}{f' of user {user}' if user else ''}{f' since {since}' if since else ''}"


def holder(error: Busy) -> str:
    """`held by USER since …`, where the device says so."""
    user, since = error.details.get("user"), error.details.get("since")
    return f"held by {user}{f' since {since}' if since else ''}" if user else ""
