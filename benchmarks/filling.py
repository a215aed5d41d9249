"""A ring that has been at work for years, made in a minute: rows, and the keys that the ring would have put."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.arrivals import CLOCK
from benchmarks.ring import with_own_service
from esi.bootstrap.services import load_services
from esi.kv import Put
from esi.kv.etcd import EtcdKV
from esi.model import keys
from esi.model.codec import dumps, encode_config, encode_state, encode_worker_config
from esi.model.resource import Ref, Resource
from esi.store import Tx
from esi.store.sqlite import SqliteStore
from esi.testing import chain

ROWS = 1000
KEYS = 99
TOGETHER = 8


async def fill(folder: Path, etcd: str, count: int) -> None:
    """`count` networks in the ring's database, in /config, /state, and as workers' copies."""
    with_own_service()
    catalogue = load_services("2018").catalogue
    store = SqliteStore(folder / "esi.db", catalogue, clock=CLOCK)
    rows = [_row(number) for number in range(count)]
    for first in range(0, count, ROWS):
        part = rows[first : first + ROWS]

        async def insert(tx: Tx, part: list[Resource] = part) -> None:
            for row in part:
                await tx.insert(row)

        await store.transaction(insert)
    await store.close()
    kv = EtcdKV([etcd], clock=CLOCK)
    puts = [put for row in rows for put in _puts(catalogue["flat_network"].path_of(row.id), row)]
    batches = [puts[first : first + KEYS] for first in range(0, len(puts), KEYS)]
    slots = asyncio.Semaphore(TOGETHER)

    async def commit(batch: list[Put]) -> None:
        async with slots:
            await kv.commit(batch)

    await asyncio.gather(*(commit(batch) for batch in batches))
    await kv.close()


def _row(number: int) -> Resource:
    body = {
        "id": f"00000000-0000-4000-9000-{number:012d}",
        "name": f"network {number}",
        "description": "what somebody wrote about it",
        "tenant_id": chain.TENANT,
        "admin_state_up": True,
        "shared": False,
        "external": False,
        "mtu": 1500,
        "cidr": f"10.{number >> 8 & 255}.{number & 255}.0/24",
        "segment": number + 1,
    }
    return Resource(Ref("flat_network", str(body["id"])), body, config_version=1, state_version=1)


def _puts(path: str, row: Resource) -> list[Put]:
    body = dumps(row.body)
    return [
        Put(keys.config_key(path), encode_config(body, 1)),
        Put(keys.state_key(path), encode_state({"worker_state": "CREATE_COMPLETE"}, 1)),
        Put(keys.worker_config_key(path), encode_worker_config(body.decode(), 1, deleted=False)),
    ]
