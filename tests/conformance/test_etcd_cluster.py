"""Our client on a cluster of three real etcds: one dies, two, all; history goes; strangers come.

Writes go on, watches lose nothing, leases live. The suite of the port runs on such a cluster, too (test_kv.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from esi.clock import SystemClock
from esi.errors import Compacted, Outrun, Rejected, Unreachable
from esi.kv import Guard, Put
from esi.kv.connection import Login, Tls
from esi.kv.etcd import EtcdKV
from esi.telemetry import Secret
from esi.testing.cluster import ANYTHING, USER, Cluster, running_cluster

pytestmark = pytest.mark.real

WRITES = 600


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with running_cluster(tmp_path) as cluster:
        yield cluster


async def write(kv: EtcdKV, number: int) -> None:
    """Write key number exactly once, whatever happens: the guard tells a lost reply from a lost write."""
    while True:
        try:
            await kv.commit([Put(f"/n/{number:04}", b"")], guards=[Guard.absent(f"/n/{number:04}")])
        except Unreachable:
            continue
        except Outrun:
            return
        else:
            return


async def seen(kv: EtcdKV, since: int) -> list[str]:
    keys: list[str] = []
    async with aclosing(kv.watch("/n/", since=since)) as batches:
        async for batch in batches:
            keys += [event.key for event in batch]
            if len(keys) == WRITES:
                break
    return keys


async def test_death_of_the_member_that_leads_and_that_we_speak_to_loses_nothing(cluster: Cluster) -> None:
    dies = await cluster.leader()
    endpoints = cluster.endpoints[dies:] + cluster.endpoints[:dies]
    kv, other = (EtcdKV(endpoints, clock=SystemClock(), deadline=30.0) for _ in range(2))
    lease = await kv.lease(5.0)
    since = await kv.commit([Put("/held", b"", lease)])
    watches = [asyncio.create_task(seen(client, since)) for client in (kv, other)]
    async with asyncio.timeout(60):
        for number in range(WRITES):
            if number == WRITES // 3:
                await cluster.kill(dies)
            await write(kv, number)
        expected = [f"/n/{number:04}" for number in range(WRITES)]
        assert await watches[0] == expected
        assert await watches[1] == expected
        assert await other.get("/held") is not None
        assert not lease.lost.is_set()
        await kv.close()
        await other.close()


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with running_cluster(tmp_path, ranges=ANYTHING) as cluster:
        yield cluster


async def test_all_members_are_killed_at_once_and_come_back(secured: Cluster) -> None:
    """Tokens are forgotten, every connection breaks: the watch goes on, what was written stands, the lease lives."""
    kv = secured.client(deadline=60.0)
    lease = await kv.lease(30.0)
    since = await kv.commit([Put("/held", b"", lease)])
    watching = asyncio.create_task(seen(kv, since))
    async with asyncio.timeout(90):
        for number in range(WRITES):
            if number == WRITES // 2:
                await secured.restart(0, 1, 2)
            await write(kv, number)
        assert await watching == [f"/n/{number:04}" for number in range(WRITES)]
        renewed = kv.renewals
        while kv.renewals == renewed:
            await asyncio.sleep(0.05)
        assert await kv.get("/held") is not None
        assert not lease.lost.is_set()
        await kv.close()


async def test_a_watch_that_stood_still_over_a_compaction_lists_again(secured: Cluster) -> None:
    """The history after what it saw last is gone on every member, also on one that was away meanwhile."""
    kv = secured.client()
    since = await kv.commit([Put("/n/0000", b"")])
    away = (await secured.leader() + 1) % len(secured.endpoints)
    await secured.kill(away)
    for number in range(1, 20):
        await write(kv, number)
    await kv.compact((await kv.list("/n/")).revision)
    await secured.start(away)
    await secured.answers(away)
    for endpoint in secured.endpoints:
        one = secured.client(endpoints=[endpoint])
        with pytest.raises(Compacted):
            await seen(one, since)
        assert len((await one.list("/n/")).entries) == 20
        await one.close()
    await kv.close()


async def test_two_of_three_dead_is_unreachable_and_heals(secured: Cluster) -> None:
    """Nothing is answered without a majority, not even a read: better no answer than an old one."""
    kv = secured.client(deadline=3.0)
    await kv.commit([Put("/a", b"1")])
    leader = await secured.leader()
    follower = (leader + 1) % len(secured.endpoints)
    for dies in (leader, follower):
        await secured.kill(dies)
    with pytest.raises(Unreachable):
        await kv.get("/a")
    with pytest.raises(Unreachable):
        await kv.commit([Put("/a", b"2")])
    for dies in (leader, follower):
        await secured.start(dies)
    await secured.answers(leader)
    entry = await kv.get("/a")
    assert entry is not None
    assert entry.value in (b"1", b"2")  # a write whose outcome is unknown
    await kv.close()


async def test_who_comes_without_certificate_or_password_is_not_let_in(secured: Cluster) -> None:
    ca, files = secured.files["ca.pem"], secured.files
    strangers = {
        "no TLS": (None, USER),
        "no certificate": (Tls.load(ca), USER),
        "a stranger's certificate": (Tls.load(ca, files["stranger.pem"], files["stranger.key"]), USER),
    }
    for what, (tls, login) in strangers.items():
        kv = EtcdKV(secured.endpoints, clock=SystemClock(), tls=tls, login=login, deadline=1.0)
        with pytest.raises(Unreachable):
            print(what, await kv.get("/a"))
        await kv.close()
    for wrong in (None, Login("esi", Secret("wrong")), Login("nobody", USER.password)):
        kv = EtcdKV(secured.endpoints, clock=SystemClock(), tls=secured.tls, login=wrong)
        with pytest.raises(Rejected):
            await kv.get("/a")
        await kv.close()


async def test_a_watch_that_is_all_we_have_logs_in_again(secured: Cluster) -> None:
    """The member has forgotten our token and has restarted, and no call of ours finds that out for the watch."""
    restarts = (await secured.leader() + 1) % len(secured.endpoints)
    kv, other = secured.client(endpoints=[secured.endpoints[restarts]]), secured.client()
    since = await kv.commit([Put("/n/0000", b"")])
    watching = asyncio.create_task(first(kv, since))
    for word in ("disable", "enable"):  # every token is forgotten, for certain
        await secured.ctl("auth", word)
    await secured.restart(restarts)
    await other.commit([Put("/n/0001", b"")])
    async with asyncio.timeout(30):
        assert await watching == "/n/0001"
    await kv.close()
    await other.close()


async def first(kv: EtcdKV, since: int) -> str:
    """The first key that changes after `since`."""
    async with aclosing(kv.watch("/n/", since=since)) as batches:
        async for batch in batches:
            return batch[0].key
    raise AssertionError("the watch has ended")
