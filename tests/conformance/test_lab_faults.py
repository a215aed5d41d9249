"""The lab's faults over real SSH: what our own driver makes of each, and the control door with its commands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.lab_router import MX2, add_unit, driver_of, lab, opened
from esi.bootstrap.inventory import read_inventory, read_snmp, write_inventory
from esi.bootstrap.lab import PASSWORDS, RunningLab, run_lab
from esi.cli.program import run
from esi.clock import SystemClock
from esi.drivers import Session
from esi.drivers.endpoint import Timeouts
from esi.errors import Busy, EsiError, Rejected, TemporaryError, TimedOut, Unreachable
from esi.lab import Served
from esi.lab.control import SOCKET, ask
from esi.settings import Lab
from esi.tasks import Tasks

QUICK = Timeouts(connect=0.5, rpc=0.5, lock=0.5, commit=0.5)


async def change(session: Session, number: int = 6) -> None:
    await session.lock()
    await session.load([add_unit(number, number)])
    await session.commit(comment=f"unit {number}")
    await session.unlock()


def has(served: Served, number: int = 6) -> bool:
    return f"vlan-id {number};" in served.router.running_text()


@pytest.mark.parametrize(
    ("kind", "operand", "error", "committed"),
    [
        ("drop-before-commit", "", Unreachable, False),
        ("drop-before-reply", "", Unreachable, True),
        ("malformed", "", Unreachable, False),
        ("silent", "", TemporaryError, False),
        ("slow-commit", "1", TimedOut, True),
        ("foreign-lock", "", Busy, False),
        ("refuse-load", "", Rejected, False),
        ("refuse-commit", "", Rejected, False),
    ],
)
async def test_our_driver_says_what_happened(kind: str, operand: str, error: type[EsiError], committed: bool) -> None:
    async with lab() as served:
        driver = driver_of(served, timeouts=QUICK)
        await served.router.faults.begin(kind, operand)
        done = asyncio.Event()
        served.router.watchers.append(done.set)
        async with opened(driver) as session:
            with pytest.raises(error):
                await change(session)
        if kind == "slow-commit":
            async with asyncio.timeout(10):
                await done.wait()  # a commit that has begun goes to its end, whoever waits for its reply
        assert has(served) is committed
        await served.router.faults.end()
        async with opened(driver_of(served)) as session:
            await change(session, 8)
        assert has(served, 8)


@pytest.mark.parametrize("kind", ["warnings", "drop-after-reply"])
async def test_what_our_driver_need_not_mind(kind: str) -> None:
    async with lab() as served:
        await served.router.faults.begin(kind)
        async with opened(driver_of(served, timeouts=QUICK)) as session:
            await session.lock()
            await session.load([add_unit(6, 6)])
            said = await session.commit(comment="x")
            assert said == (["statement has no contents; ignored"] if kind == "warnings" else [])
            assert has(served)


async def test_an_unreachable_router_cuts_what_stands_and_answers_nobody() -> None:
    async with lab() as served:
        driver = driver_of(served, timeouts=QUICK)
        async with opened(driver) as session:
            await session.lock()
            await served.router.faults.begin("unreachable")
            with pytest.raises(Unreachable):
                await session.diff()
            with pytest.raises(TemporaryError):
                await driver.open(MX2)
            assert served.router.sessions == {}
            await served.router.faults.end()
        async with opened(driver_of(served)) as session:
            await change(session)
        assert has(served)


async def somebody_waits(served: Served) -> None:
    async with asyncio.timeout(10):
        while not served.router.counts["held"]:
            await asyncio.sleep(0)


async def test_who_waits_outside_is_let_in_when_the_router_heals() -> None:
    async with lab() as served, Tasks("client") as tasks:
        await served.router.faults.begin("unreachable")
        opening = tasks.start("open", driver_of(served).open(MX2))
        await somebody_waits(served)
        assert not opening.done()
        await served.router.faults.end()
        session = await opening
        await change(session)
        await session.close()
        assert has(served)


async def test_the_lab_ends_with_strangers_at_its_door() -> None:
    """Who has not logged in, and who waits before a router that does not answer, is cut at the end."""
    async with lab() as served:
        silent = await asyncio.open_connection(served.host, served.port)
        assert (await silent[0].readuntil(b"\n")).startswith(b"SSH-2.0-")
        await served.router.faults.begin("unreachable")
        outside = await asyncio.open_connection(served.host, served.port)
        await somebody_waits(served)
    for reader, writer in (silent, outside):
        try:
            assert await reader.read() is not None
        except ConnectionError:
            pass  # cut, not closed
        writer.close()


async def test_a_router_is_back_after_its_reboot() -> None:
    async with lab() as served:
        driver = driver_of(served, timeouts=QUICK)
        await served.router.faults.begin("reboot", "0.6")
        with pytest.raises(TemporaryError):
            await driver.open(MX2)
        async with asyncio.timeout(10):
            while True:
                try:
                    session = await driver.open(MX2)
                    break
                except TemporaryError:
                    pass  # each try waits for its own deadline
        await change(session)
        await session.close()
        assert has(served)


# -- the control door -------------------------------------------------------------------------------------------------


@pytest.fixture
async def ring(tmp_path: Path) -> AsyncIterator[RunningLab]:
    settings = replace(Lab(), settle_seconds=0.0)
    deep = tmp_path / ("deep" * 30) / "lab"  # a path that no socket's address could hold
    async with Tasks("lab") as tasks, run_lab(settings, deep, clock=SystemClock(), tasks=tasks) as running:
        yield running


async def test_the_door_lists_breaks_and_heals(ring: RunningLab) -> None:
    folder = ring.control.parent
    assert ring.control.stat().st_mode & 0o777 == 0o600
    answer = await ask(folder, {"do": "list"})
    assert [one["name"] for one in answer["devices"]] == ["vMX-router-02", "vMX-router-01", "ce1"]
    (customer,) = (one for one in answer["devices"] if one["name"] == "ce1")
    assert [(one["peer"], one["state"]) for one in customer["bgp"]] == [
        ("192.168.8.2", "Active"),
        ("192.168.8.6", "Active"),
    ]
    assert await ask(folder, {"do": "break", "router": "ce1", "kind": "silent"}) == {"router": "ce1", "kind": "silent"}
    assert ring.served["ce1"].router.gate.silent
    assert await ask(folder, {"do": "heal"}) == {"healed": {"ce1": ["silent"]}}
    assert not ring.served["ce1"].router.gate.silent


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"do": "explode"}, "does not know"),
        ({}, "does not know"),
        ({"do": "break", "router": "r9", "kind": "silent"}, "no device 'r9'"),
        ({"do": "break", "router": "ce1", "kind": "none"}, "no fault 'none'"),
        ({"do": "break", "router": "ce1", "kind": 5}, "kind must be text"),
        ({"do": "break", "router": "ce1", "kind": "malformed", "times": "x"}, "times must be"),
        ({"do": "heal", "router": "r9"}, "no device 'r9'"),
    ],
)
async def test_the_door_says_what_it_does_not_take(ring: RunningLab, request_: dict[str, Any], words: str) -> None:
    with pytest.raises(Rejected, match=words):
        await ask(ring.control.parent, request_)


async def test_noise_at_the_door_is_answered_and_the_door_stays(ring: RunningLab, tmp_path: Path) -> None:
    short = tmp_path / "s"
    short.symlink_to(ring.control)
    for noise in (b"nonsense\n", b"[]\n", b"[" * 30_000 + b"\n", b"\xff\xfe\n"):
        reader, writer = await asyncio.open_unix_connection(short)
        writer.write(noise)
        assert "error" in json.loads(await reader.readline())
        writer.close()
    reader, writer = await asyncio.open_unix_connection(short)
    writer.write(b"x" * 200_000 + b"\n")
    assert await reader.read() == b""
    writer.close()
    assert len((await ask(ring.control.parent, {"do": "list"}))["devices"]) == 3


async def test_no_lab_is_said_so(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(Unreachable, match="no lab answers"):
            await ask(folder, {"do": "list"})
    (tmp_path / SOCKET).touch()
    with pytest.raises(Unreachable, match="no lab answers"):
        await ask(tmp_path, {"do": "list"})


async def test_the_commands_print_tables_and_json(ring: RunningLab, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(ring.control.parent.parent)

    async def call(*words: str) -> tuple[int, str]:
        code = await asyncio.to_thread(run, ["lab", *words, "--folder", folder])
        told = capsys.readouterr()
        return code, told.out + told.err

    code, out = await call("break", "ce1", "key", "192.168.8.2")
    assert (code, out) == (0, "ce1: key\n")
    code, out = await call("list")
    assert code == 0
    assert "key 192.168.8.2" in out
    assert "nobody has 192.168.8.2" in out
    assert "drop-before-reply" in out
    code, out = await call("list", "--json")
    assert [one["name"] for one in json.loads(out)["devices"]] == ["vMX-router-02", "vMX-router-01", "ce1"]
    assert await call("heal", "--json") == (0, '{"healed": {"ce1": ["key"]}}\n')
    assert await call("heal") == (0, "nothing was broken\n")
    code, out = await call("break", "ce1", "kitchen")
    assert code == 1
    assert "no fault 'kitchen'" in out
    assert "`esi lab list` shows" in out


async def test_the_inventory_says_where_devices_and_agents_are(ring: RunningLab, tmp_path: Path) -> None:
    file = tmp_path / "inventory.yaml"
    write_inventory(file, ring.inventory, snmp=ring.snmp)
    assert read_inventory(file) == ring.inventory
    assert read_snmp(file) == ring.snmp
    assert set(ring.snmp) == {"10.79.5.184", "10.79.5.185", "10.161.0.33", "10.161.0.34"}, (
        "the routers and the switches"
    )
    primary = ring.served["vMX-router-02"]
    assert ring.snmp["10.79.5.185"] == (primary.host, primary.snmp_port)
    assert list(PASSWORDS) == ["esi"]
