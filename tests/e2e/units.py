"""A host in small, for tests of deploy/: its folders under one root, and its units started as systemd would.

What a unit says of its command, environment, credentials, sockets and notification is done; what it says of sandboxing
is judged by systemd's own programs instead. Text of a file may be replaced when it is installed: addresses and folders.
"""

from __future__ import annotations

import shlex
import shutil
import socket
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from e2e.supervised import Supervised

ESI = "/opt/esi/bin/esi"
Unit = dict[str, list[str]]


def parse_unit(text: str) -> Unit:
    """All settings of all sections; a name may stand more than once."""
    found: Unit = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name.strip(), []).append(value.strip())
    return found


class Host:
    """`root` stands for /; `replaced` makes of a file's text what it is on this host."""

    def __init__(self, root: Path, replaced: Callable[[str], str]) -> None:
        self.root = root
        self.running: dict[str, Supervised] = {}
        self._sockets: dict[str, socket.socket] = {}
        self._replaced = replaced
        self._stack = AsyncExitStack()

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def install(self, source: Path, target: str, *, mode: int = 0o640) -> Path:
        """A file, with its text replaced."""
        file = self.path(target)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._replaced(source.read_text()))
        file.chmod(mode)
        return file

    def _unit(self, name: str) -> Unit:
        """With its drop-ins."""
        folder = self.path("/etc/systemd/system")
        files = [folder / name, *sorted((folder / f"{name}.d").glob("*.conf"))]
        return parse_unit("\n".join(file.read_text() for file in files))

    async def enable(self, name: str) -> None:
        """`systemctl enable --now`."""
        if name.endswith(".socket"):
            self.listen(name)
        elif name.endswith(".service"):
            await self.start(name)

    def listen(self, name: str) -> None:
        unit = self._unit(name)
        (where,) = unit["ListenStream"]
        host, _, port = where.rpartition(":")
        (called,) = unit["FileDescriptorName"]
        door = socket.create_server((host, int(port)), backlog=int(unit["Backlog"][0]))
        self._stack.callback(door.close)
        self._sockets[name] = door
        self._sockets[called] = door

    async def start(self, name: str) -> None:
        unit = self._unit(name)
        sockets = {self._unit(one)["FileDescriptorName"][0]: self._sockets[one] for one in unit.get("Sockets", [])}
        service = Supervised(self._command(unit), sockets)
        service.environment = self._environment(name, unit)
        service.watchdog_seconds = float(unit["WatchdogSec"][0])
        await self._stack.enter_async_context(service)
        self.running[name] = service
        self.path("/var/lib/esi").mkdir(parents=True, exist_ok=True)  # StateDirectory=
        await service.start()

    def _command(self, unit: Unit) -> list[str]:
        words = shlex.split(unit["ExecStart"][0])
        assert words[0] == ESI
        return [sys.executable, "-m", "esi", *(self._here(word) for word in words[1:])]

    def _here(self, word: str) -> str:
        return str(self.path(word)) if word.startswith(("/etc/", "/var/")) else word

    def _environment(self, name: str, unit: Unit) -> dict[str, str]:
        found: dict[str, str] = {}
        credentials = self.path(f"/run/credentials/{name}")
        for pair in unit.get("LoadCredential", []):
            called, _, source = pair.partition(":")
            credentials.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.path(source), credentials / called)
        for pair in unit.get("Environment", []):
            key, _, value = pair.partition("=")
            found[key] = value.replace("%d", str(credentials))
        for file in unit.get("EnvironmentFile", []):
            there = self.path(file.removeprefix("-"))
            assert there.exists() or file.startswith("-")
            found |= parse_environment(there) if there.exists() else {}
        return found

    async def restart(self, name: str) -> None:
        assert await self.running[name].stop() == 0, self.running[name].said()
        await self.running[name].start()

    async def close(self) -> None:
        await self._stack.aclose()


def parse_environment(file: Path) -> dict[str, str]:
    """As EnvironmentFile= reads it: NAME=value lines."""
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}
