"""The whole ring on three members of etcd with TLS, user and password, as the role of deploy/ allows: members are lost.

The same services are asked for three times: with all members, while the one that leads is killed, and while another
one is. How much later a service ends for it is counted against the first time. A watch that lives through all of it is
compared with what the history says afterwards: nothing was missed, nothing told twice, nothing out of order.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

import pytest

from docs.tree import ROOT
from e2e.processes import PATIENCE_SECONDS, esi, make_chain
from e2e.test_failures import gateway
from e2e.test_kill import until_no_job
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.kv import Event, Put
from esi.kv.etcd import EtcdKV
from esi.testing import chain
from esi.testing.cluster import USER, Cluster, running_cluster

pytestmark = pytest.mark.real

SERVICES = 12
AT_ONCE = 3
END = "/state/the-end"
LOST_AFTER = 4
"""Services that have ended before the member is lost."""

LATER_SECONDS = 5.0
"""How much later a service may end because a member was lost; and what a busy machine may add to it."""
BUSY_SECONDS = 10.0

Change = tuple[str, str, int]


@pytest.fixture(autouse=True)
def _programs(require: Callable[[str], Path]) -> None:
    require("etcd")


def ranges() -> list[str]:
    """What the role of the ring may use, as deploy/ says."""
    text = (ROOT / "deploy/three-hosts/etcd-users.sh").read_text()
    (line,) = re.findall(r"^for keys in (.+); do$", text, re.MULTILINE)
    return str(line).split()


@asynccontextmanager
async def ring_on(cluster: Cluster, folder: Path) -> AsyncIterator[Client]:
    """API, two workers and the lab; they speak first to the member that leads."""
    at = await cluster.leader()
    endpoints = [*cluster.endpoints[at:], *cluster.endpoints[:at]]
    files = {name: cluster.files[file] for name, file in FILES.items()}
    settings = {"endpoints": ",".join(endpoints), "user": USER.user, "password": USER.password.reveal(), **files}
    where = [word for name, value in settings.items() for word in ("--set", f"etcd.{name}={value}")]
    where += ["--folder", str(folder), "--flow", "2018", "--monitoring", "none"]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(esi("lab", "--folder", str(folder), "--commit-seconds", "0.2"))
        _, facts = await stack.enter_async_context(esi("api", *where, "--port", "0"))
        for _ in range(2):
            await stack.enter_async_context(esi("worker", *where))
        client = await stack.enter_async_context(Client(facts["api"], clock=SystemClock()))
        await make_chain(client, chain.prerequisites())
        yield client


FILES = {"ca_file": "ca.pem", "cert_file": "client.pem", "key_file": "client.key"}


async def asked_for(client: Client, wishes: Sequence[chain.Wish], lose: Callable[[], Awaitable[None]]) -> list[float]:
    """Seconds from each request until its service is ACTIVE, a few at once; `lose` is called in the middle of it."""
    waiting = list(reversed(wishes))
    took: list[float] = []
    lost = asyncio.Event()

    async def one_after_the_other() -> None:
        while waiting:
            wish = waiting.pop()
            began = time.monotonic()
            await client.put(wish.schema, wish.id, wish.body)
            if len(took) >= LOST_AFTER and not lost.is_set():
                lost.set()
                await lose()
            await client.wait(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
            took.append(time.monotonic() - began)

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    assert lost.is_set()
    return took


def change(event: Event) -> Change:
    return event.kind, event.key, event.revision


async def changes(kv: EtcdKV, since: int) -> list[Change]:
    """All changes of states after `since`, up to the end that the test sets."""
    heard: list[Change] = []
    async with aclosing(kv.watch("/state/", since=since)) as batches:
        async for batch in batches:
            heard += [change(event) for event in batch if event.key != END]
            if any(event.key == END for event in batch):
                break
    return heard


async def test_a_lost_member_delays_no_service_by_more_than_a_moment_and_no_event_is_missed(
    tmp_path: Path, report: Callable[[str], None]
) -> None:
    async with running_cluster(tmp_path, ranges=ranges()) as cluster, ring_on(cluster, tmp_path) as client:
        kv = cluster.client()
        since = (await kv.list("/state/")).revision
        listening = asyncio.create_task(changes(kv, since))

        async def nothing() -> None:
            return None

        async def leader_dies() -> None:
            gone.append(await cluster.leader())
            await cluster.kill(gone[-1])

        async def follower_dies() -> None:
            gone.append((await cluster.leader() + 1) % len(cluster.endpoints))
            await cluster.kill(gone[-1])

        gone: list[int] = []
        slowest: dict[str, float] = {}
        runs = {"none": nothing, "the leader": leader_dies, "a follower": follower_dies}
        for number, (name, lose) in enumerate(runs.items()):
            wishes = [gateway(number * SERVICES + index) for index in range(SERVICES)]
            slowest[name] = max(await asked_for(client, wishes, lose))
            for index in gone:
                await cluster.start(index)
                await cluster.answers(index)
            gone.clear()
        later = {name: seconds - slowest["none"] for name, seconds in slowest.items() if name != "none"}
        report(
            f"etcd, three members: the slowest of {SERVICES} services took {slowest['none']:.1f} s; "
            + ", ".join(f"{seconds:+.1f} s when {name} was lost" for name, seconds in later.items())
        )
        assert max(later.values()) < LATER_SECONDS + BUSY_SECONDS
        await until_no_job(kv)
        await kv.commit([Put(END, b"")])
        fresh = cluster.client()
        async with asyncio.timeout(PATIENCE_SECONDS):
            heard, again = await listening, await changes(fresh, since)
        assert heard == again, "the watch that lived through it all has heard something else than the history says"
        completed = {key.rpartition("/")[2] for kind, key, _ in heard if kind == "put"}
        assert {gateway(number).id for number in range(len(runs) * SERVICES)} <= completed
        report(f"etcd, three members: {len(heard)} changes of states heard through two losses, as history has them")
        await kv.close()
        await fresh.close()
