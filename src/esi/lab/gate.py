"""What stands between a client and a router that works: the faults of connections and replies.

Switches that a lab turns; nothing here decides by itself. `before` and `after` are awaited around each request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal, Protocol

from esi.errors import Unreachable

Drop = Literal["", "before-commit", "before-reply", "after-reply"]

WARNING = "statement has no contents; ignored"


class Dropped(Unreachable):
    """The connection is cut now, without a word more."""


class Client(Protocol):
    """A session as the gate sees it."""

    number: int

    def close(self) -> None: ...


class Gate:
    """The switches of one router. A `drop` or `malformed` that has `times` switches itself off after so many."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.unreachable = False
        self.drop: Drop = ""
        self.malformed = False
        self.warnings = False
        self.times: dict[str, int] = {}
        self.off_until = float("-inf")
        self.cutters: list[Callable[[], None]] = []
        self.openers: list[Callable[[], None]] = []
        self._answering = asyncio.Event()
        self._answering.set()

    @property
    def silent(self) -> bool:
        """Requests are taken and not answered."""
        return not self._answering.is_set()

    @silent.setter
    def silent(self, value: bool) -> None:
        if value:
            self._answering.clear()
        else:
            self._answering.set()

    def powered(self, now: float) -> bool:
        """Whether the router runs: it does not while it reboots. `now` in monotonic seconds."""
        return now >= self.off_until

    def reachable(self, now: float) -> bool:
        """Whether anything gets through to the router."""
        return not self.unreachable and self.powered(now)

    def cut(self) -> None:
        """Cut the connections that stand."""
        for cut in self.cutters:
            cut()

    def open(self) -> None:
        """Let in who has waited outside."""
        for let_in in self.openers:
            let_in()

    async def before(self, client: Client, verb: str) -> None:
        """A request has come. Waits while the router is silent; raises Dropped when the session is to be lost."""
        if not self._answering.is_set():
            await self._answering.wait()
        if verb == "commit" and self.drop == "before-commit":
            self._lose(client)

    async def after(self, client: Client, verb: str, reply: bytes = b"") -> bytes:
        """The request has been done. Gives the reply that goes out; raises Dropped when none does."""
        if verb == "commit" and self.drop == "before-reply":
            self._lose(client)
        if verb == "commit" and self.drop == "after-reply":
            self._spend("drop")
            client.close()
        if self.malformed and verb not in ("close-session", "kill-session"):
            self._spend("malformed")
            return reply[: len(reply) * 2 // 3].replace(b"</", b"<") + b"<routing-engine"
        return reply

    def _lose(self, client: Client) -> None:
        self._spend("drop")
        client.close()
        raise Dropped(f"{self.name}: the session {client.number} was cut")

    def _spend(self, switch: str) -> None:
        left = self.times.get(switch, 0) - 1
        if left > 0:
            self.times[switch] = left
        elif left == 0:
            del self.times[switch]
            if switch == "drop":
                self.drop = ""
            else:
                self.malformed = False
