"""Real SIGKILLs prove that the simulation is honest: a worker in the middle of a stack, and a whole ring.

Real processes, real etcd, real NETCONF over SSH. What is counted, is counted at the routers: in their commit logs.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
from asyncio.subprocess import PIPE
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from e2e.processes import PATIENCE_SECONDS, esi, make_chain
from esi.bootstrap.inventory import read_inventory
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.drivers import Address
from esi.drivers.junos import JunosDriver
from esi.kv.etcd import EtcdKV
from esi.model import keys
from esi.telemetry import NullRecorder
from esi.testing import chain

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def _programs(require: Callable[[str], Path]) -> None:
    require("etcd")


async def commits_of_ours(inventory: Path) -> dict[str, int]:
    """How many commits of ours stand in each router's log."""
    driver = JunosDriver(read_inventory(inventory), clock=SystemClock(), recorder=NullRecorder())
    found = {}
    for ip in (chain.PRIMARY_IP, chain.SECONDARY_IP):
        session = await driver.open(Address(ip, 830, "esi", "esiesi0000"))
        found[ip] = sum(record.comment.startswith("esi ") for record in await session.history())
        await session.close()
    return found


async def test_a_worker_killed_in_the_middle_of_a_stack_is_followed_by_one_that_goes_on(tmp_path: Path) -> None:
    folder = ("--folder", str(tmp_path))
    async with AsyncExitStack() as stack:
        start = stack.enter_async_context
        _, etcd = await start(esi("etcd", *folder))
        _, lab = await start(esi("lab", *folder, "--commit-seconds", "1"))
        where = ("--etcd", etcd["etcd"], "--flow", "2018", "--monitoring", "none")
        _, api = await start(esi("api", *folder, *where, "--port", "0"))
        first, _ = await start(esi("worker", *folder, *where))
        kv = EtcdKV([etcd["etcd"]], clock=SystemClock())
        stack.push_async_callback(kv.close)
        client = await start(Client(api["api"], clock=SystemClock()))
        await make_chain(client, [*chain.prerequisites(), chain.gateway()])
        before = await commits_of_ours(Path(lab["inventory"]))
        assert before == {chain.PRIMARY_IP: 1, chain.SECONDARY_IP: 1}

        interface = chain.interface()
        await client.put(interface.schema, interface.id, interface.body)
        await until_half_done(Path(lab["inventory"]))
        first.kill()
        await first.wait()

        await start(esi("worker", *folder, *where))
        body = await client.wait(interface.schema, interface.id, at_most=PATIENCE_SECONDS)
        assert body["orchestration_state"] == "CREATE_COMPLETE"
        await client.wait("vpn_gateway", chain.GATEWAY, at_most=PATIENCE_SECONDS)
        after = await commits_of_ours(Path(lab["inventory"]))
        assert after == {chain.PRIMARY_IP: 2, chain.SECONDARY_IP: 2}, "something was committed twice, or not at all"
        await until_no_job(kv)
        await etcdctl_shows_the_recorded_keys(etcd["etcd"])


async def until_half_done(inventory: Path) -> None:
    """The first of the stack's two routers has it, the second has not: the middle of the stack."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (now := await commits_of_ours(inventory))[chain.PRIMARY_IP] < 2:
            await asyncio.sleep(0.02)
    assert now[chain.SECONDARY_IP] == 1


async def until_no_job(kv: EtcdKV) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await kv.list(keys.JOBS)).entries:
            await asyncio.sleep(0.02)


async def etcdctl_shows_the_recorded_keys(endpoint: str) -> None:
    """The keys by the tool of whoever knows etcd: one leading slash, the body a string inside the envelope."""
    process = await asyncio.create_subprocess_exec(
        *("etcdctl", f"--endpoints={endpoint}", "get", f"/config/v2.0/vpn_gateways/{chain.GATEWAY}"),
        stdout=PIPE,
        env={"ETCDCTL_API": "3", "PATH": os.environ["PATH"]},
    )
    out, _ = await process.communicate()
    key, value = out.decode().splitlines()
    assert key == f"/config/v2.0/vpn_gateways/{chain.GATEWAY}"
    envelope = json.loads(value)
    assert (envelope["version"], envelope["marked_for_deletion"]) == (2, False)
    assert json.loads(envelope["body"])["connected_vpn_interface"] == chain.INTERFACE


async def test_a_killed_ring_leaves_no_child_and_no_locked_folder(tmp_path: Path) -> None:
    arguments = ("dev", "--folder", str(tmp_path), "--port", "0", "--agent-port", "0", "--heat-port", "0")
    router = chain.prerequisites()[0]
    async with esi(*arguments) as (ring, facts):
        async with Client(facts["api"], clock=SystemClock()) as client:
            await make_chain(client, [router])
        children = children_of(ring.pid)
        assert children, "the ring has its etcd as a child"
        doors = [os.pidfd_open(pid) for pid in children]
        ring.send_signal(signal.SIGKILL)
        await ring.wait()
        for door in doors:
            gone, _, _ = await asyncio.to_thread(select.select, [door], [], [], 10)
            os.close(door)
            assert gone, "a child has outlived the ring"
    async with esi(*arguments) as (_, facts), Client(facts["api"], clock=SystemClock()) as client:
        body = await client.show(router.schema, router.id)
        assert body["status"] == "ACTIVE"


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
