"""Run benchmarks, keep what they found as JSON, make the page of it.

python -m benchmarks [--quick] [--only post,vpn] [--to docs/benchmarks.json]

With --only the others keep what stands in the file, as long as it was measured in the same sizes.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.page import page
from benchmarks.rows import Plan
from esi.clock import SystemClock
from esi.kv.child import find_etcd

NAMES = (
    *("post", "postgresql", "vpn", "balancer", "arrival", "netconf", "stacks", "heat", "bus", "collector", "size"),
    "idle",
)
KEPT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.json"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: proves that everything works")
    parser.add_argument("--only", default=",".join(NAMES), help="names, comma separated")
    parser.add_argument("--to", type=Path, default=KEPT, help="the JSON; the page stands beside it")
    options = parser.parse_args(arguments)
    names = [name for name in options.only.split(",") if name]
    if unknown := sorted(set(names) - set(NAMES)):
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(NAMES)}")
    before = json.loads(options.to.read_text()) if options.to.exists() else {}
    found = before.get("benchmarks", {}) if before.get("quick") == options.quick else {}
    report = {"quick": options.quick, "at": datetime.now(UTC).date().isoformat(), "machine": machine()}
    for name in names:
        found[name] = asyncio.run(measured(name, quick=options.quick))
        report["benchmarks"] = {known: found[known] for known in NAMES if known in found}
        options.to.write_text(json.dumps(report, indent=1) + "\n")
        options.to.with_suffix(".md").write_text(page(report))
    print(f"{options.to.with_suffix('.md')} is written")
    return any("failed" in found[name] for name in names)


def module(name: str) -> Any:
    """The file of one benchmark."""
    return importlib.import_module(f"benchmarks.{name}")


async def measured(name: str, *, quick: bool) -> dict[str, Any]:
    """One benchmark's block. A benchmark that fails is told in its place; the others go on."""
    found = module(name)
    block: dict[str, Any] = {"title": found.TITLE, "about": found.ABOUT, "rows": []}
    clock = SystemClock()
    began = clock.monotonic()
    with tempfile.TemporaryDirectory(prefix="esi-bench-") as folder:
        try:
            rows = await found.measure(Plan(quick, Path(folder)))
        except Exception as error:  # noqa: BLE001 - the report names it, and the exit status
            block["failed"] = " ".join(f"{type(error).__name__}: {error}".split())[-2000:]
        else:
            block["rows"] = [dataclasses.asdict(row) for row in rows]
    block["seconds"] = round(clock.monotonic() - began, 1)
    print(f"{name}: {block['seconds']} s", block.get("failed", ""), flush=True)
    for row in block["rows"]:
        print("  ", row["what"], row["ours"], row["baseline"], row["target"], row["note"], flush=True)
    return block


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    info = Path("/proc/cpuinfo").read_text()
    cpu = next((line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")), "?")
    etcd = subprocess.run([find_etcd()[0], "--version"], capture_output=True, text=True, check=True).stdout
    return {
        "cores": os.cpu_count(),
        "cpu": cpu,
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "etcd": etcd.splitlines()[0].replace(" Version:", ""),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
