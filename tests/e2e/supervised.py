"""A service manager in small, for tests: what systemd gives a process it starts, and what it hears from it.

Listening sockets on descriptors from 3 on, LISTEN_* with the process's own number, NOTIFY_SOCKET, WATCHDOG_USEC.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from e2e.processes import ENVIRONMENT, PATIENCE_SECONDS
from esi.tether import tethered

STARTER = """
import json, os, sys
count, command = int(sys.argv[1]), sys.argv[3:]
os.environ.update(json.loads(sys.argv[2]))
for number in range(count):
    os.dup2(100 + number, 3 + number)
if count:
    os.environ["LISTEN_PID"] = str(os.getpid())
os.execvpe(command[0], command, os.environ)
"""
"""Becomes the command, so that its number is that of LISTEN_PID. Settings in the environment come as an argument: what
tethers a process keeps them from it."""


class Supervised:
    """One process at a time, with sockets that outlive it. `heard` are the lines of its datagrams, oldest first."""

    def __init__(self, command: Sequence[str], sockets: Mapping[str, socket.socket] | None = None) -> None:
        self.command = list(command)
        self.sockets = dict(sockets or {})
        self.environment: dict[str, str] = {}
        self.heard: list[str] = []
        self.watchdog_seconds = 0.0
        self._news = asyncio.Event()
        self._stack = ExitStack()
        self.log = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Supervised:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="esi-notify-"))
        self._path = str(Path(folder) / "notify")
        self._ear = self._stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self._ear.setblocking(False)
        self._ear.bind(self._path)
        asyncio.get_running_loop().add_reader(self._ear, self._hear)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        asyncio.get_running_loop().remove_reader(self._ear)
        self._stack.close()

    def _hear(self) -> None:
        self.heard += self._ear.recv(4096).decode().splitlines()
        self._news.set()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it, and return when it has said that it is ready."""
        self.begin()
        await self.says("READY=1")

    def begin(self) -> None:
        self.heard.clear()
        with ExitStack() as copies:
            passed = []
            for number, one in enumerate(self.sockets.values()):
                os.dup2(one.fileno(), 100 + number)
                copies.callback(os.close, 100 + number)
                passed.append(100 + number)
            told = {"NOTIFY_SOCKET": self._path}
            if passed:
                told |= {"LISTEN_FDS": str(len(passed)), "LISTEN_FDNAMES": ":".join(self.sockets)}
            if self.watchdog_seconds:
                told["WATCHDOG_USEC"] = str(int(self.watchdog_seconds * 1e6))
            starter = [sys.executable, "-c", STARTER, str(len(passed)), json.dumps(self.environment), *self.command]
            self._process = subprocess.Popen(
                tethered(starter),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self.log,
                pass_fds=passed,
                env={**ENVIRONMENT, **told},
            )

    async def says(self, line: str) -> None:
        """Wait until the process has said this; its end before that fails the test with its log."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while line not in self.heard:
                self._news.clear()
                try:
                    async with asyncio.timeout(0.5):
                        await self._news.wait()
                except TimeoutError:
                    assert self._process is not None
                    assert self._process.poll() is None, self.said()

    def said(self) -> str:
        """Its log."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    async def stop(self) -> int:
        """Tell it to end, wait until it has; its exit code."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.terminate()
        try:
            return await asyncio.to_thread(process.wait, PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)
            raise


def open_door() -> socket.socket:
    """A listening socket on a free port, as a manager opens it before the process is there."""
    door = socket.create_server(("127.0.0.1", 0), backlog=1024)
    door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return door
