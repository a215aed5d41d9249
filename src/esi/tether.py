"""Child processes that die with us, even when we are killed.

A starter of a few lines asks the kernel for SIGKILL at the death of its parent (PR_SET_PDEATHSIG is 1, and outlives
exec) and then becomes the command; a parent that died before the call is found out by getppid. A `preexec_fn` would do
it without the starter, but forks this process with all its threads.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from pathlib import Path

_STARTER = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
kept = {name: value for name, value in os.environ.items() if not (name.startswith("ESI_") and "__" in name)}
os.execvpe(sys.argv[2], sys.argv[2:], kept)
"""


def tethered(command: Sequence[str | Path]) -> list[str]:
    """What to start so that `command` runs, until its own end or ours. Settings in our environment do not reach it."""
    return [sys.executable, "-I", "-S", "-c", _STARTER, str(os.getpid()), *map(str, command)]


async def end(process: Process, *, patience: float) -> None:
    """Ask a child to end; kill it by its pid when it has not within `patience` seconds."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(patience):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
