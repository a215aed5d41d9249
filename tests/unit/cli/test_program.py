"""The tree of commands: help, codes, what is loaded when."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from esi import __version__
from esi.bootstrap.run import PARTS
from esi.cli import program as tree
from esi.cli import serve
from esi.cli.program import COMMANDS, exit_code
from esi.errors import Busy, Invalid, Rejected, SettingsError, Unreachable
from unit.cli.calling import Program
from unit.client.server import Api

ROOT = Path(__file__).resolve().parents[3]


def _walk(command: click.Command, path: tuple[str, ...], parent: click.Context | None) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group) and not getattr(command, "from_server", False):
        context = click.Context(command, parent, path[-1] if path else "esi", resilient_parsing=True)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _walk(child, (*path, name), context)


PATHS = list(_walk(tree.program, (), None))


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_command_has_help_and_most_an_example(program: Program, path: tuple[str, ...]) -> None:
    called = program(*path, "--help")
    assert called.code == 0
    assert called.out.startswith("Usage: esi")
    assert "Examples:" in called.out or "Commands:" in called.out


def test_help_lines_are_the_commands_own() -> None:
    for name, (_, line) in COMMANDS.items():
        command = tree.program.get_command(click.Context(tree.program), name)
        assert command is not None
        assert command.help is not None
        assert command.help.splitlines()[0].startswith(line.removesuffix(".")), name


def test_the_reference_page_is_current() -> None:
    page = ROOT / "docs" / "reference" / "cli.md"
    # by a process of its own: a command that was called alone before keeps the help that it had then
    words = [sys.executable, "-m", "esi.cli.reference"]
    made = subprocess.run(words, capture_output=True, check=True, text=True).stdout
    assert page.read_text() == made, f"python -m esi.cli.reference > {page}"


def test_rooms_are_bootstraps_parts() -> None:
    assert set(serve.ALL) == set(PARTS)
    assert set(serve.API) | set(serve.WORKER) | {
        *("etcd", "lab", "agent"),
        *("keystone", "orchestration", "neutron"),
    } == set(PARTS)


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        (("--help",), ("rich", "aiohttp", "yaml", "grpc", "asyncssh", "sqlalchemy", "esi.settings", "esi.environment")),
        (("dev", "--help"), ("aiohttp", "grpc", "asyncssh", "sqlalchemy")),
        (("demo", "vpn", "--help"), ("grpc", "asyncssh", "sqlalchemy")),
    ],
)
def test_help_loads_little(words: tuple[str, ...], heavy: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom esi.cli.program import run\n"
        f"code = run({list(words)!r})\n"
        f"print('LOADED', [name for name in {list(heavy)!r} if name in sys.modules])\nsys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT / "src")
    assert "LOADED []" in done.stdout


def test_the_module_is_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "esi", "--version"], capture_output=True, text=True, check=True, cwd=ROOT / "src"
    )
    assert __version__ in done.stdout


def test_unknown_commands_and_missing_ones_are_2(program: Program) -> None:
    assert program("dance").code == 2
    assert program("room").code == 2
    assert program("room", "kitchen").code == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Invalid("no"), 1),
        (Rejected("10.0.0.1", "no"), 1),
        (Busy("not now"), 1),
        (SettingsError("wrong"), 2),
        (Unreachable("nobody there"), 3),
    ],
)
def test_codes_of_errors(error: Exception, code: int) -> None:
    assert isinstance(error, Invalid | Rejected | Busy | SettingsError | Unreachable)
    assert exit_code(error) == code


def test_a_ring_that_cannot_work_says_so_before_it_starts(program: Program) -> None:
    called = program("room", "jobs")
    assert called.code == 2
    assert "no etcd" in called.err
    assert called.out == ""


def test_a_stack_that_is_not_there_is_answered_with_where_to_look(program: Program, api: Api) -> None:
    called = program("stack", "show", "nobody", "--set", f"orchestration.url={api.url}")
    assert called.code == 4
    assert called.err.splitlines()[1] == "  `esi stack list` lists those that stand"


def test_ready_lines_are_shell_lines() -> None:
    from esi.settings import Settings

    facts = {"api": "http://127.0.0.1:9091", "etcd": "127.0.0.1:2379", "lab.r1": "127.0.0.1:830"}
    lines = serve.ready_lines(serve.ALL, facts, Settings(), 1.234)
    assert lines[0].startswith("ready in 1.2 s")
    assert "export GOHAN_ENDPOINT_URL=http://127.0.0.1:9091 GOHAN_SCHEMA_URL=/gohan/v0.1/schemas" in lines
    assert "export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=127.0.0.1:2379" in lines
    assert any(line.startswith("ssh -p 830 esi@127.0.0.1 -s netconf") for line in lines)
    only_lab = serve.ready_lines(("lab",), {"lab.r1": "127.0.0.1:830"}, Settings(), 1.0)
    assert not any("GOHAN" in line or "ETCDCTL" in line for line in only_lab)
