"""Two real worker processes share two routers; the owner of one is killed, or stopped for 10 s, in the middle of work.
So are devices in a process of their own, and the API, which leads the jobs: a worker goes on.

Real processes, real etcd, real NETCONF over SSH. Services arrive while it happens; all of them end ACTIVE, and what was
committed is counted in the routers' own logs.
"""

from __future__ import annotations

import asyncio
import signal
from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import pytest
from lxml import etree

from e2e.processes import esi, make_chain, stand_still
from e2e.test_kill import commits_of_ours, until_no_job
from esi.bootstrap.inventory import read_inventory
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.drivers import Address
from esi.drivers.junos import JunosDriver
from esi.drivers.junos.session import JunosSession
from esi.kv import Delete, Put
from esi.kv.etcd import EtcdKV
from esi.model import keys
from esi.model.codec import loads_object
from esi.telemetry import NullRecorder
from esi.testing import chain

pytestmark = pytest.mark.real

PATIENCE_SECONDS = 90.0
STOP_SECONDS = 10.0
COMMIT_SECONDS = "0.5"


@pytest.fixture(autouse=True)
def _programs(require: Callable[[str], Path]) -> None:
    require("etcd")


class Ring:
    """A ring with two workers; each is known by its pid."""

    def __init__(self, tmp_path: Path, stack: AsyncExitStack) -> None:
        self._folder = ("--folder", str(tmp_path))
        self._stack = stack
        self.workers: list[Process] = []

    async def start(self) -> None:
        enter = self._stack.enter_async_context
        _, etcd = await enter(esi("etcd", *self._folder))
        _, lab = await enter(esi("lab", *self._folder, "--commit-seconds", COMMIT_SECONDS))
        self.inventory = Path(lab["inventory"])
        self._where = ("--etcd", etcd["etcd"], "--flow", "2018", "--monitoring", "none")
        self.api, api = await enter(esi("api", *self._folder, *self._where, "--port", "0"))
        self.kv = EtcdKV([etcd["etcd"]], clock=SystemClock())
        self._stack.push_async_callback(self.kv.close)
        self.client = await enter(Client(api["api"], clock=SystemClock()))

    async def worker(self, *command: str) -> Process:
        words = command or ("worker",)
        process, _ = await self._stack.enter_async_context(esi(*words, *self._folder, *self._where))
        self.workers.append(process)
        return process

    async def until(self, ip: str, commits: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await commits_of_ours(self.inventory))[ip] < commits:
                await asyncio.sleep(0.05)

    async def active(self, *wishes: chain.Wish) -> None:
        for wish in wishes:
            body = await self.client.wait(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
            assert body["status"] == "ACTIVE", body

    async def nothing_left(self) -> None:
        await until_no_job(self.kv)
        assert [entry.key for entry in (await self.kv.list(keys.INTENTS)).entries] == []

    async def master(self) -> int:
        """The pid of who leads the jobs."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (entry := await self.kv.get(keys.MASTER)) is None:
                await asyncio.sleep(0.01)
        return int(entry.value.decode().rpartition(":")[2])

    async def owner(self, ip: str) -> Process:
        """The worker that owns a router, as its key names it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (entry := await self.kv.get(keys.device_key(ip))) is None:
                await asyncio.sleep(0.01)
        pid = int(loads_object(entry.value)["process"].rpartition(":")[2])
        return next(worker for worker in self.workers if worker.pid == pid)


def gateways(first: int, count: int) -> list[chain.Wish]:
    """Gateways of their own VLAN each, on the same pair of routers."""
    wish = chain.gateway()
    return [
        wish._replace(
            id=f"00000000-0000-4000-8000-{100 + number:012d}",
            body={**wish.body, "name": f"gateway {number}", "uplink_vlan_id": str(200 + number)},
        )
        for number in range(first, first + count)
    ]


async def units(inventory: Path, ip: str) -> set[str]:
    """The units of the uplink that stand on a router."""
    driver = JunosDriver(read_inventory(inventory), clock=SystemClock(), recorder=NullRecorder())
    session = await driver.open(Address(ip, 830, "esi", "esiesi0000"))
    assert isinstance(session, JunosSession)
    reply = await session.rpc(etree.Element("get-configuration"))
    await session.close()
    names = reply.xpath("//*[local-name()='unit']/*[local-name()='name']/text()")
    return {str(name) for name in names} if isinstance(names, list) else set()


@pytest.mark.parametrize("fault", ["killed", "stopped"])
async def test_the_owner_of_a_router_is_lost_and_everything_ends_active(tmp_path: Path, fault: str) -> None:
    async with AsyncExitStack() as stack:
        ring = Ring(tmp_path, stack)
        await ring.start()
        await ring.worker()
        await ring.worker()
        began = (await ring.kv.list(keys.INTENTS)).revision
        await make_chain(ring.client, chain.prerequisites())
        first = gateways(0, 1)
        await make_chain(ring.client, first)

        some = gateways(1, 5)
        for wish in some:
            await ring.client.put(wish.schema, wish.id, wish.body)
        await ring.until(chain.PRIMARY_IP, 2)
        victim = await ring.owner(chain.PRIMARY_IP)
        if fault == "killed":
            victim.kill()
            await victim.wait()
        else:
            stand_still(victim.pid)
            stack.callback(wake, victim)
        stopped = asyncio.get_running_loop().time()
        more = gateways(6, 2)
        for wish in more:
            await ring.client.put(wish.schema, wish.id, wish.body)
        await ring.active(*some, *more)
        if fault == "stopped":
            await asyncio.sleep(max(0.0, stopped + STOP_SECONDS - asyncio.get_running_loop().time()))
            wake(victim)
            last = gateways(8, 2)
            await make_chain(ring.client, last)
            more += last

        wishes = [*first, *some, *more]
        commits = await commits_of_ours(ring.inventory)
        wanted = {str(wish.body["uplink_vlan_id"]) for wish in wishes}
        for ip in (chain.PRIMARY_IP, chain.SECONDARY_IP):
            assert commits[ip] <= len(wishes), "something was committed twice"
            assert wanted <= await units(ring.inventory, ip)
        await ring.nothing_left()
        assert await intents_since(ring.kv, began) > 0, "no intent has crossed from one worker to the other"


def wake(process: Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGCONT)


async def intents_since(kv: EtcdKV, revision: int) -> int:
    """How many intents were put into etcd after `revision`, up to now."""
    end = await kv.commit([Put(keys.intent_key("end", "0"), b"")])
    count = 0
    async with aclosing(kv.watch(keys.INTENTS, since=revision)) as batches:
        async for batch in batches:
            count += sum(one.kind == "put" and "/done/" not in one.key for one in batch)
            if batch[-1].revision >= end:
                break
    await kv.commit([Delete(keys.intent_key("end", "0"))])
    return count - 1


async def test_devices_in_a_process_of_its_own_serve_workers_that_have_no_hands(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        ring = Ring(tmp_path, stack)
        await ring.start()
        await ring.worker("room", "jobs", "heat", "monitoring")
        hands = await ring.worker("room", "devices")
        await make_chain(ring.client, [*chain.prerequisites(), *gateways(0, 1)])
        for ip in (chain.PRIMARY_IP, chain.SECONDARY_IP):
            assert await ring.owner(ip) is hands

        some = gateways(1, 2)
        for wish in some:
            await ring.client.put(wish.schema, wish.id, wish.body)
        await ring.until(chain.PRIMARY_IP, 2)
        hands.kill()
        await hands.wait()
        again = await ring.worker("room", "devices")
        await ring.active(*some)
        await make_chain(ring.client, gateways(3, 1))
        assert await ring.owner(chain.PRIMARY_IP) is again
        commits = await commits_of_ours(ring.inventory)
        assert all(3 <= commits[ip] <= 4 for ip in (chain.PRIMARY_IP, chain.SECONDARY_IP)), commits
        await ring.nothing_left()


async def test_when_the_api_is_killed_a_worker_leads_and_what_has_begun_goes_to_its_end(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        ring = Ring(tmp_path, stack)
        await ring.start()
        worker = await ring.worker()
        await make_chain(ring.client, [*chain.prerequisites(), *gateways(0, 1)])
        assert await ring.master() == ring.api.pid

        some = gateways(1, 3)
        for wish in some:
            await ring.client.put(wish.schema, wish.id, wish.body)
        await ring.until(chain.PRIMARY_IP, 2)
        ring.api.kill()
        await ring.api.wait()
        await ring.nothing_left()
        assert await ring.master() == worker.pid
        for ip in (chain.PRIMARY_IP, chain.SECONDARY_IP):
            assert {str(wish.body["uplink_vlan_id"]) for wish in some} <= await units(ring.inventory, ip)
