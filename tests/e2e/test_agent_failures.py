"""The collector agent's rows of the failure matrix (docs/failures.md) for real: it is killed, or stopped, and returns.

Each room that matters is a process of its own, so the worker reaches the agent through its REST door. A look counts for
a few seconds only, by setting: what nobody looks at is soon unknown, and told so.
"""

from __future__ import annotations

import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from e2e.processes import PATIENCE_SECONDS, esi, make_chain, stand_still
from e2e.test_kill import until_no_job
from esi.agent.records import decode
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.kv.etcd import EtcdKV
from esi.model import keys
from esi.testing import chain

pytestmark = pytest.mark.real

AGE_SECONDS = 4
INTERFACE = chain.interface()


@pytest.fixture(autouse=True)
def _programs(require: Callable[[str], Path]) -> None:
    require("etcd")


class Ring:
    """`agent` is the process that looks; `start_agent` another life of it, behind the same door."""

    def __init__(self, folder: Path, etcd: str, stack: AsyncExitStack) -> None:
        self._ways = ("--folder", str(folder), "--etcd", etcd, "--set", f"ring.age_seconds={AGE_SECONDS}")
        self._stack = stack
        self._port = "0"
        self.kv = EtcdKV([etcd], clock=SystemClock())
        stack.push_async_callback(self.kv.close)
        self.agent: Process
        self.client: Client

    async def start(self, flow: str) -> None:
        start, flows = self._stack.enter_async_context, ("--flow", flow)
        url = await self.start_agent(flow)
        await start(esi("worker", *self._ways, *flows, "--agent-url", url))
        _, facts = await start(esi("api", *self._ways, *flows, "--port", "0"))
        self.client = await start(Client(facts["api"], clock=SystemClock()))

    async def start_agent(self, flow: str) -> str:
        command = ("agent", *self._ways, "--flow", flow, "--agent-port", self._port)
        self.agent, facts = await self._stack.enter_async_context(esi(*command))
        self._port = facts["agent"].rpartition(":")[2]
        return facts["agent"]

    async def until(self, *statuses: str) -> dict[str, object]:
        body = await self.client.wait(INTERFACE.schema, INTERFACE.id, until=set(statuses), at_most=PATIENCE_SECONDS)
        return dict(body)

    async def targets(self) -> list[tuple[str, str]]:
        """What is watched: resource and name."""
        found = []
        for entry in (await self.kv.list(keys.TARGETS)).entries:
            target = decode(entry.value).target
            found.append((target.resource_id, target.field_name))
        return sorted(found)


@asynccontextmanager
async def ring(folder: Path, flow: str) -> AsyncIterator[Ring]:
    """A ring on which the interface stands and is seen working."""
    async with AsyncExitStack() as stack:
        _, facts = await stack.enter_async_context(esi("etcd", "--folder", str(folder)))
        await stack.enter_async_context(esi("lab", "--folder", str(folder)))
        found = Ring(folder, facts["etcd"], stack)
        await found.start(flow)
        await make_chain(found.client, [*chain.prerequisites(), chain.gateway(), INTERFACE])
        await until_no_job(found.kv)  # in the older flow one watches on when the interface is ACTIVE
        yield found


@pytest.mark.parametrize("flow", ["2017", "2018"])
async def test_an_agent_that_is_killed_and_started_again_goes_on_where_it_was(flow: str, tmp_path: Path) -> None:
    async with ring(tmp_path, flow) as stage:
        before = await stage.targets()
        assert len(set(before)) == len(before) > 0
        stage.agent.send_signal(signal.SIGKILL)
        await stage.agent.wait()
        body = await stage.until("MONITORING_UNAVAILABLE")
        assert body["operational_state"] == "UNKNOWN"
        assert f"older than {AGE_SECONDS} s" in str(body["status_reason"])
        await stage.start_agent(flow)
        body = await stage.until("ACTIVE")
        assert not body.get("status_reason")
        assert await stage.targets() == before, "a target is lost, or doubled"


async def test_an_agent_that_stands_still_holds_a_delete_and_a_create_up_and_nothing_is_lost(tmp_path: Path) -> None:
    async with ring(tmp_path, "2018") as stage:
        before = await stage.targets()
        stand_still(stage.agent.pid)
        try:
            await stage.until("MONITORING_UNAVAILABLE")
            await stage.client.delete(INTERFACE.schema, INTERFACE.id)
        finally:
            stage.agent.send_signal(signal.SIGCONT)
        await stage.client.wait_gone(INTERFACE.schema, INTERFACE.id, at_most=PATIENCE_SECONDS)
        mine = [one for one in before if one[0] == INTERFACE.id]
        assert await stage.targets() == [one for one in before if one not in mine]
        stand_still(stage.agent.pid)
        try:
            await stage.client.put(INTERFACE.schema, INTERFACE.id, INTERFACE.body)
            assert (await stage.until("PENDING_CREATE"))["status"] == "PENDING_CREATE"
        finally:
            stage.agent.send_signal(signal.SIGCONT)
        await stage.until("ACTIVE")
        assert await stage.targets() == before, "a target is lost, or doubled"
