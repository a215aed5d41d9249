"""A ring that has everything up to three gateways, made once in the simulation; then its API answers on loopback.

The database goes from memory into a file, so that requests meet the store as an installation has it, with its writer
thread and its groups of requests. No worker runs beside it: whatever changes, a request has changed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import cache
from pathlib import Path

from esi.api import ApiRoom
from esi.bootstrap.control import build_lifecycle
from esi.bootstrap.services import Services, load_services
from esi.clock import SystemClock
from esi.identity.tokens import TokenFile
from esi.store.sqlite import SqliteStore
from esi.tasks import Tasks
from esi.testing import chain, invariants
from esi.testing.loop import run
from esi.testing.ring import Snapshot, World

ALICE, BOB = chain.TENANT, "1b576f6f4cbf414f829cd12f008bf08f"
TOKENS = {"root": "token-of-root", "alice": "token-of-alice", "bob": "token-of-bob"}
PEOPLE = [
    {"token": TOKENS["root"], "user": "root", "roles": ["admin"]},
    {"token": TOKENS["alice"], "user": "alice", "tenant": ALICE, "roles": ["Member"]},
    {"token": TOKENS["bob"], "user": "bob", "tenant": BOB, "roles": ["Member"]},
]

FREE, FOREIGN = (f"00000000-0000-4000-8000-{number:012d}" for number in (21, 22))
"""Alice's second gateway, without an interface, and Bob's."""

SECRET = "hush-a-canary"
"""Stands in every key that is sent, and in no answer."""


@cache
def services() -> Services:
    return load_services("2018")


def gateways() -> list[chain.Wish]:
    """Alice's gateway with its interface, her second one, Bob's; VLANs 122 to 124 of the uplink."""
    body = chain.gateway().body
    first = chain.interface()
    return [
        chain.gateway(),
        first._replace(body={**first.body, "bgp_md5": SECRET}),
        chain.Wish("vpn_gateway", FREE, {**body, "uplink_vlan_id": "123"}),
        chain.Wish("vpn_gateway", FOREIGN, {**body, "uplink_vlan_id": "124", "tenant_id": BOB}),
    ]


@cache
def stage() -> Snapshot:
    """A world in which everything is ACTIVE and rests; made once."""
    return run(_staged())


async def _staged() -> Snapshot:
    world = World(services())

    async def build() -> None:
        for wish in [*chain.prerequisites(), *gateways()]:
            await world.ask(wish)
            await world.until_status(wish, "ACTIVE", None)  # type: ignore[arg-type]  # a service has no status
        await world.until(lambda: rests(world))

    await world.run(build())
    snapshot = world.snapshot()
    await world.store.close()
    return snapshot


async def rests(world: World) -> bool:
    return not await invariants.nothing_is_under_way(world)


def token_file(folder: Path) -> Path:
    path = folder / "tokens.json"
    path.write_text(json.dumps(PEOPLE))
    return path


@asynccontextmanager
async def served(folder: Path, begin: Snapshot) -> AsyncIterator[str]:
    """The URL of the API over a copy of a world's database at folder/esi.db."""
    database, clock = folder / "esi.db", SystemClock()
    database.write_bytes(begin.rows)
    store = SqliteStore(database, services().catalogue, clock=clock)
    room = ApiRoom(build_lifecycle(services(), store, clock), TokenFile(token_file(folder)), port=0)
    async with Tasks("served") as tasks:
        tasks.start("api", room.run())
        await room.ready.wait()
        yield room.url
    await store.close()


def rows(folder: Path) -> list[str]:
    """Every row of every table, as SQL."""
    with closing(sqlite3.connect(folder / "esi.db")) as connection:
        return list(connection.iterdump())
