"""Stacks per second, with resources that do nothing: what orchestration itself costs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.arrivals import CLOCK
from benchmarks.engine import TEMPLATE
from benchmarks.processes import ROOT, Children
from benchmarks.rows import Plan, Row

TITLE = "Stacks"
ABOUT = """Stacks of two resources that do nothing, until all are CREATE_COMPLETE. Ours has its records in a real etcd,
synced to disk. The baseline is Heat 27.0.1 with a resource type that does nothing, either: API and engine in one
process without Keystone, SQLite with write-ahead log and without sync, convergence off: the fastest that was found."""

HEAT = ROOT / ".venv-peers"
TOGETHER = 16
STEPS_SECONDS = 0.1


async def measure(plan: Plan) -> list[Row]:
    ours, theirs = (200, 6) if plan.quick else (2000, 40)
    row = Row("stacks", "per second", [], target="ratio >= 20")
    known = (HEAT / "bin" / "heat-manage").exists()
    if not known:
        row.note = "no Heat could be installed here: nothing to compare with"
    for number in range(plan.runs(3)):
        row.ours.append(await _ours(plan.folder / f"ours-{number}", ours))
        if known:
            row.baseline.append(await _heat(plan.folder / f"heat-{number}", theirs))
    return [row]


async def _ours(folder: Path, count: int) -> float:
    async with Children(folder) as children:
        etcd = await children.esi("etcd", "--folder", str(folder))
        found = await children.result("engine", etcd["etcd"], str(count))
        return float(found["count"] / found["seconds"])


async def _heat(folder: Path, count: int) -> float:
    async with Children(folder) as children:
        program = ROOT / "benchmarks" / "baselines" / "heat.py"
        heat = await children.start("heat", HEAT / "bin" / "python", "-P", program, folder)
        async with aiohttp.ClientSession(headers={"X-Auth-Token": "any"}) as http:
            began = CLOCK.monotonic()
            slots = asyncio.Semaphore(TOGETHER)

            async def one(number: int) -> None:
                name = f"stack-{number}"
                body = {"stack_name": name, "template": TEMPLATE, "parameters": {"name": name}, "timeout_mins": 5}
                async with slots, http.post(f"{heat['heat']}/stacks", json=body) as answer:
                    if answer.status != 201:
                        raise RuntimeError(f"Heat: {answer.status} {(await answer.text())[:500]}")

            await asyncio.gather(*(one(number) for number in range(count)))
            await _complete(http, heat["heat"], count)
            return count / (CLOCK.monotonic() - began)


async def _complete(http: aiohttp.ClientSession, url: str, count: int) -> None:
    while True:
        async with http.get(f"{url}/stacks") as answer:
            stacks: list[dict[str, Any]] = (await answer.json())["stacks"]
        words = [stack["stack_status"] for stack in stacks]
        if "CREATE_FAILED" in words:
            raise RuntimeError(f"Heat: {next(one for one in stacks if one['stack_status'] == 'CREATE_FAILED')}")
        if words.count("CREATE_COMPLETE") == count:
            return
        await CLOCK.sleep(STEPS_SECONDS)
