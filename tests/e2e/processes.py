"""Real processes for end-to-end tests: `esi …` with its facts, and the chain of a VPN asked for over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from esi.client.resources import Client
from esi.testing import chain
from esi.tether import tethered

SOURCE = Path(__file__).resolve().parents[2] / "src"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SOURCE)}
PATIENCE_SECONDS = 60.0


@asynccontextmanager
async def esi(*arguments: str) -> AsyncIterator[tuple[Process, dict[str, str]]]:
    """`esi …` with its facts once it is ready; ended, by its pid, at the end."""
    process = await asyncio.create_subprocess_exec(
        *tethered([sys.executable, "-m", "esi", *arguments, "--json"]),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env=ENVIRONMENT,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            line = await process.stdout.readline()
        if not line:
            assert process.stderr is not None
            raise AssertionError((await process.stderr.read()).decode())
        yield process, json.loads(line)["facts"]
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await process.communicate()
        except TimeoutError:
            process.kill()
            raise AssertionError(f"esi {' '.join(arguments)} did not end when it was told to") from None


def stand_still(child: int) -> None:
    """Stop a child of ours; returns when its last thread stands. Until then, 10 ms on a busy machine, it may answer."""
    os.kill(child, signal.SIGSTOP)
    os.waitid(os.P_PID, child, os.WSTOPPED | os.WNOWAIT)


async def make_chain(client: Client, wishes: list[chain.Wish]) -> None:
    for wish in wishes:
        await client.put(wish.schema, wish.id, wish.body)
        if wish.schema != "vpn_service":  # it has no status
            await client.wait(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
