"""The demo as a user runs it: real processes, real etcd, real NETCONF; and nothing left behind, whatever happens."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from esi.cli.demo import vpn
from esi.cli.demo.children import ChildFailed, Children
from esi.cli.demo.expectations import in_clear

pytestmark = pytest.mark.real

SOURCE = Path(__file__).resolve().parents[2] / "src"
DEMO_SECONDS = 60.0  # on a machine that is busy with other tests


@pytest.fixture(autouse=True)
def _programs(require: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    require("etcd")
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))


@asynccontextmanager
async def demo(folder: Path, *arguments: str, story: str = "vpn") -> AsyncIterator[Process]:
    """`python -m esi demo STORY`, killed at the end if it still runs."""
    command = [sys.executable, "-m", "esi", "demo", story, "--folder", str(folder), *arguments]
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def running(folder: Path) -> list[str]:
    """The command lines of processes that work in this folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line and " demo " not in line:
            found.append(line)
    return found


async def until_none_runs(folder: Path) -> None:
    """The kernel ends the children of a killed process soon, not at once."""
    async with asyncio.timeout(10):
        while running(folder):
            await asyncio.sleep(0.02)


async def until_line(process: Process, words: str) -> list[str]:
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(DEMO_SECONDS):
        while not lines or words not in lines[-1]:
            raw = await process.stdout.readline()
            assert raw, "\n".join(lines)
            lines.append(raw.decode().rstrip())
    return lines


@pytest.mark.parametrize("flow", ["2017", "2018"])
async def test_the_story_holds(flow: str, tmp_path: Path, report: Callable[[str], None]) -> None:
    folder, file, page = tmp_path / "ring", tmp_path / "facts.json", tmp_path / "new" / "page.html"
    async with (
        demo(folder, "--flow", flow, "--json", str(file), "--html", str(page)) as process,
        asyncio.timeout(DEMO_SECONDS),
    ):
        out, errors = (part.decode() for part in await process.communicate())
    assert process.returncode == 0, out + errors
    assert errors == ""
    facts: dict[str, Any] = json.loads(file.read_text())
    assert facts["ok"] is True
    assert facts["flow"] == flow
    assert all(item["held"] for item in facts["expectations"])
    assert len(facts["expectations"]) >= 11  # those about etcd come with etcdctl
    interface = facts["shown"]["vpn_interface"]["vpn_interface"]
    assert interface["status"] == "ACTIVE"
    assert facts["shown"]["vpn_gateway"]["vpn_gateway"]["connected_vpn_interface"] == interface["id"]
    for name, (_, lines) in vpn.CHANGES.items():
        assert [in_clear(line) for line in facts["changes"][name]] == lines
        printed = [in_clear(line) for line in out.splitlines()]
        start = printed.index(next(line for line in printed if line.startswith(f"{name} "))) + 1
        assert printed[start : start + len(lines)] == lines
    assert f"gohan client vpn_interface show --output-format json {interface['id']}" in out
    assert f"as a page: {page}" in out
    _is_the_page_of(html.document_fromstring(page.read_text("utf-8")), facts)
    assert running(folder) == []
    took = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in facts["seconds"].items())
    report(f"demo vpn, flow {flow}: {took}")


async def test_the_load_balancers_story_holds(tmp_path: Path, report: Callable[[str], None]) -> None:
    folder, file, page = tmp_path / "ring", tmp_path / "facts.json", tmp_path / "page.html"
    words = ("--flow", "2018", "--json", str(file), "--html", str(page))
    async with demo(folder, *words, story="load-balancer") as process, asyncio.timeout(DEMO_SECONDS):
        out, errors = (part.decode() for part in await process.communicate())
    assert (process.returncode, errors) == (0, ""), out + errors
    facts: dict[str, Any] = json.loads(file.read_text())
    assert facts["ok"] is True
    assert all(item["held"] for item in facts["expectations"])
    assert len(facts["expectations"]) >= 30
    assert facts["left"]["servers"] == []
    assert "vnf_instance" in page.read_text("utf-8")
    assert running(folder) == []
    took = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in facts["seconds"].items())
    report(f"demo load-balancer, flow 2018: {took}")


def _is_the_page_of(page: Any, facts: dict[str, Any]) -> None:
    """Every recorded message has its place; secrets have none."""
    assert len(page.xpath("//details[@class='message']")) >= len(facts["trace"]["messages"])
    text = page.text_content()
    assert vpn.PASSWORD not in text
    assert vpn.INTERFACE_REQUEST["name"] in text
    for _, lines in vpn.CHANGES.values():
        assert [line for line in lines if "authentication-key" not in line and line not in text] == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_ended_while_it_starts_it_leaves_nothing(how: signal.Signals, tmp_path: Path) -> None:
    folder = tmp_path / "ring"
    async with demo(folder) as process:
        async with asyncio.timeout(DEMO_SECONDS):
            while not running(folder):
                await asyncio.sleep(0.02)
        process.send_signal(how)
        async with asyncio.timeout(DEMO_SECONDS):
            _, errors = await process.communicate()
    assert process.returncode == 130
    assert errors.decode().strip() == "interrupted"
    assert running(folder) == []


async def test_a_kept_ring_ends_with_its_parent(tmp_path: Path) -> None:
    folder = tmp_path / "ring"
    async with demo(folder, "--keep") as process:
        lines = await until_line(process, "Ctrl-C ends it all")
        assert any("export GOHAN_ENDPOINT_URL=" in line for line in lines)
        assert len(running(folder)) >= 5  # etcd's own process too
        process.kill()
        async with asyncio.timeout(DEMO_SECONDS):
            await process.communicate()
    await until_none_runs(folder)


async def test_what_does_not_hold_fails_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An etcdctl that shows an old version of the gateway; settings in the environment change nothing."""
    folder, file = tmp_path / "ring", tmp_path / "facts.json"
    key, value = (
        base64.b64encode(text.encode()).decode()
        for text in (f"/config/v2.0/vpn_gateways/{vpn.GATEWAY}", '{"version": 1, "body": "{}"}')
    )
    program = tmp_path / "bin" / "etcdctl"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '{json.dumps({'kvs': [{'key': key, 'value': value}]})}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("ESI_API__PORT", "not a port")
    async with demo(folder, "--json", str(file)) as process, asyncio.timeout(DEMO_SECONDS):
        out, errors = (part.decode() for part in await process.communicate())
    assert process.returncode == 1, out + errors
    assert "NOT   etcd has version 2 of /config/v2.0/vpn_gateways" in out
    assert "1 instead of 2" in out
    assert "held  the gateway is shown as recorded, ACTIVE" in out
    assert "Everything held" not in out
    facts = json.loads(file.read_text())
    assert facts["ok"] is False
    assert running(folder) == []


async def test_a_story_that_cannot_begin_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, file = tmp_path / "ring", tmp_path / "facts.json"
    program = tmp_path / "bin" / "etcd"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'no space left on device' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    async with demo(folder, "--json", str(file)) as process, asyncio.timeout(DEMO_SECONDS):
        out, errors = (part.decode() for part in await process.communicate())
    assert process.returncode == 1, out + errors
    assert "`esi etcd` ended with code 1" in out
    assert "no space left on device" in out
    assert json.loads(file.read_text())["ok"] is False
    assert running(folder) == []


async def test_the_lines_of_dev_work_in_a_shell(tmp_path: Path, require: Callable[[str], Path]) -> None:
    """What `esi dev` prints is typed into a shell as it stands; after Ctrl-C it starts again with its data."""
    folder = tmp_path / "ring"
    for program in ("bash", "curl", "etcdctl"):
        require(program)
    made = f"gohan client tenant create --id {vpn.TENANT}"
    for extra in (made, "true"):
        command = [sys.executable, "-m", "esi", "dev", "--folder", str(folder), "--port", "0", "--heat-port", "0"]
        process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
        try:
            lines = await until_line(process, "Ctrl-C ends it")
            typed = [line for line in lines if line.startswith(("export ", "gohan ", "curl ", "etcdctl "))]
            words = ["export", "export", "gohan", "curl", "etcdctl", "export", "export"]
            assert [line.split()[0] for line in typed] == words
            last = "gohan client tenant list --output-format json"
            shell = f'set -e\ngohan() {{ "{sys.executable}" -m esi "$@"; }}\n' + "\n".join([*typed, extra, last])
            bash = await asyncio.create_subprocess_exec(
                "bash", "-c", shell, stdin=DEVNULL, stdout=PIPE, stderr=PIPE,
                env={**os.environ, "GOHAN_CACHE_PATH": str(tmp_path / "schemas.json")},
            )  # fmt: skip
            out, errors = (part.decode() for part in await bash.communicate())
            assert bash.returncode == 0, errors
            assert '"vpn_gateways": []' in out
            assert "/config/v2.0/heat_templates/vpn_gateway" in out
            assert vpn.TENANT in out.partition('"tenants": [')[2]
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(DEMO_SECONDS):
                await process.communicate()
            assert process.returncode == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
        await until_none_runs(folder)


async def test_a_process_that_does_not_come_up_is_named_with_its_words(tmp_path: Path) -> None:
    async with Children(tmp_path) as children:
        with pytest.raises(ChildFailed, match=r"(?s)`esi lab` ended with code 2.*lab\.ports"):
            await children.serve("lab", "--folder", str(tmp_path / "ring"), "--lab-ports", "1,2,3")


async def test_a_process_that_ends_in_the_middle_fails_the_story(tmp_path: Path) -> None:
    async with Children(tmp_path) as children:
        await children.serve("etcd", "--folder", str(tmp_path / "ring"))
        assert children.ended() == []
        (line,) = [line for line in _pids(tmp_path / "ring") if "-m esi etcd" in line[1]]
        os.kill(line[0], signal.SIGKILL)
        async with asyncio.timeout(10):
            while not children.ended():
                await asyncio.sleep(0.02)
        assert children.ended() == ["etcd"]
    await until_none_runs(tmp_path / "ring")


def _pids(folder: Path) -> list[tuple[int, str]]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        if str(folder) in line:
            found.append((int(file.parent.name), line))
    return found


async def test_short_commands_get_their_variables_and_tell_code_and_words(tmp_path: Path) -> None:
    async with Children(tmp_path) as children:
        code, out = await children.run(["sh", "-c", "echo $WORD; exit 7"], environment={"WORD": "a b"})
    assert (code, out) == (7, "a b\n")
