"""Mirror and leader on a real etcd: a restart, a compaction meanwhile, and the death of who leads."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

import esi
from esi.clock import SystemClock
from esi.errors import Outrun
from esi.kv import Delete, Put
from esi.kv.etcd import EtcdKV
from esi.runtime import Leader, Mirror
from esi.tasks import Tasks
from esi.testing.etcd import running_etcd

pytestmark = pytest.mark.real

_LEADER = """
import asyncio, sys
from esi.clock import SystemClock
from esi.kv.etcd import EtcdKV
from esi.runtime import Leader
async def main():
    kv = EtcdKV([sys.argv[1]], clock=SystemClock())
    async with Leader(kv, "/leader", b"child", clock=SystemClock(), ttl=2.0).term() as term:
        print(term.revision, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_mirror_goes_on_over_restart_and_compaction(tmp_path: Path) -> None:
    async with running_etcd(tmp_path / "etcd") as (child, kv):
        await kv.commit([Put("/a/gone", b"1"), Put("/a/same", b"1")])
        mirror = Mirror(kv, ["/a/"], clock=SystemClock())
        changed = asyncio.Event()
        heard: list[str] = []

        def listen(key: str, event: object) -> None:
            heard.append(key)
            changed.set()

        mirror.listen(listen)
        async with Tasks("test") as tasks, asyncio.timeout(20):
            tasks.start("mirror", mirror.run())
            await mirror.synced.wait()
            heard.clear()
            await child.kill()
            await child.restart()
            other = EtcdKV([child.endpoint], clock=SystemClock())
            revision = await other.commit([Delete("/a/gone"), Put("/a/new", b"1")])
            await other.compact(revision)
            await other.commit([Put("/a/last", b"1")])
            while "/a/last" not in mirror:
                changed.clear()
                await changed.wait()
            await other.close()
        assert sorted(heard) == ["/a/gone", "/a/last", "/a/new"]
        assert [entry.key for entry in mirror.items()] == ["/a/last", "/a/new", "/a/same"]


async def test_leader_that_is_killed_is_followed_and_fenced(tmp_path: Path) -> None:
    async with running_etcd(tmp_path / "etcd") as (child, kv):
        path = {"PYTHONPATH": str(Path(esi.__file__).parents[1])}
        first = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _LEADER, child.endpoint, stdout=asyncio.subprocess.PIPE, env=path
        )
        assert first.stdout is not None
        revision = int(await first.stdout.readline())
        first.kill()
        await first.wait()
        async with asyncio.timeout(10), Leader(kv, "/leader", b"next", clock=SystemClock()).term() as term:
            assert term.revision > revision
            await kv.commit([Put("/work", b"")], guards=[term.guard])
            await kv.commit([Delete("/leader")])
            await term.lost.wait()
        with pytest.raises(Outrun):
            await kv.commit([Put("/work", b"")], guards=[term.guard])


async def test_next_leader_starts_when_the_first_ends(tmp_path: Path) -> None:
    async with running_etcd(tmp_path / "etcd") as (child, kv):
        other = EtcdKV([child.endpoint], clock=SystemClock())
        second = Leader(other, "/leader", b"2", clock=SystemClock(), ttl=60.0)
        leads = asyncio.Event()

        async def wait() -> None:
            async with second.term():
                leads.set()

        async with Tasks("test") as tasks, asyncio.timeout(10):
            async with Leader(kv, "/leader", b"1", clock=SystemClock(), ttl=60.0).term():
                waiting = tasks.start("second", wait())
                await asyncio.sleep(0.2)
                assert not leads.is_set()
            await leads.wait()  # long before the lease of a minute could have ended
            await waiting
        await other.close()
