"""docs/howto/add-a-service.md: each command of the page, on the ring that the page starts, does what the page says."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import pytest

from e2e.processes import ENVIRONMENT, esi
from scenarios.added_service import blocks, examples, fits, write_services

FREE = ("--port", "0", "--agent-port", "0", "--heat-port", "0")


async def run(words: list[str], url: str) -> tuple[int, str, str]:
    environment = {**ENVIRONMENT, "GOHAN_ENDPOINT_URL": url, "COLUMNS": "200"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *words, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=environment
    )
    out, errors = await process.communicate()
    return process.returncode or 0, out.decode(), errors.decode()


async def test_each_command_of_the_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_services(tmp_path)
    monkeypatch.chdir(tmp_path)
    (start, _), *commands = examples()
    diff = [line.strip() for line in blocks("text")[-1].splitlines()]
    async with esi(*start[1:], *FREE) as (_, facts):
        for words, lines in commands:
            code, out, errors = await run(words, facts["api"])
            assert (code == 0) == (lines == []), (words, out, errors)
            said = errors.splitlines()
            assert len(said) >= len(lines), (words, errors)
            assert all(map(fits, lines, said)), (words, errors)
            if words[1] == "trace":
                assert said_by_routers(out, diff) == [diff, diff], "both routers say it"


def said_by_routers(out: str, diff: list[str]) -> list[list[str]]:
    """What stands in a trace where it begins as `diff` does."""
    traced = [line.strip() for line in out.splitlines()]
    return [traced[n : n + len(diff)] for n, line in enumerate(traced) if line == diff[0]]
