"""The database's rows of the failure matrix (docs/failures.md) for real: its lock held by a stranger, its disk full.

What is asked meanwhile is refused with a sentence and leaves nothing behind, or is kept and ends ACTIVE; what was under
way ends as if nothing had happened. Nobody restarts anything.
"""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from e2e.parted import Ring, parted_ring
from e2e.test_failures import gateway
from esi.bootstrap.database import DATABASE
from esi.errors import NotFound, Unreachable
from esi.model import keys
from esi.store.sqlite import BUSY_SECONDS
from esi.testing import chain
from esi.testing.etcd import running_etcd

pytestmark = pytest.mark.real

VERBS = ("create", "update", "delete")
DISK_BYTES = 32 << 20
NOW = "the database cannot be written or read now: "
LOCKED = NOW + "another process holds its lock"
FULL = NOW + "its disk is full"


@pytest.fixture(autouse=True)
def _programs(require: Callable[[str], Path]) -> None:
    require("etcd")


async def through(ring: Ring, wish: chain.Wish, verb: str, trouble: Callable[[], Iterator[None]], words: str) -> None:
    """One change whose answer comes while the database is in trouble, and a request that is refused meanwhile."""
    late = gateway(7)
    with ExitStack() as stack:
        with ring.stopped("worker"):
            await ring.ask(wish, verb)
            stack.enter_context(contextmanager(trouble)())
        with pytest.raises(Unreachable, match=words) as refused:
            await ring.client.put(late.schema, late.id, late.body)
        assert refused.value.details["status"] == 503
        with pytest.raises(NotFound):
            await ring.client.show(late.schema, late.id)
        await ring.says("api", words)
    await ring.over(wish, verb)
    assert await ring.kv.get(keys.config_key(f"/v2.0/vpn_gateways/{late.id}")) is None, "something half written"


async def test_a_stranger_holds_the_lock_of_the_database(tmp_path: Path) -> None:
    def held() -> Iterator[None]:
        with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as stranger:
            stranger.execute("BEGIN EXCLUSIVE")
            yield
            stranger.execute("ROLLBACK")

    wish = gateway(0)
    async with running_etcd(tmp_path / "etcd") as (child, _), parted_ring(tmp_path, [child.endpoint]) as ring:
        await through(ring, wish, "create", held, LOCKED)
        with contextmanager(held)():
            asking = asyncio.create_task(ring.ask(wish, "delete"))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(asking), BUSY_SECONDS / 5)
        await asking  # shorter than its patience: the request has only waited
        await ring.over(wish, "delete")
        await ring.nothing_is_left()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(folder)]
    done = subprocess.run(mount, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a disk that can be filled cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


async def test_the_disk_of_the_database_is_full(tmp_path: Path, disk: Path) -> None:
    def filled() -> Iterator[None]:
        junk = disk / "junk"
        with junk.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass
        yield
        junk.unlink()

    wish = gateway(0)
    async with (
        running_etcd(tmp_path / "etcd") as (child, _),
        parted_ring(tmp_path, [child.endpoint], database=disk) as ring,
    ):
        for verb in VERBS:
            await through(ring, wish, verb, filled, FULL)
        await ring.nothing_is_left()
