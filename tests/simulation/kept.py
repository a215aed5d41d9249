"""All that a create may change and its delete must give back: tables, keys in etcd, routers. Read at rest.

Only what tells of the past may grow: the change log, closed rows of resource_mapping.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from difflib import ndiff
from typing import Any

from esi.model import keys
from esi.sync.taken import POOL
from esi.testing import invariants
from esi.testing.ring import ADMIN, World

HISTORY = ("esi_log", "resource_mapping", "sqlite_sequence")
"""Tables that tell of the past. What was mapped is checked apart: nothing is left open."""

COUNTS = "esi_counts"
"""How many rows there are, by schema and tenant; none is none, whether it is written down or not."""

ALLOCATIONS = "esi_allocations"
"""Where the sync has its word, too, which is another one each time."""

PASSING = (keys.DEVICES, keys.SESSIONS, keys.TOPICS, keys.GROUPS, keys.CONSUMERS, keys.AGENTS, keys.MASTER)
"""Keys that come and go by themselves, or are kept for others for a day."""


@dataclass(frozen=True)
class Kept:
    tables: dict[str, list[tuple[Any, ...]]]
    keys: list[str]
    routers: dict[str, str]

    def without(self, *schemas: str) -> Kept:
        """With nothing of these, nor how many there are."""
        tables = {name: rows for name, rows in self.tables.items() if name not in schemas}
        tables[COUNTS] = [row for row in tables.get(COUNTS, []) if row[0] not in schemas]
        return replace(self, tables=tables)


async def keep(world: World) -> Kept:
    listing = await world.kv.list("/")
    stand = sorted(without_row(entry.key) for entry in listing.entries if not entry.key.startswith(PASSING))
    return Kept(tables(world.store.snapshot()), stand, dict(invariants.configurations(world)))


def without_row(key: str) -> str:
    """What is mapped anew, in a later version, is another row."""
    return key.rpartition("/")[0] if key.startswith(keys.MAPPINGS) else key


def tables(database: bytes) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table; the columns that begin with _ hold versions, reports and times."""
    connection = sqlite3.connect(":memory:")
    connection.deserialize(database)
    found = {}
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall():
        if name in HISTORY:
            continue
        columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{name}")') if not row[1].startswith("_")]
        rows = connection.execute(f'SELECT {", ".join(map(quoted, columns))} FROM "{name}"').fetchall()
        if name == ALLOCATIONS:
            rows = [row for row in rows if row[0] != POOL]
        if name == COUNTS:
            rows = [row for row in rows if row[-1] and row[0] not in HISTORY]
        found[name] = sorted(rows, key=repr)
    connection.close()
    return found


def quoted(name: str) -> str:
    return f'"{name}"'


def differences(now: Kept, before: Kept) -> list[str]:
    """What stands otherwise than before, in words."""
    found = []
    for name in sorted(now.tables.keys() | before.tables.keys()):
        rows, old = now.tables.get(name, []), before.tables.get(name, [])
        found += [f"{name}: {row} is left" for row in rows if row not in old]
        found += [f"{name}: {row} is missing" for row in old if row not in rows]
    found += [f"{key} is left" for key in now.keys if key not in before.keys]
    found += [f"{key} is missing" for key in before.keys if key not in now.keys]
    for ip, text in now.routers.items():
        lines = ndiff(before.routers[ip].splitlines(), text.splitlines())
        found += [f"{ip}: {line}" for line in lines if line.startswith(("+", "-"))]
    return found


async def rest(world: World, *, within: float = 600.0) -> None:
    """Until nothing is under way: every row has its last word, and what was said has been taken."""

    async def quiet() -> bool:
        if await invariants.nothing_is_under_way(world):
            return False
        shown = [await world.lifecycle.show(ADMIN, ref) for _, ref in await world.lifecycle.due(1000)]
        return not any(str(body["status"]).startswith("PENDING") for body in shown)

    await world.until(quiet, within=within)
    await world.clock.sleep(2.0)
    await world.until(quiet, within=within)
