"""What all tests share: backends that may be missing, leaked tasks, lines for the end of the run. Nothing clever.

A test that needs a program asks `require("etcd")`: without it the test is skipped with the reason, and fails where
ESI_REQUIRE (names, comma separated) promises it. Leaked sockets and files are warnings, and warnings are errors.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import jars
import pytest
from hypothesis import settings

from esi.bootstrap.run import settle
from esi.errors import Unsupported
from esi.kv.child import find_etcd
from esi.testing.etcd import required
from esi.testing.kafka import Broker, running_kafka
from esi.testing.openstack import Keystone, running_keystone
from esi.testing.postgresql import Server, find_postgresql, running_postgresql

ROOT = Path(__file__).resolve().parent.parent
OPENSTACK = ROOT / ".venv-openstack" / "bin"
PEERS = ROOT / ".venv-peers" / "bin"
NOVA = ROOT / ".venv-nova" / "bin"
RECORDED = ROOT.parent / "shared" / "spec" / "cases"
settings.register_profile("esi", deadline=None)  # a busy machine is slow, not wrong
settings.load_profile("esi")

REAL_FOLDERS = ("conformance", "e2e", "chaos")

Require = Callable[[str], Path]
Report = Callable[[str], None]


def find(name: str) -> Path | None:
    """Where a backend is, or None. Names: etcd, heat, kafka (its jars), keystone, openstack (its clients), postgresql,
    recorded, else a program on PATH.
    """
    if name == "recorded":
        return RECORDED if RECORDED.is_dir() else None
    if name == "openstack":  # its clients have an environment of their own; the way to their programs
        return OPENSTACK if (OPENSTACK / name).exists() else None
    if name == "nova":
        return NOVA / "python" if (NOVA / "nova-manage").exists() and find("mariadbd") else None
    if name in ("heat", "keystone"):  # the Python that has them
        return PEERS / "python" if (PEERS / f"{name}-manage").exists() else None
    if name == "kafka":
        return jars.folder() if jars.folder().is_dir() and shutil.which("java") else None
    if name == "postgresql":
        return find_postgresql()
    if name == "etcd":
        try:
            return find_etcd()[0]
        except Unsupported:
            return None
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    return Path(found) if found else None


@pytest.fixture(scope="session")
def require() -> Require:
    """`require(name)` gives the backend's path, skips the test, or fails it where the name must be there."""

    def look(name: str) -> Path:
        found = find(name)
        if found is None and required(name):
            pytest.fail(f"{name} is not here, and ESI_REQUIRE names it")
        if found is None:
            pytest.skip(f"{name} is not here")
        return found

    return look


@pytest.fixture(scope="session")
def postgresql(require: Require) -> Iterator[Server]:
    """One server for all tests; each takes databases of its own."""
    with running_postgresql(require("postgresql")) as server:
        yield server


@pytest.fixture(scope="session")
def kafka(require: Require) -> Iterator[Broker]:
    """One broker for all tests; each takes topics of its own."""
    with running_kafka(require("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session")
def keystone(require: Require) -> Iterator[Keystone]:
    """One Keystone of OpenStack's for all tests."""
    python = require("keystone")
    with running_keystone(python, python.parent.parent / "keystone-snapshot") as server:
        yield server


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """`report(line)` prints the line at the end of the run, from whichever worker process."""

    def keep(line: str) -> None:
        request.node.user_properties.append(("report", line))

    return keep


@pytest.fixture
async def no_leaked_tasks(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Every coroutine test gets this: when it and its fixtures have ended, no task of theirs runs. What a test with
    programs forgot to close is found at its own end, not in the next test.
    """
    before = asyncio.all_tasks()
    yield
    if request.node.get_closest_marker("xdist_group"):
        gc.collect()
    for _ in range(10):  # transports close one turn after they are told to
        left = asyncio.all_tasks() - before - {asyncio.current_task()}
        if not left:
            return
        await asyncio.sleep(0)
    pytest.fail(f"leaked tasks: {', '.join(sorted(map(repr, left)))}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if inspect.iscoroutinefunction(getattr(item, "function", None)):
            names: list[str] = getattr(item, "fixturenames", [])
            if "no_leaked_tasks" not in names:
                names.insert(0, "no_leaked_tasks")
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        if folder in REAL_FOLDERS or item.get_closest_marker("real"):
            item.add_marker(pytest.mark.xdist_group("real"))  # one after the other: they start programs


def pytest_collection_finish() -> None:
    settle()  # as a ring does when it is ready: what was collected stays


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [kept for group in terminalreporter.stats.values() for kept in group if hasattr(kept, "user_properties")]
    lines = dict.fromkeys(str(text) for kept in reports for name, text in kept.user_properties if name == "report")
    if lines:
        terminalreporter.section("reports")
        for line in sorted(lines):
            terminalreporter.write_line(line)
