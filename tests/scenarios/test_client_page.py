"""docs/client.md: each example runs against a real API with a ring's rows, and says what the page says it says."""

from __future__ import annotations

import asyncio
import re
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from esi.cli.program import run
from scenarios.served import TOKENS, served, stage

pytestmark = pytest.mark.xdist_group("bad input")
PAGE = Path(__file__).parents[2] / "docs" / "client.md"


def examples() -> list[tuple[list[str], list[str]]]:
    """The words of each example, and the lines that it prints."""
    found: list[tuple[list[str], list[str]]] = []
    for block in re.findall(r"^```console\n(.+?)^```", PAGE.read_text(), re.M | re.S):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((shlex.split(line[2:]), []))
            else:
                found[-1][1].append(line)
    return found


@contextmanager
def in_a_thread(folder: Path) -> Iterator[str]:
    """The URL of an API whose loop is another one than that of the commands."""
    begin, ready, told = stage(), threading.Event(), list[str]()
    loop = asyncio.new_event_loop()
    ending = asyncio.Event()

    async def serve() -> None:
        async with served(folder, begin) as url:
            told.append(url)
            ready.set()
            await ending.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(30)
        yield told[0]
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join()
        loop.close()


def test_each_example_does_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with in_a_thread(tmp_path) as url:
        for name, value in (
            ("GOHAN_ENDPOINT_URL", url), ("OS_TOKEN", TOKENS["root"]), ("GOHAN_CACHE_PATH", str(tmp_path / "kept"))
        ):  # fmt: skip
            monkeypatch.setenv(name, value)
        for words, lines in examples():
            code = run(words[1:], name=words[0])
            out, err = capsys.readouterr()
            assert (code == 0) == (lines == []), f"{words}: {out}{err}"
            assert err.splitlines()[: len(lines)] == lines, words
            assert lines or out, f"{words} prints something"
