"""An open arrival of services on routers that take a second to commit: one commit carries many services."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import many
from benchmarks.arrivals import CLOCK, Look, Seen, arrive
from benchmarks.captured import Loads, captured
from benchmarks.netconf import active
from benchmarks.processes import Children, client_of, make_chain, start_ring
from benchmarks.rows import Plan, Row, percentile
from esi.lab.control import ask

TITLE = "Open arrival"
ABOUT = """vpn_interfaces arrive at a fixed rate for 20 s, whatever becomes of the earlier ones, on router pairs whose
commits take 1 s; flow of 2018 (the secondary after the primary), nobody watches. *Refused*: one in a hundred names a
configuration group that no router has, and is refused at commit. The baseline commits each service alone, on both
routers at the same time, for 10 s."""

COMMIT_SECONDS = 1.0
RATE = 50.0


class Found(NamedTuple):
    """`p99` of those that became ACTIVE, in commit times; `per_second` from the first request until all were done;
    `commits` most per router and second; `busy` processor seconds per second, by process.
    """

    p99: float
    per_second: float
    commits: float
    busy: str


async def measure(plan: Plan) -> list[Row]:
    seconds, more = (5, 2) if plan.quick else (20, 20)
    one = [Row("50/s on one pair, p99", "commit times", [], target="<= 5"),
           Row("50/s on one pair, ACTIVE", "per second", [], target="ratio >= 5"),
           Row("50/s on one pair, commits of a router", "per second", [], target="<= 1")]  # fmt: skip
    bad = Row("50/s, 1 % refused: p99 of the good ones", "commit times", [])
    lost = Row("50/s, 1 % refused: what the good ones lose", "commit times", [], target="<= 3")
    four = [Row("100/s over four pairs, p99", "commit times", [], target="<= 5"),
            Row("100/s over four pairs, ACTIVE", "per second", []),
            Row("100/s over four pairs, commits of a router", "per second", [], target="<= 1")]  # fmt: skip
    before, loads = await asyncio.to_thread(captured, 40)
    for number in range(plan.runs(3)):
        place = plan.folder / str(number)
        found = await _ours(place / "one", 1, RATE, seconds, refused=False)
        _add(one, found)
        one[1].baseline.append(await _baseline(place / "alone", before, loads, seconds // 2))
        good = await _ours(place / "bad", 1, RATE, max(more // 2, 2), refused=True)
        bad.ours.append(good.p99)
        lost.ours.append(max(0.0, good.p99 - found.p99))
        _add(four, await _ours(place / "four", 4, 2 * RATE, more, refused=False))
    return [*one, bad, lost, *four]


def _add(rows: Sequence[Row], found: Found) -> None:
    for row, value in zip(rows, found[:3], strict=True):
        row.ours.append(value)
    rows[1].note = found.busy


async def _ours(folder: Path, pairs: int, rate: float, seconds: int, *, refused: bool) -> Found:
    count = int(rate * seconds)
    async with Children(folder) as children:
        ring = await start_ring(children, flow="2018", lab=(str(pairs), str(COMMIT_SECONDS)))
        async with client_of(ring["api"]) as client:
            await asyncio.gather(*(make_chain(client, many.prerequisites(pair)) for pair in range(pairs)))
            if refused:
                await make_chain(client, many.refused_service())
            places = [divmod(number, pairs) for number in range(count)]
            await many.put(client, (many.gateway(n, pair, refused=refused and n % 100 == 50) for n, pair in places))
            await active(children.folder, "vpn_gateway", count)
            commits, busy = await _commits(children), children.busy()
            seen, began = Seen(), CLOCK.monotonic()
            async with asyncio.TaskGroup() as group:
                group.create_task(arrive(client, [many.interface(n, pair) for n, pair in places], rate, seen))
                group.create_task(Look(folder, seen, pause=0.02).until(count, at_most=120))
            took = CLOCK.monotonic() - began
            spent = {name: (used - busy[name]) / took for name, used in children.busy().items()}
            made = max(after - before for before, after in zip(commits, await _commits(children), strict=True))
    good = [time / COMMIT_SECONDS for time in seen.seconds()]
    expected = sum(1 for n, _ in places if refused and n % 100 == 50)
    if len(seen.refused) != expected:
        raise RuntimeError(f"{len(seen.refused)} services are in ERROR, {expected} should be")
    return Found(
        percentile(good, 0.99),
        len(good) / took,
        made / took,
        "cores used: " + ", ".join(f"{name} {share:.2f}" for name, share in spent.items()),
    )


async def _commits(children: Children) -> list[int]:
    """How often each router has committed, by its own count."""
    return [device["commits"] for device in (await ask(children.folder / "lab", {"do": "list"}))["devices"]]


async def _baseline(folder: Path, before: Loads, loads: Loads, seconds: int) -> float:
    async with Children(folder) as children:
        lab = await children.python("lab", folder, "1", str(COMMIT_SECONDS))
        file = folder / "loads.json"
        file.write_text(json.dumps({"before": before, "loads": loads}))
        found = await children.result("baselines.netconf", lab["inventory"], file, "single", str(seconds))
        return float(found["count"] / found["seconds"])
