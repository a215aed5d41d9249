"""One vpn_interface after the other on an idle ring, then at half of what the ring can do: where does the time go?"""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks import many
from benchmarks.arrivals import CLOCK, Look, Seen, arrive
from benchmarks.hops import Share, shares_of
from benchmarks.netconf import active
from benchmarks.processes import Children, client_of, make_chain, start_ring
from benchmarks.rows import Plan, Row, percentile
from esi.client.resources import Client
from esi.testing.chain import Wish

TITLE = "One VPN interface"
ABOUT = """From the POST until interface and gateway are ACTIVE: both routers configured, both BGP sessions seen up by
the agent. etcd, lab, API, worker and agent are processes of their own; commits take no time, sessions come up at
once, flow of 2018. *Half load* is an open arrival at half of the rate at which a burst is done just before. *Of one*
tells where the time of one of them went: each moment belongs to the youngest exchange that the flight recorder saw
under way, or to the work before the next."""


async def measure(plan: Plan) -> list[Row]:
    idle, burst, load = (4, 10, 10) if plan.quick else (30, 60, 60)
    rows = [
        Row("idle ring, p50", "ms", [], target="<= 120"),
        Row("idle ring, p99", "ms", []),
        Row("half load, p50", "ms", []),
        Row("half load, p99", "ms", [], target="<= 1000"),
    ]
    where: list[Share] = []
    for number in range(plan.runs(3)):
        found, where = await _run(plan, f"run-{number}", (idle, burst, load))
        for row, value in zip(rows, found, strict=True):
            row.ours.append(value * 1000)
    return rows + [Row(f"of one: {one.what}", "ms", [one.seconds * 1000], note=f"{one.times}x") for one in where]


async def _run(plan: Plan, name: str, counts: tuple[int, int, int]) -> tuple[list[float], list[Share]]:
    """p50 and p99 of both, in seconds; where the time of one went, by the flight recorder."""
    total = sum(counts)
    idle, burst = counts[0], counts[0] + counts[1]
    async with Children(plan.folder / name) as children:
        ring = await start_ring(children, flow="2018", lab=("1", "0", str(total)), watched=True)
        async with client_of(ring["api"]) as client:
            await make_chain(client, many.prerequisites())
            await many.put(client, (many.gateway(number) for number in range(total)))
            await active(children.folder, "vpn_gateway", total)
            wishes = [many.interface(number) for number in range(total)]
            alone = [await _once(client, children.folder, wish) for wish in wishes[:idle]]
            where = await shares_of(client, wishes[idle - 1].schema, wishes[idle - 1].id)
            began, seen = CLOCK.monotonic(), Seen()
            await many.put(client, wishes[idle:burst])
            await Look(children.folder, seen).until(burst, at_most=120)
            rate = counts[1] / (CLOCK.monotonic() - began)
            seen = Seen()
            async with asyncio.TaskGroup() as group:
                group.create_task(arrive(client, wishes[burst:], rate / 2, seen))
                group.create_task(Look(children.folder, seen).until(total, at_most=120))
    loaded = seen.seconds()
    return [percentile(times, share) for times in (alone, loaded) for share in (0.5, 0.99)], where


async def _once(client: Client, folder: Path, wish: Wish) -> float:
    seen = Seen()
    look = Look(folder, seen, pause=0.002)
    look.look()
    before = len(seen.done)
    await CLOCK.sleep(0.1)  # idle
    began = CLOCK.monotonic()
    await client.put(wish.schema, wish.id, wish.body)
    await look.until(before + 1, at_most=60)
    return CLOCK.monotonic() - began
