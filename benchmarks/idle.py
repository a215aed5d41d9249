"""What a ring costs that has nothing to do, and how long one waits for it."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.arrivals import CLOCK
from benchmarks.processes import Children, cpu_seconds, descendants, memory_mb, start_ring
from benchmarks.rows import Plan, Row

TITLE = "Idle"
ABOUT = """Memory is the proportional set of every process, etcd included, a second after all are ready. `esi dev` is
the whole ring with its lab in one process beside etcd; *processes* are etcd, lab, API, worker and agent, each on its
own. *Cold start* begins in an empty folder, the other one in a folder that a ring has used before. The baseline of a
start is Python itself, which imports nothing."""

SECONDS = 3.0


async def measure(plan: Plan) -> list[Row]:
    memory = Row("`esi dev`, memory", "MB", [], target="< 250")
    cold = Row("`esi dev`, cold start", "s", [], target="< 3")
    again = Row("`esi dev`, start", "s", [], target="< 3")
    apart = Row("processes, memory", "MB", [], target="< 250")
    busy = Row("processes, processor", "% of a core", [])
    for number in range(plan.runs()):
        folder = plan.folder / f"dev-{number}"
        for row in (cold, again):
            seconds, used = await _dev(folder)
            row.ours.append(seconds)
            row.baseline.append(await _python(folder))
        memory.ours.append(used)
        async with Children(plan.folder / f"apart-{number}") as children:
            await start_ring(children, watched=True)
            await CLOCK.sleep(1)
            pids = [pid for root in children.pids.values() for pid in descendants(root)]
            before = sum(map(cpu_seconds, pids))
            seconds = 1.0 if plan.quick else SECONDS
            await CLOCK.sleep(seconds)
            apart.ours.append(sum(map(memory_mb, pids)))
            busy.ours.append((sum(map(cpu_seconds, pids)) - before) / seconds * 100)
    return [memory, apart, busy, cold, again]


async def _dev(folder: Path) -> tuple[float, float]:
    """Seconds until it is ready, and its memory."""
    async with Children(folder) as children:
        began = CLOCK.monotonic()
        await children.start(
            "dev", sys.executable, "-m", "esi", "dev", "--folder", folder, "--port", "0", "--agent-port", "0", "--json"
        )
        took = CLOCK.monotonic() - began
        await CLOCK.sleep(1)
        return took, sum(map(memory_mb, descendants(children.pids["dev"])))


async def _python(folder: Path) -> float:
    async with Children(folder) as children:
        began = CLOCK.monotonic()
        await children.start("python", sys.executable, "-c", "print('{}', flush=True)")
        return CLOCK.monotonic() - began
