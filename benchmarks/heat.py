"""The same templates on the same lab: stacks by the embedded engine, and by OpenStack's Heat with our types inside."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import many
from benchmarks.netconf import CLOCK, active
from benchmarks.processes import ROOT, Children, client_of, make_chain, start_ring
from benchmarks.rows import Plan, Row
from esi.client.resources import Client
from esi.testing.chain import Wish
from esi.testing.openstack import ADMIN, running_heat, running_keystone
from esi.testing.ports import free_ports

TITLE = "Stacks by Heat"
ABOUT = """vpn_interfaces on gateways that stand, on a ring whose stacks the embedded engine makes, and (the baseline)
on one whose stacks OpenStack's Heat 27 makes: the same templates, resource types, routers that commit at once, nobody
watches. Heat has API and engine in one process, SQLite that waits in the place of failing, convergence, and a Keystone
of its own. *One* is from the POST until ACTIVE on an idle ring."""

PYTHON = ROOT / ".venv-peers" / "bin" / "python"


async def measure(plan: Plan) -> list[Row]:
    alone, burst = (2, 5) if plan.quick else (3, 8)
    rows = [Row("one, p50", "ms", []), Row(f"burst of {burst}", "per second", [])]
    known = PYTHON.exists()
    for number in range(plan.runs(1)):  # its baseline alone takes a minute, and nothing is promised
        for row, value in zip(rows, await _run(plan.folder / f"ours-{number}", (alone, burst), ()), strict=True):
            row.ours.append(value)
        if known:
            found = await _on_heat(plan.folder / f"heat-{number}", (alone, burst))
            for row, value in zip(rows, found, strict=True):
                row.baseline.append(value)
    if not known:
        rows[0].note = "no Heat could be installed here: nothing to compare with"
    return rows


async def _on_heat(folder: Path, counts: tuple[int, int]) -> tuple[float, float]:
    door = str(free_ports()[0])
    inside = {"ESI_RING__FOLDER": str(folder), "ESI_RING__MONITORING": "none", "ESI_DEVICES__PORT": door}
    with ExitStack() as stack:
        keystone = stack.enter_context(running_keystone(PYTHON, PYTHON.parent.parent / "keystone-snapshot"))
        stack.enter_context(running_heat(PYTHON, keystone, inside))
        settings = (f"heat.auth_url={keystone.url}", f"heat.password={ADMIN}", f"devices.port={door}")
        return await _run(folder, counts, [word for text in settings for word in ("--set", text)])


async def _run(folder: Path, counts: tuple[int, int], words: Sequence[str]) -> tuple[float, float]:
    """Milliseconds of one, and how many per second of many."""
    alone, total = counts[0], sum(counts)
    async with Children(folder) as children:
        ring = await start_ring(children, flow="2018", lab=("1", "0"), words=words)
        async with client_of(ring["api"]) as client:
            await make_chain(client, many.prerequisites())
            await many.put(client, (many.gateway(number) for number in range(total)))
            await active(folder, "vpn_gateway", total)
            wishes = [many.interface(number) for number in range(total)]
            times = [await _once(client, folder, number, wishes[number]) for number in range(alone)]
            began = CLOCK.monotonic()
            await many.put(client, wishes[alone:])
            await active(folder, "vpn_interface", total)
            return statistics.median(times) * 1000, counts[1] / (CLOCK.monotonic() - began)


async def _once(client: Client, folder: Path, before: int, wish: Wish) -> float:
    await CLOCK.sleep(0.1)  # idle
    began = CLOCK.monotonic()
    await client.put(wish.schema, wish.id, wish.body)
    await active(folder, "vpn_interface", before + 1, pause=0.002)
    return CLOCK.monotonic() - began
