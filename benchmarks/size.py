"""A hundred thousand resources: does it start, list, create and remember as it does with a thousand?"""

from __future__ import annotations

from pathlib import Path

import aiohttp

from benchmarks.arrivals import CLOCK
from benchmarks.filling import fill
from benchmarks.post import networks
from benchmarks.processes import Children, cpu_seconds, memory_mb
from benchmarks.rows import Plan, Row, percentile

TITLE = "A hundred thousand resources"
ABOUT = """Networks in SQL, in /config and /state of etcd, and as workers' copies. Each room is started in a process
of its own; *start* is until it says that it is ready and has been quiet for a second, less that second. The first sync
and the first jobs that ever start here compare everything and keep how far they have come; *room sync* and *room jobs*
are those that start after them, as in a ring that has been at work. The baseline is the same ring with a thousand
resources: ratios near 1 are flat."""

ROOMS = ("api", "first sync", "sync", "first jobs", "jobs", "heat", "devices", "monitoring", "agent")
MANY, FEW = 100_000, 1_000
REQUESTS = 200
JSON = {"Content-Type": "application/json"}


async def measure(plan: Plan) -> list[Row]:
    found: dict[int, dict[str, float]] = {}
    sizes = (1_000, 200) if plan.quick else (MANY, FEW)
    for size in sizes:
        found[size] = await _measured(plan.folder / str(size), size, 0.2 if plan.quick else 1.0)
    many, few = sizes
    rows = []
    for name, value in found[many].items():
        what, _, unit = name.partition(" | ")
        target = "<= 120" if unit == "MB" and not plan.quick else ""
        rows.append(Row(what, unit, [value], [found[few][name]], target))
    return rows


async def _measured(folder: Path, size: int, quiet: float) -> dict[str, float]:
    found: dict[str, float] = {}
    async with Children(folder) as children:
        where = ("--folder", str(folder))
        etcd = (await children.esi("etcd", *where))["etcd"]
        await children.esi("lab", *where)
        await fill(folder, etcd, size)
        for name in ROOMS:
            room = name.removeprefix("first ")
            words = (*where, "--flow", "2018", "--etcd", etcd, "--port", "0", "--set", "agent.port=0")
            began = CLOCK.monotonic()
            facts = await children.esi("room", room, *words, name=room)
            pid = children.pids[room]
            busy = await _quiet(pid, quiet)
            found[f"room {name}, start | s"] = busy - began
            found[f"room {name}, memory | MB"] = memory_mb(pid)
            if room == "api":
                page, create = await _requests(facts["api"])
                found |= {"list of 20, p50 | ms": page, "create, p50 | ms": create}
            children.stop(room)
    return found


async def _quiet(pid: int, seconds: float) -> float:
    """When the process had done all that it does at its start: from then on it idled for so long."""
    since, used = CLOCK.monotonic(), cpu_seconds(pid)
    while CLOCK.monotonic() - since < seconds:
        await CLOCK.sleep(0.05)
        now = cpu_seconds(pid)
        if now - used > 0.05 * seconds:
            since, used = CLOCK.monotonic(), now
    return since


async def _requests(url: str) -> tuple[float, float]:
    """Milliseconds: a page of a list, a create."""
    pages, creates = [], []
    async with aiohttp.ClientSession() as http:
        for number, body in enumerate(networks(REQUESTS)):
            began = CLOCK.monotonic()
            async with http.get(f"{url}/v2.0/flat_networks?limit=20&offset={number}&sort_key=id") as answer:
                if len((await answer.json())["flat_networks"]) != 20:
                    raise RuntimeError("the page is not full")
            pages.append(CLOCK.monotonic() - began)
            began = CLOCK.monotonic()
            async with http.post(f"{url}/v2.0/flat_networks", data=body, headers=JSON) as answer:
                if answer.status != 201:
                    raise RuntimeError(await answer.text())
            creates.append(CLOCK.monotonic() - began)
    return percentile(pages, 0.5) * 1000, percentile(creates, 0.5) * 1000
