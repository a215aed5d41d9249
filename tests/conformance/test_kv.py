"""One suite for every member of the KV port: memory, a real etcd, and a cluster of three with TLS, user and password.

In the cluster every broken connection is the death of the member that leads, and we are a user with a role, not root.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from esi.errors import Broken, Compacted, EsiError, LeaseLost, Outrun
from esi.kv import MAX_OPS, Delete, Event, Guard, Put
from esi.kv.etcd import EtcdKV
from esi.kv.memory import MemoryKV, MemoryLease
from esi.testing.cluster import ANYTHING, Cluster
from esi.testing.etcd import etcdctl, needs_etcd, running_etcd

Kv = MemoryKV | EtcdKV


@dataclass
class Backend:
    """A member under test. `orphan` makes a lease whose holder is dead; `interrupt` breaks every connection."""

    kv: Kv
    orphan: Callable[[float], Awaitable[MemoryLease]] | Callable[[float], Awaitable[Orphan]]
    interrupt: Callable[[], Awaitable[None]]
    compact: Callable[[int], Awaitable[None]]


@dataclass
class Orphan:
    """A lease that nobody renews."""

    id: int
    lost: asyncio.Event

    async def revoke(self) -> None:
        raise NotImplementedError("nobody holds it")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One for all tests, started by the first of them; they leave it empty."""
    needs_etcd()
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), secured=True)
    yield cluster
    asyncio.run(cluster.close())


@asynccontextmanager
async def clustered(cluster: Cluster) -> AsyncIterator[Backend]:
    """The cluster, spoken to first at the member that leads; emptied afterwards."""
    if not cluster.started:
        await cluster.open(ANYTHING)
    at = await cluster.leader()
    kv = cluster.client(endpoints=[*cluster.endpoints[at:], *cluster.endpoints[:at]])

    async def granted(ttl: float) -> Orphan:
        words = (await cluster.ctl("lease", "grant", f"{ttl:.0f}")).split()
        return Orphan(int(words[1], 16), asyncio.Event())

    async def leader_dies() -> None:
        await cluster.restart(await cluster.leader())

    try:
        yield Backend(kv, granted, leader_dies, kv.compact)
    finally:
        keys = [entry.key for entry in (await kv.list("")).entries]
        for start in range(0, len(keys), MAX_OPS):
            await kv.commit([Delete(key) for key in keys[start : start + MAX_OPS]])
        await kv.close()


@pytest.fixture(params=["memory", *(pytest.param(name, marks=pytest.mark.real) for name in ("etcd", "cluster"))])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    if request.param == "memory":
        memory = MemoryKV()

        async def silent(ttl: float) -> MemoryLease:
            lease = await memory.lease(ttl)
            assert isinstance(lease, MemoryLease)
            lease.renewing = False
            return lease

        async def nothing() -> None:
            return None  # a dictionary has no connection that could break

        async def forget(revision: int) -> None:
            memory.compact(revision)

        yield Backend(memory, silent, nothing, forget)
        await memory.close()
        return
    if request.param == "cluster":
        async with clustered(request.getfixturevalue("cluster")) as found:
            yield found
        return
    async with running_etcd(tmp_path / "etcd") as (child, kv):

        async def granted(ttl: float) -> Orphan:
            words = (await asyncio.to_thread(etcdctl, child.endpoint, "lease", "grant", f"{ttl:.0f}")).split()
            return Orphan(int(words[1], 16), asyncio.Event())

        async def restart() -> None:
            await child.kill()
            await child.restart()

        yield Backend(kv, granted, restart, kv.compact)


@pytest.fixture
def kv(backend: Backend) -> Kv:
    return backend.kv


async def seen(kv: Kv, prefix: str, since: int, until: str) -> list[Sequence[Event]]:
    """The batches of a watch, up to the one that holds the key `until`."""
    batches: list[Sequence[Event]] = []
    async with asyncio.timeout(30), aclosing(kv.watch(prefix, since=since)) as watch:
        async for batch in watch:
            batches.append(batch)
            if any(event.key == until for event in batch):
                return batches
    raise AssertionError("the watch ended")


async def keys(kv: Kv, prefix: str) -> list[str]:
    return [entry.key for entry in (await kv.list(prefix)).entries]


async def test_get_absent_then_put_then_get(kv: Kv) -> None:
    assert await kv.get("/a") is None
    first = await kv.commit([Put("/a", b"1")])
    second = await kv.commit([Put("/a", bytes(range(256)))])
    entry = await kv.get("/a")
    assert entry is not None
    assert (entry.key, entry.value) == ("/a", bytes(range(256)))
    assert (entry.create_revision, entry.mod_revision) == (first, second)
    assert second == first + 1


async def test_create_revision_is_new_after_delete(kv: Kv) -> None:
    first = await kv.commit([Put("/a", b"1")])
    assert await kv.commit([Delete("/a")]) == first + 1
    assert await kv.get("/a") is None
    again = await kv.commit([Put("/a", b"1")])
    entry = await kv.get("/a")
    assert entry is not None
    assert entry.create_revision == again == first + 2


async def test_delete_of_absent_keys_makes_no_revision(kv: Kv) -> None:
    first = await kv.commit([Put("/a", b"1")])
    assert await kv.commit([Delete("/none")]) == first
    assert await kv.commit([Put("/a", b"2")]) == first + 1


@pytest.mark.parametrize("of", ["create", "mod"])
async def test_guard_that_fails_writes_nothing(kv: Kv, of: str) -> None:
    first = await kv.commit([Put("/lock", b"")])
    await kv.commit([Put("/lock", b"")])
    wrong = Guard("/lock", first + 1, "create") if of == "create" else Guard("/lock", first, "mod")
    right = Guard("/lock", first, "create") if of == "create" else Guard("/lock", first + 1, "mod")
    with pytest.raises(Outrun):
        await kv.commit([Put("/a", b""), Delete("/lock")], guards=[right, wrong])
    assert await keys(kv, "/") == ["/lock"]
    await kv.commit([Put("/a", b""), Delete("/lock")], guards=[right])
    assert await keys(kv, "/") == ["/a"]


async def test_guard_absent_lets_only_one_create(kv: Kv) -> None:
    async def create(name: int) -> int | None:
        try:
            return await kv.commit([Put("/one", str(name).encode())], guards=[Guard.absent("/one")])
        except Outrun:
            return None

    revisions = await asyncio.gather(*(create(name) for name in range(20)))
    assert len([revision for revision in revisions if revision]) == 1


async def test_guard_on_absent_key_by_mod_revision(kv: Kv) -> None:
    await kv.commit([Put("/a", b"")], guards=[Guard("/b", 0)])
    with pytest.raises(Outrun):
        await kv.commit([Put("/b", b"")], guards=[Guard("/a", 0)])


async def test_batch_is_one_revision_in_its_order(kv: Kv) -> None:
    before = await kv.commit([Put("/b/old", b"")])
    revision = await kv.commit([Put("/b/2", b""), Delete("/b/old"), Put("/b/1", b"x"), Put("/elsewhere", b"")])
    (batch,) = await seen(kv, "/b/", before, "/b/1")
    assert [(e.kind, e.key, e.value) for e in batch] == [
        ("put", "/b/2", b""),
        ("delete", "/b/old", b""),
        ("put", "/b/1", b"x"),
    ]
    assert {e.revision for e in batch} == {revision}
    assert [e.create_revision for e in batch] == [revision, 0, revision]


async def test_key_twice_in_one_commit_is_refused(kv: Kv) -> None:
    with pytest.raises(Broken):
        await kv.commit([Put("/a", b"1"), Delete("/a")])
    assert await kv.get("/a") is None


async def test_most_ops_are_accepted_and_one_more_refused(kv: Kv) -> None:
    ops = [Put(f"/n/{number:03}", b"") for number in range(MAX_OPS + 1)]
    with pytest.raises(Broken):
        await kv.commit(ops)
    assert await keys(kv, "/n/") == []
    await kv.commit(ops[:-1])
    assert len(await keys(kv, "/n/")) == MAX_OPS


async def test_prefix_holds_exactly_its_keys(kv: Kv) -> None:
    names = ["/a", "/a/", "/a/b", "/a/é", "/a/\U0010ffff", "/a0", "/b", "/a.b", "A", "\U0010ffff", "é"]
    await kv.commit([Put(name, b"") for name in names])
    assert await keys(kv, "/a/") == ["/a/", "/a/b", "/a/é", "/a/\U0010ffff"]
    assert await keys(kv, "/a") == ["/a", "/a.b", "/a/", "/a/b", "/a/é", "/a/\U0010ffff", "/a0"]
    assert await keys(kv, "") == sorted(names)
    assert await keys(kv, "\U0010ffff") == ["\U0010ffff"]
    assert await keys(kv, "/c") == []


async def test_watch_of_everything_and_of_one_prefix(kv: Kv) -> None:
    before = (await kv.list("/")).revision
    for name in ["/a", "/a/x", "/a0", "end"]:
        await kv.commit([Put(name, b"")])
    assert [e.key for batch in await seen(kv, "", before, "end") for e in batch] == ["/a", "/a/x", "/a0", "end"]
    await kv.commit([Put("/a/end", b"")])
    assert [e.key for batch in await seen(kv, "/a/", before, "/a/end") for e in batch] == ["/a/x", "/a/end"]


async def test_list_reads_one_revision_over_many_pages(kv: Kv) -> None:
    names = [f"/l/{number:04}" for number in range(500)]
    for start in range(0, 500, 100):
        await kv.commit([Put(name, b"0") for name in names[start : start + 100]])
    stop = asyncio.Event()

    async def disturb() -> int:
        turn = 0
        while not stop.is_set():
            turn += 1  # the two ends of the listing always change together; a key comes and goes
            come = Put("/l/0250x", b"") if turn % 2 else Delete("/l/0250x")
            await kv.commit([Put(names[0], b"%d" % turn), Put(names[-1], b"%d" % turn), come])
            await asyncio.sleep(0)
        return turn

    disturbing = asyncio.create_task(disturb())
    for _ in range(20):
        await asyncio.sleep(0)
        listing = await kv.list("/l/", page=10)
        found = {entry.key: entry for entry in listing.entries}
        assert list(found) == sorted(found)
        assert set(found) - {"/l/0250x"} == set(names)
        assert found[names[0]].value == found[names[-1]].value
        assert max(entry.mod_revision for entry in listing.entries) <= listing.revision
    stop.set()
    assert await disturbing >= 20


async def test_pages_are_the_list_in_parts(kv: Kv) -> None:
    for number in range(25):
        await kv.commit([Put(f"/p/{number:02d}", b"x")])
    whole = await kv.list("/p/")
    parts = [part async for part in kv.pages("/p/", page=10)]
    assert [entry for part in parts for entry in part.entries] == whole.entries
    assert {part.revision for part in parts} == {whole.revision}


async def test_many_commits_at_once_are_each_judged_by_themselves(kv: Kv) -> None:
    """Some meet in a key, some have guards that fail, one brings a lease that has ended."""
    lease = await kv.lease(5.0)
    await lease.revoke()
    first = await kv.commit([Put("/there", b"")])

    async def outcome(number: int) -> str:
        try:
            if number == 50:
                await kv.commit([Put("/leased", b"", lease)])
            elif number % 10 == 1:
                await kv.commit([Put(f"/never/{number}", b"")], guards=[Guard("/there", first + 1)])
            elif number % 10 == 2:
                await kv.commit([Put("/one", str(number).encode())], guards=[Guard.absent("/one")])
            else:
                await kv.commit([Put(f"/each/{number:03d}", b""), Put("/last", b"")], guards=[Guard("/there", first)])
        except EsiError as error:
            return error.code
        return "done"

    got = await asyncio.gather(*(outcome(number) for number in range(100)))
    assert got[50] == "lease_lost"
    assert {got[number] for number in range(1, 100, 10)} == {"outrun"}
    assert sorted(got[number] for number in range(2, 100, 10)) == ["done", *["outrun"] * 9]
    rest = [number for number in range(100) if number % 10 not in (1, 2) and number != 50]
    assert {got[number] for number in rest} == {"done"}
    keys = {entry.key for entry in (await kv.list("/")).entries}
    assert keys == {"/there", "/one", "/last", *(f"/each/{number:03d}" for number in rest)}


async def test_many_reads_at_once_each_get_their_own(kv: Kv) -> None:
    for start in range(0, 200, 100):
        await kv.commit([Put(f"/r/{number}", str(number).encode()) for number in range(start, start + 100)])
    found = await asyncio.gather(*(kv.get(f"/r/{number}") for number in range(-50, 200)))
    assert [entry and entry.value for entry in found] == [
        *[None] * 50,
        *(str(number).encode() for number in range(200)),
    ]


async def test_list_then_watch_misses_nothing(kv: Kv) -> None:
    await kv.commit([Put("/w/before", b"")])
    listing = await kv.list("/w/")
    await kv.commit([Put("/w/after", b"")])
    assert [e.key for batch in await seen(kv, "/w/", listing.revision, "/w/after") for e in batch] == ["/w/after"]


async def test_watch_sees_a_thousand_writes_once_and_in_order_over_a_restart(backend: Backend) -> None:
    kv = backend.kv
    since = (await kv.list("/")).revision
    watching = asyncio.create_task(seen(kv, "/t/", since, "/t/end"))
    for number in range(500):
        await kv.commit([Put(f"/t/{number}/a", b"%d" % number), Put(f"/t/{number}/b", b"")])
    await backend.interrupt()
    for number in range(500, 1000):
        await kv.commit([Put(f"/t/{number}/a", b"%d" % number), Put(f"/t/{number}/b", b"")])
    await kv.commit([Put("/t/end", b"")])
    batches = await watching
    expected = [f"/t/{number}/{half}" for number in range(1000) for half in "ab"] + ["/t/end"]
    assert [e.key for batch in batches for e in batch] == expected
    revisions = [sorted({e.revision for e in batch}) for batch in batches]
    flat = [revision for of_batch in revisions for revision in of_batch]
    assert flat == sorted(set(flat))  # in order, and no revision in two batches


async def test_two_watches_are_independent(kv: Kv) -> None:
    since = await kv.commit([Put("/x/0", b"")])
    first = asyncio.create_task(seen(kv, "/x/", since, "/x/2"))
    second = asyncio.create_task(seen(kv, "/x/", since - 1, "/x/1"))
    await kv.commit([Put("/x/1", b"")])
    await kv.commit([Put("/x/2", b"")])
    assert [e.key for batch in await first for e in batch] == ["/x/1", "/x/2"]
    assert [e.key for batch in await second for e in batch][:2] == ["/x/0", "/x/1"]


async def test_watch_from_a_compacted_revision(backend: Backend) -> None:
    kv = backend.kv
    first = await kv.commit([Put("/c", b"1")])
    await kv.commit([Put("/c", b"2")])
    gone = await kv.commit([Delete("/c")])
    await backend.compact(gone)
    for since in (first, gone - 1):
        with pytest.raises(Compacted):
            await seen(kv, "/c", since, "/c")
    await kv.commit([Put("/c", b"3")])
    (batch,) = await seen(kv, "/c", gone, "/c")
    assert [e.value for e in batch] == [b"3"]


async def test_watch_that_is_overtaken_by_a_compaction_loses_no_deletion(backend: Backend) -> None:
    """etcd 3.4 catches a new watch up within 100 ms, and forgets a deletion of the very revision it is compacted at."""
    kv = backend.kv
    for number in range(12):
        before = await kv.commit([Put(f"/o/{number}", b"1")])
        gone = await kv.commit([Delete(f"/o/{number}"), Put("/o/last", b"1")])
        watching = asyncio.create_task(seen(kv, "/o/", before, "/o/last"))
        await asyncio.sleep(0.008 * number)
        await backend.compact(gone)
        try:
            kinds = [event.kind for batch in await watching for event in batch]
        except Compacted:
            continue
        assert kinds == ["delete", "put"]


async def test_watch_from_a_revision_that_was_never_reached(kv: Kv) -> None:
    """The store was set back to an older state (or is another one): what we know is worth nothing."""
    now = await kv.commit([Put("/c", b"1")])
    with pytest.raises(Compacted):
        await seen(kv, "/c", now + 1000, "/c")


async def test_lease_that_nobody_renews_takes_its_keys_away(backend: Backend) -> None:
    kv = backend.kv
    lease = await backend.orphan(2.0)
    before = await kv.commit([Put("/m/leased", b"", lease), Put("/m/kept", b"")])
    watching = asyncio.create_task(seen(kv, "/m/leased", before, "/m/leased"))
    ((event,),) = await watching
    assert (event.kind, event.key) == ("delete", "/m/leased")
    assert await keys(kv, "/m/") == ["/m/kept"]
    with pytest.raises(LeaseLost):
        await kv.commit([Put("/m/leased", b"", lease)])


async def test_lease_is_renewed_by_itself(backend: Backend) -> None:
    kv = backend.kv
    orphan, held = await backend.orphan(4.0), await kv.lease(2.0)
    before = await kv.commit([Put("/held", b"", held), Put("/orphan", b"", orphan)])
    await seen(kv, "/orphan", before, "/orphan")  # twice the time of the one that is renewed has passed
    assert await keys(kv, "/") == ["/held"]
    assert not held.lost.is_set()


async def test_lease_given_back_frees_all_its_keys_in_one_revision(kv: Kv) -> None:
    lease = await kv.lease(60.0)
    names = [f"/m/{number}" for number in range(5)]
    before = await kv.commit([Put(name, b"", lease) for name in names])
    await lease.revoke()
    assert lease.lost.is_set()
    batches = await seen(kv, "/m/", before, names[-1])
    assert sorted(e.key for batch in batches for e in batch) == names
    assert {e.revision for batch in batches for e in batch} == {before + 1}
    assert await keys(kv, "/m/") == []


async def test_put_without_lease_takes_a_key_out_of_its_lease(kv: Kv) -> None:
    lease = await kv.lease(60.0)
    await kv.commit([Put("/m", b"1", lease)])
    await kv.commit([Put("/m", b"2")])
    await lease.revoke()
    assert await keys(kv, "/m") == ["/m"]


async def test_budgets_are_counted(kv: Kv) -> None:
    reads, commits = kv.reads, kv.commits
    await kv.commit([Put("/a", b"1")])
    with pytest.raises(Outrun):
        await kv.commit([Put("/a", b"2")], guards=[Guard.absent("/a")])
    await kv.get("/a")
    await kv.list("/a")
    assert (kv.reads - reads, kv.commits - commits) == (2, 1)
