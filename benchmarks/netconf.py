"""Services per second when routers commit at once: what is left is the ring's own work."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import NamedTuple

from benchmarks import many
from benchmarks.captured import Loads, captured
from benchmarks.processes import Children, client_of, make_chain, start_ring
from benchmarks.rows import Plan, Row
from esi.clock import SystemClock

TITLE = "Instant commits"
ABOUT = """A burst of vpn_interfaces on gateways that stand, until all are ACTIVE, and again the gateways, which the
interfaces change; routers commit at once. The baseline is a NETCONF loop that already holds what the ring would send:
the same requests, as few commits as 256 services in each allow, both routers at the same time. It has no API, no
database, no etcd, no jobs and no templates.
*Recorded*: the baseline is the same ring with its flight recorder off. Where the cores are the limit, this is what
services per second lose; it is told for each millisecond of etcd and lab, because the speed of a machine changes by
more, from one minute to the next, than what recording costs."""

CLOCK = SystemClock()


class Burst(NamedTuple):
    """`rate` per second; processor milliseconds of each process `spent` for each service."""

    rate: float
    spent: dict[str, float]

    @property
    def share(self) -> float:
        """What all need for each millisecond of etcd and lab, to which recording is nothing."""
        return sum(self.spent.values()) / (self.spent["etcd"] + self.spent["lab"])


async def measure(plan: Plan) -> list[Row]:
    count = 40 if plan.quick else 300
    before, loads = await asyncio.to_thread(captured, count)
    ours, unrecorded, theirs = list[Burst](), list[Burst](), list[float]()
    for _ in range(plan.runs()):
        ours.append(await _ours(plan.folder, count))
        unrecorded.append(await _ours(plan.folder, count, "--set", "trace.on=false"))
        theirs.append(await _baseline(plan.folder, before, loads))
    middle = sorted(ours, key=lambda one: one.rate)[len(ours) // 2].spent
    note = "ms of a core for each: " + ", ".join(f"{name} {spent:.1f}" for name, spent in middle.items())
    return [
        Row(f"burst of {count} vpn_interfaces", "per second", [one.rate for one in ours], theirs, "ratio >= 0.2", note),
        Row(
            "recorded: processor time of all processes",
            "for each of etcd and lab",
            [one.share for one in ours],
            [one.share for one in unrecorded],
            "" if plan.quick else "ratio <= 1.05",
        ),
    ]


async def _ours(folder: Path, count: int, *words: str) -> Burst:
    async with Children(folder / f"ours-{CLOCK.monotonic()}") as children:
        ring = await start_ring(children, flow="2018", lab=("1", "0"), words=words)
        async with client_of(ring["api"]) as client:
            await make_chain(client, many.prerequisites())
            await many.put(client, (many.gateway(number) for number in range(count)))
            await active(children.folder, "vpn_gateway", count)
            began, before = CLOCK.monotonic(), children.busy()
            await many.put(client, (many.interface(number) for number in range(count)))
            await active(children.folder, "vpn_interface", count)
            await active(children.folder, "vpn_gateway", count)
            took, after = CLOCK.monotonic() - began, children.busy()
    return Burst(count / took, {name: (after[name] - used) / count * 1000 for name, used in before.items()})


async def active(folder: Path, schema: str, count: int, *, at_most: float = 120.0, pause: float = 0.02) -> None:
    """Wait until so many are ACTIVE in the database, looked at from outside, so that the API is left alone."""
    end = CLOCK.monotonic() + at_most
    rows = sqlite3.connect(f"file:{folder / 'esi.db'}?mode=ro", uri=True)
    try:
        while True:
            found = dict(rows.execute(f"SELECT status, count(*) FROM {schema} GROUP BY status"))
            if found.get("ACTIVE", 0) >= count:
                return
            if CLOCK.monotonic() > end:
                raise RuntimeError(f"{schema} after {at_most:.0f} s: {found}")
            await CLOCK.sleep(pause)
    finally:
        rows.close()


async def _baseline(folder: Path, before: Loads, loads: Loads) -> float:
    async with Children(folder / f"theirs-{CLOCK.monotonic()}") as children:
        lab = await children.python("lab", children.folder, "1", "0")
        file = children.folder / "loads.json"
        file.write_text(json.dumps({"before": before, "loads": loads}))
        found = await children.result("baselines.netconf", lab["inventory"], file, "grouped", "600")
        return float(found["count"] / found["seconds"])
