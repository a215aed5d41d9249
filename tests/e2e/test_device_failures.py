"""Cells of the failure matrix that need a ring of several processes with an inventory of their own, for real."""

from __future__ import annotations

import asyncio
import re
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from e2e.processes import PATIENCE_SECONDS, esi, make_chain
from e2e.test_failures import PRIMARY, Lab, gateway
from esi.bootstrap.inventory import read_inventory, write_inventory
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.drivers import Address, CommitRecord
from esi.drivers.junos import JunosDriver
from esi.telemetry import NullRecorder
from esi.testing import chain

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def _programs(require: Callable[[str], Path]) -> None:
    require("etcd")


@asynccontextmanager
async def ring(folder: Path, *, confirm_within: float | None = None) -> AsyncIterator[tuple[Client, Lab, Process]]:
    """A ring with its prerequisites, and its worker, which has an inventory of its own."""
    own = ("--folder", str(folder))
    async with AsyncExitStack() as stack:
        _, facts = await stack.enter_async_context(esi("etcd", *own))
        where = ("--etcd", facts["etcd"], "--monitoring", "none")
        _, lab = await stack.enter_async_context(esi("lab", *own))
        devices = read_inventory(Path(lab["inventory"]))
        inventory = folder / "devices.yaml"
        write_inventory(inventory, {ip: replace(one, confirm_within=confirm_within) for ip, one in devices.items()})
        _, facts = await stack.enter_async_context(esi("api", *own, *where, "--port", "0"))
        worker, _ = await stack.enter_async_context(esi("worker", *own, *where, "--inventory", str(inventory)))
        async with Client(facts["api"], clock=SystemClock()) as client:
            await make_chain(client, chain.prerequisites())
            yield client, Lab(folder), worker


async def says(process: Process, words: str) -> str:
    """The next line of its log with these words."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while words not in (line := (await process.stderr.readline()).decode()):
            assert line, "the log has ended"
    return line


async def log_of(folder: Path, ip: str) -> list[CommitRecord]:
    """A router's commit log, newest first."""
    driver = JunosDriver(read_inventory(folder / "devices.yaml"), clock=SystemClock(), recorder=NullRecorder())
    session = await driver.open(Address(ip, username="esi", password="esiesi0000"))
    try:
        return list(await session.history())
    finally:
        await session.close()


async def test_a_router_that_reboots_inside_the_confirm_window_is_asked_again(tmp_path: Path) -> None:
    async with ring(tmp_path, confirm_within=60) as (client, lab, _):
        wish = gateway(0)
        await lab.begin(PRIMARY, "reboot-unconfirmed", operand="1")
        await client.put(wish.schema, wish.id, wish.body)
        await client.wait(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
        records = reversed(await log_of(tmp_path, chain.PRIMARY_IP))
        log = [(record.user, record.comment.partition(" to ")[2], record.pending) for record in records]
        lost, back, again, kept = log[-4:]
        assert lost == again == ("esi", "be confirmed", False)
        assert back == ("root", "", False)
        assert kept == ("esi", "", False)
        await lab.begin(PRIMARY, "reboot-unconfirmed", operand="1")
        await client.delete(wish.schema, wish.id)
        await client.wait_gone(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
        assert [record.user for record in await log_of(tmp_path, chain.PRIMARY_IP)][:4] == ["esi", "esi", "root", "esi"]


async def test_warnings_beside_ok_end_active_and_stand_in_the_log(tmp_path: Path) -> None:
    async with ring(tmp_path) as (client, lab, worker):
        wish = gateway(0)
        await lab.begin(PRIMARY, "warnings")
        await client.put(wish.schema, wish.id, wish.body)
        body = await client.wait(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
        assert body["status"] == "ACTIVE"
        batch = re.findall(r"esi (\w+) ", (await log_of(tmp_path, chain.PRIMARY_IP))[0].comment)[0]
        line = await says(worker, "statement has no contents")
        assert f"{chain.PRIMARY_IP} says beside ok of batch {batch}" in line


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("foreign-lock", rf"held: router {chain.PRIMARY_IP} is locked by session \d+ of user operator since .* UTC"),
        ("unreachable", rf"held: {chain.PRIMARY_IP} does not answer since .* UTC"),
    ],
)
async def test_what_holds_a_change_up_is_told_while_it_waits(kind: str, words: str, tmp_path: Path) -> None:
    async with ring(tmp_path) as (client, lab, _):
        wish = gateway(0)
        await lab.begin(PRIMARY, kind)
        await client.put(wish.schema, wish.id, wish.body)
        async with asyncio.timeout(5):
            while not (body := await client.show(wish.schema, wish.id)).get("status_reason"):
                await asyncio.sleep(0.1)
        assert re.fullmatch(words, body["status_reason"])
        assert (body["status"], body["orchestration_state"]) == ("PENDING_CREATE", "CREATE_IN_PROGRESS")
        await lab.heal()
        body = await client.wait(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
        assert "status_reason" not in body
