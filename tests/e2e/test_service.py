"""Processes as services: a restart that refuses nobody, an end that gives everything back, a loop that hangs is found.

Real processes, real sockets; the service manager is tests/e2e/supervised.py, and systemd's own rules are its rules.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from e2e.parted import parted_ring
from e2e.processes import PATIENCE_SECONDS, esi, stand_still
from e2e.supervised import Supervised, open_door
from e2e.test_failures import gateway
from e2e.test_kill import commits_of_ours
from esi.bootstrap.health import read_doors
from esi.clock import SystemClock
from esi.kv.etcd import EtcdKV
from esi.model import keys
from esi.testing import chain
from esi.testing.etcd import running_etcd

pytestmark = pytest.mark.real

ESI = [sys.executable, "-m", "esi"]
RESTARTS = 3


def router(caller: int, number: int) -> dict[str, Any]:
    """A body of its own for each request."""
    own = {"name": f"router-{caller}-{number}", "ip": f"10.{caller + 1}.{number // 250}.{number % 250 + 1}"}
    return {"edge_router": {**chain.prerequisites()[0].body, **own}}


@pytest.fixture(autouse=True)
def _programs(require: Callable[[str], Path]) -> None:
    require("etcd")


class Callers:
    """Threads that call the API without a pause: each request on a connection of its own, or all on one that is kept
    as long as the server does not say that it closes it. What goes wrong is kept in words.
    """

    def __init__(self, port: int, *, kept: bool) -> None:
        self._port = port
        self._kept = kept
        self._ended = threading.Event()
        self.answered = 0
        self.slowest = 0.0
        self.wrong: list[str] = []

    def run(self, caller: int) -> None:
        connection = self._connection()
        number = 0
        while not self._ended.is_set():
            number += 1
            body = json.dumps(router(caller, number))
            began = time.monotonic()
            try:
                connection.request("POST", "/v2.0/edge_routers", body)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 201:
                    self.wrong.append(f"{caller}-{number}: {answer.status}")
                if not self._kept or answer.getheader("connection") == "close":
                    connection.close()
                self.answered += 1
            except OSError as error:
                self.wrong.append(f"{caller}-{number}: {type(error).__name__}: {error}")
                connection.close()
                connection = self._connection()
            self.slowest = max(self.slowest, time.monotonic() - began)
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)

    def end(self) -> None:
        self._ended.set()


@pytest.mark.parametrize("kept", [False, True], ids=["a connection each", "connections kept"])
async def test_a_restart_of_the_api_under_a_steady_stream_refuses_nobody(
    kept: bool, tmp_path: Path, report: Callable[[str], None]
) -> None:
    with open_door() as door:
        callers = Callers(door.getsockname()[1], kept=kept)
        # `api` alone: what it hands to sync stays in the outbox, and needs no etcd here
        command = [*ESI, "room", "api", "--folder", str(tmp_path), "--set", "trace.on=false"]
        async with Supervised(command, {"api": door}) as api:
            await api.start()
            threads = [threading.Thread(target=callers.run, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            try:
                for _ in range(RESTARTS):
                    before = callers.answered
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        while callers.answered < before + 100 and not callers.wrong:
                            await asyncio.sleep(0.01)
                    assert await api.stop() == 0, api.said()
                    await api.start()
            finally:
                callers.end()
                for thread in threads:
                    await asyncio.to_thread(thread.join)
    kind = "kept" if kept else "new"
    report(
        f"restart of the API, {kind} connections: {callers.answered} requests over {RESTARTS} restarts, "
        f"{len(callers.wrong)} went wrong, the slowest took {callers.slowest:.1f} s"
    )
    assert callers.wrong == []


async def test_a_request_that_has_begun_is_answered_and_who_waits_is_told_at_once(tmp_path: Path) -> None:
    """A request whose body comes slowly is taken to its end; a long wait for a change ends with what there is."""
    with open_door() as door:
        port = door.getsockname()[1]
        async with Supervised([*ESI, "room", "api", "--folder", str(tmp_path)], {"api": door}) as api:
            await api.start()
            body = json.dumps(router(9, 9)).encode()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head = f"POST /v2.0/edge_routers HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body[:10])
            await writer.drain()
            idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", port)
            async with asyncio.timeout(PATIENCE_SECONDS):
                ask = b"GET /v2.0/edge_routers HTTP/1.1\r\nHost: x\r\n\r\n"
                idle_writer.write(ask)
                assert b" 200 " in await idle_reader.readline()
            stopping = asyncio.create_task(api.stop())
            await api.says("STOPPING=1")
            writer.write(body[10:])
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await reader.read()
                assert answer.startswith(b"HTTP/1.1 201"), answer
                assert await stopping == 0
                rest = await idle_reader.read()
                assert b"HTTP/1.1" not in rest, "nothing was asked, nothing is answered: only closed"
            for one in (writer, idle_writer):
                one.close()


async def test_a_socket_for_a_door_that_is_not_here_is_a_fault_that_names_both(tmp_path: Path) -> None:
    with open_door() as door:
        async with Supervised([*ESI, "room", "api", "--folder", str(tmp_path)], {"heat": door}) as api:
            api.begin()
            with pytest.raises(AssertionError, match="handed over for heat; this process serves health, api"):
                await api.says("READY=1")


async def test_a_port_that_somebody_else_has_is_told_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        async with Supervised([*ESI, "room", "api", "--folder", str(tmp_path), "--port", str(port)]) as api:
            api.begin()
            words = f"cannot listen on 127.0.0.1:{port}: Address already in use: end what has it .* another port"
            with pytest.raises(AssertionError, match=words):
                await api.says("READY=1")


async def test_a_loop_that_hangs_gives_no_sign_of_life(tmp_path: Path) -> None:
    """Stopped by a signal it stands still as a loop does that hangs: the manager hears nothing and restarts it."""
    api = Supervised([*ESI, "room", "api", "--folder", str(tmp_path)])
    api.watchdog_seconds = 0.2
    async with api:
        await api.start()
        await api.says("WATCHDOG=1")
        stand_still(api.pid)
        try:
            await asyncio.sleep(0.3)  # what was sent before has arrived
            api.heard.clear()
            await asyncio.sleep(1.0)
            assert api.heard == []
        finally:
            os.kill(api.pid, signal.SIGCONT)
        await api.says("WATCHDOG=1")


async def test_a_worker_that_is_told_to_end_gives_back_its_job_and_its_device_at_once(
    tmp_path: Path, report: Callable[[str], None]
) -> None:
    """Another worker has the job long before a lease would have ended; nothing is done twice."""
    wish = gateway(0)
    lease = 60
    async with (
        running_etcd(tmp_path / "etcd") as (child, _),
        parted_ring(tmp_path, [child.endpoint], lease_seconds=lease) as ring,
        AsyncExitStack() as stack,
    ):
        where = ("--etcd", child.endpoint, "--inventory", str(ring.inventory), "--flow", "2018")
        more = ("--monitoring", "none", "--set", f"worker.lease_seconds={lease}", "--folder", str(tmp_path))
        other, _ = await stack.enter_async_context(esi("room", "heat", "devices", "monitoring", *where, *more))
        stand_still(other.pid)  # so that it does not take the job first
        await ring.in_the_middle(wish, "create")
        since = (await ring.kv.list(keys.JOBS_WORKING)).revision
        other.send_signal(signal.SIGCONT)
        began = time.monotonic()
        ring.processes["worker"].terminate()
        await ring.until(keys.JOBS_WORKING, since, lambda event: event.kind == "put")
        taken = time.monotonic() - began
        await ring.processes["worker"].wait()
        ended = time.monotonic() - began
        assert ring.processes["worker"].returncode == 0
        await ring.over(wish, "create")
        over = time.monotonic() - began
        assert over < lease, "somebody waited for a lease that was not given back"
        commits = await commits_of_ours(ring.inventory)
        assert commits == {chain.PRIMARY_IP: 1, chain.SECONDARY_IP: 1}, "something was committed twice"
        report(
            f"a worker told to end inside a stack: another had its job after {taken:.2f} s, it was gone after "
            f"{ended:.2f} s, the service was ACTIVE after {over:.2f} s; leases last {lease} s"
        )


async def test_an_end_that_takes_too_long_is_cut_short(tmp_path: Path) -> None:
    """etcd stands still: what is held cannot be given back. The process ends within its time all the same."""
    async with running_etcd(tmp_path / "etcd") as (child, _):
        command = [*ESI, "room", "jobs", "--folder", str(tmp_path), "--etcd", child.endpoint]
        command += ["--set", "health.stop_seconds=1", "--set", "worker.lease_seconds=60"]
        async with Supervised(command) as jobs:
            await jobs.start()
            kv = EtcdKV([child.endpoint], clock=SystemClock())
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await kv.get(keys.MASTER) is None:
                    await asyncio.sleep(0.02)
            stand_still(child.pid)
            try:
                assert await jobs.stop() == 1
                assert "cut short" in jobs.said()
            finally:
                os.kill(child.pid, signal.SIGCONT)
                await kv.close()


async def test_one_that_is_told_to_end_before_it_is_ready_ends_too(tmp_path: Path) -> None:
    """A database that takes the connection and says nothing: nobody can wait for it for ever."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://esi@127.0.0.1:{silent.getsockname()[1]}/esi"
        command = [*ESI, "room", "api", "--folder", str(tmp_path), "--port", "0"]
        command += ["--set", "health.stop_seconds=1", "--set", f"database.url={url}"]
        async with Supervised(command) as api:
            api.begin()
            there, _ = await asyncio.to_thread(silent.accept)
            with there:
                assert await api.stop() == 1
                assert "cut short" in api.said()


async def test_what_a_library_leaves_to_the_end_of_the_interpreter_is_cut_short_too(tmp_path: Path) -> None:
    hangs = "import atexit, time; atexit.register(time.sleep, 600); from esi.cli import main; main()"
    command = [sys.executable, "-c", hangs, "room", "api", "--folder", str(tmp_path), "--port", "0"]
    async with Supervised([*command, "--set", "health.stop_seconds=1"]) as api:
        await api.start()
        assert await api.stop() == 1
        assert "Timeout (0:00:02)!" in api.said(), "with the stacks of all threads"


async def test_a_process_says_that_it_is_not_ready_and_why_and_that_it_is_again(tmp_path: Path) -> None:
    async with running_etcd(tmp_path / "etcd") as (child, _):
        where = ("--folder", str(tmp_path), "--etcd", child.endpoint, "--port", "0")
        async with esi("api", *where) as (_, facts):
            await until_ready(facts["health"], True)
            (known,) = read_doors(tmp_path)
            assert (known.url, known.parts) == (facts["health"], ("api", "jobs", "sync"))
            stand_still(child.pid)
            try:
                told = await until_ready(facts["health"], False)
            finally:
                os.kill(child.pid, signal.SIGCONT)
            assert told["rooms"]["sync"]["why"].startswith("etcd: ")
            assert told["rooms"]["api"]["ready"], "it stands on the database alone"
            await until_ready(facts["health"], True)
        assert read_doors(tmp_path) == []


async def until_ready(url: str, wanted: bool) -> Any:
    """The answer of /readyz, once it is the wanted one."""

    def ask() -> Any:
        try:
            return json.load(urllib.request.urlopen(f"{url}/readyz", timeout=PATIENCE_SECONDS))
        except urllib.error.HTTPError as refused:
            with refused:
                return json.load(refused)

    async with asyncio.timeout(PATIENCE_SECONDS):
        while (told := await asyncio.to_thread(ask))["ready"] is not wanted:
            await asyncio.sleep(0.05)
    return told
