"""Processes of a benchmark: each says in one JSON line that it is ready and where; all are ended by their pid.

A child dies with us, whatever happens (the starter asks the kernel for it), and hears nothing of the settings that this
shell may have in its environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from esi.client.resources import Client
from esi.clock import SystemClock
from esi.testing import chain
from esi.tether import end, tethered

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 120.0
PATIENCE_SECONDS = 300.0
LINE_BYTES = 64 << 20


class Children:
    """`async with Children(folder) as children`: whatever was started is ended, the youngest first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.pids: dict[str, int] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Children:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def start(self, name: str, *command: str | Path) -> dict[str, Any]:
        """Start a program that serves, and wait for its facts."""
        process = await self.launch(name, *command)
        line = await self._line(name, process)
        return dict(line.get("facts", line))

    async def esi(self, *arguments: str, name: str = "") -> dict[str, str]:
        """`esi …` with its facts."""
        return await self.start(name or arguments[0], sys.executable, "-m", "benchmarks.ring", *arguments, "--json")

    async def python(self, module: str, *arguments: str | Path) -> dict[str, Any]:
        """A program of this package that serves."""
        return await self.start(module, sys.executable, "-m", f"benchmarks.{module}", *arguments)

    async def result(self, module: str, *arguments: str | Path) -> dict[str, Any]:
        """Run a program of this package to its end; its last line is its result, in JSON."""
        return await self.outcome(module, sys.executable, "-m", f"benchmarks.{module}", *arguments)

    async def outcome(self, name: str, *command: str | Path) -> dict[str, Any]:
        process = await self.launch(name, *command)
        async with asyncio.timeout(PATIENCE_SECONDS):
            line = await self._line(name, process)
            await process.wait()
        return line

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    async def launch(self, name: str, *command: str | Path) -> Process:
        """Start a program that says nothing about itself."""
        here = ("env", "-u", "PYTHONDONTWRITEBYTECODE", f"PYTHONPATH={ROOT / 'src'}:{ROOT}")
        with self.log(name).open("ab") as words:
            process = await asyncio.create_subprocess_exec(
                *tethered((*here, *command)), stdin=DEVNULL, stdout=PIPE, stderr=words.fileno(), limit=LINE_BYTES
            )
        self.pids[name] = process.pid
        self._stack.push_async_callback(end, process, patience=15)
        return process

    async def _line(self, name: str, process: Process) -> dict[str, Any]:
        assert process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            while line := await process.stdout.readline():
                if line.startswith(b"{"):
                    found: dict[str, Any] = json.loads(line)
                    return found
        raise RuntimeError(f"{name} ended:\n{self.log(name).read_text(errors='replace')[-3000:]}")

    def busy(self) -> dict[str, float]:
        """Processor seconds that each has used so far, with all that it has started."""
        return {name: sum(map(cpu_seconds, descendants(pid))) for name, pid in self.pids.items()}

    def stop(self, name: str) -> None:
        """Ask one of ours to end now."""
        os.kill(self.pids.pop(name), 15)


def memory_mb(pid: int) -> float:
    """What a process alone accounts for: its proportional share of every page, in MB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(text.partition("\nPss:")[2].split()[0]) / 1024


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descendants(pid: int) -> list[int]:
    """The process and all that it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in descendants(int(child)))]


async def start_ring(
    children: Children, *, flow: str = "2017", lab: Sequence[str] = (), watched: bool = False, words: Sequence[str] = ()
) -> dict[str, str]:
    """etcd, lab, API, worker and, when `watched`, an agent: each a process; `words` go to all that run on etcd."""
    folder = ("--folder", str(children.folder))
    lab_ready = children.python("lab", children.folder, *lab) if lab else children.esi("lab", *folder)
    etcd, routers = await asyncio.gather(children.esi("etcd", *folder), lab_ready)
    where = (*folder, "--etcd", etcd["etcd"], "--flow", flow, *words)
    seen: tuple[str, ...] = ("--monitoring", "agent" if watched else "none")
    facts = etcd | routers | await children.esi("api", *where, *seen, "--port", "0")  # first: so the master is here
    if watched:
        facts |= await children.esi("agent", *where, "--agent-port", "0")
        seen = (*seen, "--agent-url", facts["agent"])
    await children.esi("worker", *where, *seen)
    return facts


async def make_chain(client: Client, wishes: Sequence[chain.Wish]) -> None:
    """Create what others refer to, each ACTIVE before the next."""
    for wish in wishes:
        await client.put(wish.schema, wish.id, wish.body)
        if wish.schema != "vpn_service":  # it has no status
            await client.wait(wish.schema, wish.id, at_most=PATIENCE_SECONDS)


def client_of(url: str, token: str = "") -> Client:
    return Client(url, token, clock=SystemClock())
