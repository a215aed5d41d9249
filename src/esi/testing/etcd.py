"""An etcd for tests: a real one, started as a child of the test and gone with it.

`needs_etcd()` skips a test with its reason on a desk without etcd, and fails it where ESI_REQUIRE names etcd (CI).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from esi.clock import SystemClock
from esi.errors import Unsupported
from esi.kv.child import QUOTA_BYTES, EtcdChild, find_etcd
from esi.kv.etcd import EtcdKV


def required(backend: str) -> bool:
    """Whether ESI_REQUIRE (names, comma separated) says that `backend` must not be missing."""
    return backend in os.environ.get("ESI_REQUIRE", "").split(",")  # noqa: TID251 - the switch of the tests, not of the product


def needs_etcd() -> None:
    """Skip, or fail where etcd is required."""
    try:
        find_etcd()
    except Unsupported as error:
        if required("etcd"):
            pytest.fail(error.message)
        pytest.skip(error.message)


@asynccontextmanager
async def running_etcd(folder: Path, *, quota_bytes: int = QUOTA_BYTES) -> AsyncIterator[tuple[EtcdChild, EtcdKV]]:
    """A fresh etcd in `folder` and a client of it."""
    needs_etcd()
    async with EtcdChild(folder, clock=SystemClock(), quota_bytes=quota_bytes) as child:
        kv = EtcdKV([child.endpoint], clock=SystemClock())
        try:
            yield child, kv
        finally:
            await kv.close()


def etcdctl(endpoints: str, *arguments: str, flags: Sequence[str] = ()) -> str:
    """What the ordinary etcdctl says to `arguments`; `endpoints` comma separated."""
    found = shutil.which("etcdctl") or str(find_etcd()[0].parent / "etcdctl")
    done = subprocess.run(
        [found, "--endpoints", endpoints, *flags, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={"ETCDCTL_API": "3", "PATH": "/usr/local/bin:/usr/bin:/bin"},
    )
    return done.stdout
