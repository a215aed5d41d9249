"""What we tell the service manager that started us, one datagram each: READY=1, STOPPING=1, WATCHDOG=1.

The sign of life comes from the event loop itself: a loop that hangs sends none, and the manager restarts us. Without
NOTIFY_SOCKET nobody asked, and nothing is sent. That the manager cannot be reached is no reason to fail.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

from esi.clock import Clock

log = logging.getLogger(__name__)


class Notifier:
    """`told` are the variables of the environment. `watchdog`: seconds between signs of life; 0: none are wanted."""

    def __init__(self, told: Mapping[str, str]) -> None:
        path = told.get("NOTIFY_SOCKET", "")
        self._address = f"\0{path[1:]}" if path.startswith("@") else path
        micros = told.get("WATCHDOG_USEC", "")
        ours = told.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog = int(micros) / 2e6 if self._address and ours and micros.isdecimal() else 0.0
        self._out: socket.socket | None = None

    def tell(self, *words: str) -> None:
        """Lines such as READY=1. Never waits, never raises."""
        if not self._address:
            return
        if self._out is None:
            self._out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._out.setblocking(False)
        try:
            self._out.sendto("\n".join(words).encode(), self._address)
        except OSError as error:
            log.warning("the service manager cannot be told %s: %s", words[0], error.strerror)

    async def live(self, clock: Clock) -> None:
        """Give signs of life, twice as often as they are waited for, until cancelled."""
        while self.watchdog:
            self.tell("WATCHDOG=1")
            await clock.sleep(self.watchdog)

    def close(self) -> None:
        if self._out is not None:
            self._out.close()
