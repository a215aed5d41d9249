"""etcd's rows of the failure matrix (docs/failures.md) for real: its leader lost, its history gone, its space used up.

Beside them, on the same ring, each of worker, master and sync stands still for longer than its lease. Nothing of it is
ever shown as a failure: every change ends ACTIVE, or gone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.parted import parted_ring
from e2e.test_failures import gateway
from e2e.test_kill import commits_of_ours
from esi.errors import Unreachable
from esi.kv import Event, Put
from esi.kv.child import EtcdChild
from esi.kv.etcd import EtcdKV
from esi.kv.wire import MAKE_ROOM
from esi.model import keys
from esi.testing import chain
from esi.testing.cluster import Cluster, running_cluster
from esi.testing.etcd import etcdctl, running_etcd

pytestmark = pytest.mark.real

VERBS = ("create", "update", "delete")
HELD = {"worker": keys.device_key(chain.PRIMARY_IP), "jobs": keys.MASTER, "api": keys.SYNC_LEADER}
"""What each process holds in the middle of a change, under its lease."""

SMALL_BYTES = 8 << 20
JUNK, JUNK_BYTES = "/junk/", 1 << 20


@pytest.fixture(autouse=True)
def _programs(require: Callable[[str], Path]) -> None:
    require("etcd")


async def test_etcds_leader_is_killed_in_the_middle_of_each_change(tmp_path: Path) -> None:
    wish = gateway(0)
    async with running_cluster(tmp_path) as cluster, parted_ring(tmp_path, await leader_first(cluster)) as ring:
        for verb in VERBS:
            leader = await cluster.leader()
            await ring.in_the_middle(wish, verb)
            await cluster.kill(leader)
            await ring.over(wish, verb)
            await cluster.start(leader)
            await cluster.answers(leader)
        await ring.nothing_is_left()
        commits = await commits_of_ours(ring.inventory)
        assert commits == {chain.PRIMARY_IP: 2, chain.SECONDARY_IP: 2}, "something was committed twice, or not at all"


async def leader_first(cluster: Cluster) -> list[str]:
    """The endpoints in an order in which the ring begins with the leader."""
    at = await cluster.leader()
    return [*cluster.endpoints[at:], *cluster.endpoints[:at]]


async def test_history_is_compacted_past_a_process_that_stands_still(tmp_path: Path) -> None:
    first, second = gateway(0), gateway(1)
    async with (
        running_etcd(tmp_path / "etcd") as (child, kv),
        parted_ring(tmp_path, [child.endpoint], lease_seconds=60) as ring,
    ):
        await ring.in_the_middle(first, "create")
        with ring.stopped("worker"):
            since = (await kv.list(keys.JOBS_READY)).revision
            await ring.ask(second, "create")
            await forget_history(child, kv, after=await ring.until(keys.JOBS_READY, since, is_put))
        await ring.says("worker", "history is compacted")
        await ring.over(first, "create")
        await ring.over(second, "create")

        await ring.in_the_middle(second, "delete")
        with ring.stopped("api"):
            since = (await kv.list(keys.STATE)).revision
            await forget_history(child, kv, after=await ring.until(keys.STATE, since, is_put))
        await ring.says("api", "history is compacted")
        await ring.over(second, "delete")
        await ring.nothing_is_left()


def is_put(event: Event) -> bool:
    return event.kind == "put"


async def forget_history(child: EtcdChild, kv: EtcdKV, *, after: int) -> None:
    """Up to the newest revision; and etcd starts anew, else its connections would bring what they have buffered."""
    revision = await kv.commit([Put("/elsewhere", b"")])
    assert revision > after
    await kv.compact(revision)
    await child.kill()
    await child.restart()


async def test_each_process_stands_still_for_longer_than_its_lease(tmp_path: Path) -> None:
    wish = gateway(0)
    async with running_etcd(tmp_path / "etcd") as (child, _), parted_ring(tmp_path, [child.endpoint]) as ring:
        for name, verb in zip(HELD, VERBS, strict=True):
            await ring.in_the_middle(wish, verb)
            with ring.stopped(name):
                await ring.loses(HELD[name])
            await ring.over(wish, verb)
        await ring.nothing_is_left()


async def test_etcd_is_full_and_is_made_room_in(tmp_path: Path) -> None:
    wish = gateway(0)
    async with (
        running_etcd(tmp_path / "etcd", quota_bytes=SMALL_BYTES) as (child, kv),
        parted_ring(tmp_path, [child.endpoint]) as ring,
    ):
        await ring.in_the_middle(wish, "create")
        await fill(kv)
        assert MAKE_ROOM in await ring.says("worker", f"etcd at {child.endpoint} is full")
        await make_room(child.endpoint)
        await ring.over(wish, "create")
        for verb in ("update", "delete"):
            await fill(kv)
            await ring.ask(wish, verb)  # the database keeps it
            assert MAKE_ROOM in await ring.says("api", f"etcd at {child.endpoint} is full")
            await make_room(child.endpoint)
            await ring.says("api", "takes writes again")
            await ring.over(wish, verb)
        await ring.nothing_is_left()


async def fill(kv: EtcdKV) -> None:
    """Somebody else's keys, until etcd takes no more; it counts a little late."""
    for number in range(8 * SMALL_BYTES // JUNK_BYTES):
        try:
            await kv.commit([Put(f"{JUNK}{number}", bytes(JUNK_BYTES))])
        except Unreachable as error:
            assert "is full" in error.message  # noqa: PT017 - which write finds it out is etcd's affair
            return
    raise AssertionError("etcd takes more than its quota")


async def make_room(endpoint: str) -> None:
    """What the sentence says: delete, compact, defragment, disarm."""
    flags = ["--write-out=json"]
    words = await asyncio.to_thread(etcdctl, endpoint, "del", "--prefix", JUNK, flags=flags)
    revision = json.loads(words)["header"]["revision"]
    for command in (["compact", str(revision)], ["defrag"], ["alarm", "disarm"]):
        await asyncio.to_thread(etcdctl, endpoint, *command)
