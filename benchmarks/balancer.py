"""Load balancers without the time that machines take to boot, one and thirty at once; addresses of one subnet."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from benchmarks.arrivals import CLOCK
from benchmarks.hops import Share, shares_of
from benchmarks.netconf import active
from benchmarks.processes import Children, client_of, cpu_seconds
from benchmarks.rows import Plan, Row, percentile
from esi.cli.demo.balancer import PREREQUISITES, REQUEST, TENANT
from esi.client.resources import Client

TITLE = "One load balancer"
ABOUT = """From the POST until the load balancer is ACTIVE, the last of all that it makes: ports plugged, its server
made and started again with them, its appliance licensed (which restarts it) and configured, all of it seen by the
agent. etcd, lab, Keystone, API, worker and agent are processes of their own; servers and appliances boot in no time,
flow of 2018. The baseline makes the same calls to Contrail, Nova and NITRO in the same order
(`benchmarks/baselines/balancer.txt`) and asks Nova every 2 ms whether it is done. *Addresses* are those of ports, each
the lowest that is free in one subnet, posted to the API alone, by the thousand: the last third of them, and as
baseline the first. *Of one*: as above."""

QUICK_LAB = ("--set", "lab.build_seconds=0", "--set", "lab.boot_seconds=0")
TOGETHER = 30
CONNECTIONS = "8"
PATIENCE_SECONDS = "60"
NETWORK, SUBNET = "00000000-0000-4000-8000-00000000ad01", "00000000-0000-4000-8000-00000000ad02"


async def measure(plan: Plan) -> list[Row]:
    alone, together, addresses = (2, 5, 2_000) if plan.quick else (6, TOGETHER, 6_000)
    one = Row("idle ring, p50", "ms", [], target="< 1000")
    late = Row("idle ring, p99", "ms", [])
    burst = Row(f"{together} at once, until all are ACTIVE", "s", [])
    cost = Row(f"of {addresses:,} addresses the last third", "processor ms each", [], target="ratio <= 1.2")
    where: list[Share] = []
    for number in range(plan.runs(3)):
        place = plan.folder / str(number)
        times, took, where = await _ours(place / "ours", alone, together)
        one.ours.append(percentile(times, 0.5) * 1000)
        late.ours.append(percentile(times, 0.99) * 1000)
        burst.ours.append(took)
        one.baseline.append(percentile(await _baseline(place / "theirs", alone), 0.5) * 1000)
    cost.ours, cost.baseline = await _addresses(plan.folder / "addresses", addresses)
    hops = [Row(f"of one: {share.what}", "ms", [share.seconds * 1000], note=f"{share.times}x") for share in where]
    return [one, late, burst, cost, *hops]


async def _ours(folder: Path, alone: int, together: int) -> tuple[list[float], float, list[Share]]:
    """Seconds of each that was alone, seconds until all of the others were ACTIVE, where the time of one went."""
    async with Children(folder) as children:
        url = await _start_ring(children)
        async with client_of(url) as client:
            await _prepare(client, folder)
            times = []
            for number in range(alone):
                await CLOCK.sleep(0.1)  # idle
                began = CLOCK.monotonic()
                made = await client.create("load_balancer", REQUEST)
                await active(folder, "load_balancer", number + 1, pause=0.005)
                times.append(CLOCK.monotonic() - began)
            where = await shares_of(client, "load_balancer", str(made["id"]))
            began = CLOCK.monotonic()
            await asyncio.gather(*(client.create("load_balancer", REQUEST) for _ in range(together)))
            await active(folder, "load_balancer", alone + together)
            return times, CLOCK.monotonic() - began, where


async def _start_ring(children: Children) -> str:
    """With a Nova, so with Keystone and Neutron's API; the URL of the API."""
    folder = ("--folder", str(children.folder))
    etcd, _ = await asyncio.gather(children.esi("etcd", *folder), children.esi("lab", *folder, *QUICK_LAB))
    where = (*folder, "--etcd", etcd["etcd"], "--flow", "2018")
    api = await children.esi("room", "api", "sync", "neutron", *where, "--port", "0", "--neutron-port", "0", name="api")
    await children.esi("room", "keystone", *folder, "--keystone-port", "0", name="keystone")
    agent = await children.esi("agent", *where, "--agent-port", "0")
    await children.esi("worker", *where, "--agent-url", agent["agent"])
    return api["api"]


async def _prepare(client: Client, folder: Path) -> None:
    """What one stands on, as in the record."""
    for group in PREREQUISITES:
        for item in group:
            made = await client.put(item.schema, item.id, item.body | {"tenant_id": TENANT})
            if "status" in made:
                await client.wait(item.schema, item.id, at_most=60.0)


async def _baseline(folder: Path, count: int) -> list[float]:
    async with Children(folder) as children:
        clouds = await children.python("clouds", folder)
        found = await children.result("baselines.balancer", str(count), json.dumps(clouds))
        return list(found["seconds"])


async def _addresses(folder: Path, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds that the API works for each port, by the thousand: of the last third, and of the first."""
    async with Children(folder) as children:
        words = ("--folder", str(folder), "--port", "0", "--monitoring", "none")
        url = (await children.esi("room", "api", *words, name="api"))["api"]
        async with client_of(url) as client:
            await client.put("network", NETWORK, {"name": "large", "tenant_id": TENANT})
            subnet = {"network_id": NETWORK, "cidr": "10.16.0.0/16", "tenant_id": TENANT}
            await client.put("subnet", SUBNET, subnet)
        port = json.dumps({"port": {"network_id": NETWORK, "tenant_id": TENANT}}).encode()
        bodies = folder / "bodies"
        bodies.write_bytes(b"\n".join([port] * 1000))
        costs = []
        for _ in range(count // 1000):
            before = cpu_seconds(children.pids["api"])
            found = await children.result("load", url, "/v2.0/ports", bodies, CONNECTIONS, PATIENCE_SECONDS)
            if found["wrong"] or found["count"] != 1000:
                raise RuntimeError(f"ports were refused: {found['wrong'][:1]}")
            costs.append(cpu_seconds(children.pids["api"]) - before)
        share = max(1, len(costs) // 3)
        return costs[-share:], costs[:share]
