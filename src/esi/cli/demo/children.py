"""The child processes of a story: started, watched, their words kept, and ended whatever happens.

Every child is killed when this process dies, so that not even SIGKILL leaves one behind, and knows none of this shell's
settings: a story is the same everywhere. Each has a session of its own: Ctrl-C reaches only us, and we end them in
order. A child that serves says on standard output, in one JSON line, that it is ready and where; its standard
error goes to a file of its name in the ring's folder.
"""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from pathlib import Path

from esi.errors import EsiError
from esi.tether import end, tethered

READY_SECONDS = 60.0
STOP_SECONDS = 5.0


class ChildFailed(EsiError):
    """A child did not come up or ended; `tail` is the end of what it wrote."""

    code = "child_failed"

    def __init__(self, name: str, why: str, tail: str) -> None:
        super().__init__(f"`esi {name}` {why}\n{tail}".rstrip(), name=name)


class Children:
    """Use it as `async with Children(folder) as children`: at the end all are gone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._serving: dict[str, Process] = {}

    async def __aenter__(self) -> Children:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def serve(self, name: str, *arguments: str) -> dict[str, str]:
        """Start `esi NAME ...` and wait for its facts. ChildFailed when it ends first or takes too long. A name of
        several words is a command with rooms to run: `room api sync`.
        """
        with self.log(name).open("wb") as words:
            process = await _start([*ESI, *name.split(), *arguments, "--json"], stdout=PIPE, stderr=words.fileno())
        self._serving[name] = process
        assert process.stdout is not None
        try:
            async with asyncio.timeout(READY_SECONDS):
                line = await process.stdout.readline()
        except TimeoutError as error:
            raise ChildFailed(name, f"was not ready within {READY_SECONDS:g} s", self.tail(name)) from error
        if not line:
            raise ChildFailed(name, f"ended with code {await process.wait()}", self.tail(name))
        facts: dict[str, str] = json.loads(line)["facts"]
        return facts

    async def run(self, command: Sequence[str], *, environment: Mapping[str, str]) -> tuple[int, str]:
        """Run a short command to its end with these variables added: its code, and what it wrote."""
        added = [f"{name}={value}" for name, value in environment.items()]
        process = await _start(["env", *added, *command], stdout=PIPE, stderr=asyncio.subprocess.STDOUT)
        try:
            out, _ = await process.communicate()
        except asyncio.CancelledError:
            await end(process, patience=STOP_SECONDS)
            raise
        return process.returncode or 0, out.decode(errors="replace")

    def ended(self) -> list[str]:
        """The serving children that are no longer there."""
        return [name for name, process in self._serving.items() if process.returncode is not None]

    def log(self, name: str) -> Path:
        return self.folder / f"{name.replace(' ', '-')}.log"

    def tail(self, name: str, lines: int = 15) -> str:
        try:
            text = self.log(name).read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def logs(self) -> list[str]:
        return list(self._serving)

    async def close(self) -> None:
        """End all: those that use the others first, the store last."""
        serving, self._serving = self._serving, {}
        last = serving.pop("etcd", None)
        await asyncio.gather(*(end(process, patience=STOP_SECONDS) for process in serving.values()))
        if last is not None:
            await end(last, patience=STOP_SECONDS)


ESI = [sys.executable, "-m", "esi"]


def gohan() -> list[str]:
    """The `gohan` beside this Python; where it is not installed, this same program."""
    installed = Path(sys.executable).with_name("gohan")
    return [str(installed)] if installed.exists() else ESI


async def _start(command: Sequence[str], *, stdout: int, stderr: int) -> Process:
    return await asyncio.create_subprocess_exec(
        *tethered(command), stdin=DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True
    )
