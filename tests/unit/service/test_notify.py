"""What a service manager hears, on a real datagram socket."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from esi.clock import LoopClock, SystemClock
from esi.runtime.service.notify import Notifier
from esi.tasks import Tasks
from esi.testing.loop import run


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@esi-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(f"\0{name[1:]}" if name.startswith("@") else name)
        ear.settimeout(10)
        yield name, ear


def test_lines_arrive_as_one_datagram(manager: tuple[str, socket.socket]) -> None:
    name, ear = manager
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.tell("READY=1", "STATUS=ready: api")
    assert ear.recv(4096) == b"READY=1\nSTATUS=ready: api"
    assert notifier.watchdog == 0
    notifier.close()


async def test_signs_of_life_come_from_the_loop_and_end_with_it(manager: tuple[str, socket.socket]) -> None:
    name, ear = manager
    notifier = Notifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": str(os.getpid())})
    assert notifier.watchdog == pytest.approx(0.01)
    async with Tasks("test") as tasks:
        tasks.start("alive", notifier.live(SystemClock()))
        for _ in range(3):
            assert await asyncio.to_thread(ear.recv, 4096) == b"WATCHDOG=1"
    notifier.close()


def test_a_sign_of_life_is_given_twice_as_often_as_wanted(manager: tuple[str, socket.socket]) -> None:
    name, ear = manager
    ear.setblocking(False)

    async def work() -> int:
        notifier = Notifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000"})
        async with Tasks("test") as tasks:
            tasks.start("alive", notifier.live(LoopClock()))
            heard = 0
            async with asyncio.timeout(None) as limit:
                limit.reschedule(None)
                for _ in range(4):
                    await asyncio.sleep(14)
                    try:
                        while ear.recv(4096):
                            heard += 1
                    except BlockingIOError:
                        pass
        notifier.close()
        return heard

    assert run(work()) == 4  # at 0, 15, 30 and 45 of 56 seconds


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"WATCHDOG_USEC": "1000"},
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"},
        {"NOTIFY_SOCKET": "/nowhere"},
    ],
)
def test_without_a_manager_nothing_is_told_and_nothing_fails(told: dict[str, str]) -> None:
    notifier = Notifier(told)
    notifier.tell("READY=1")
    assert notifier.watchdog == 0
    notifier.close()
