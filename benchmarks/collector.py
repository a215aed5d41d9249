"""How many SNMP targets one agent, on one core, looks at per second."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import yaml
from gufo.snmp.aio import SnmpSession

from benchmarks.arrivals import CLOCK
from benchmarks.processes import Children
from benchmarks.rows import Plan, Row, in_turn
from esi.agent.records import encode
from esi.kv import Put
from esi.kv.etcd import EtcdKV
from esi.model import keys
from esi.model.target import Target

TITLE = "Collector"
ABOUT = """Ports of devices, asked by SNMP for name, state and two counters. All are one snmpd of net-snmp on loopback.
`esi agent` has more targets than it can look at in a second, keeps samples, and writes to etcd what changes; what waits
for one device goes in one request, ten ports at most. The baseline, a bare gufo-snmp loop of 64 sessions, makes one
request for each. Both are held to one core."""

COMMUNITY = "bench"
DEVICES = 64
TOGETHER = 60
ONE_CORE = ("taskset", "-c", "0")


async def measure(plan: Plan) -> list[Row]:
    snmpd = shutil.which("snmpd") or shutil.which("snmpd", path="/usr/sbin:/sbin")
    if snmpd is None:
        return [Row("targets", "per second", [], note="net-snmp's snmpd is not installed (Debian: snmpd)")]
    seconds = 2.0 if plan.quick else 5.0
    async with Children(plan.folder / "snmpd") as children:
        port = await _start_snmpd(children, snmpd)
        ours, theirs = await in_turn(
            plan.runs(),
            lambda: _ours(plan.folder / f"ours-{CLOCK.monotonic()}", port, seconds),
            lambda: _baseline(plan.folder / f"theirs-{CLOCK.monotonic()}", port, seconds),
        )
    return [Row("targets", "per second", ours, theirs, ">= 3000")]


async def _start_snmpd(children: Children, snmpd: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    file = children.folder / "snmpd.conf"
    file.write_text(
        f"agentaddress udp:127.0.0.1:{port}\nrocommunity {COMMUNITY} 127.0.0.1\ndontLogTCPWrappersConnects yes\n"
    )
    kept = f"SNMP_PERSISTENT_DIR={children.folder / 'kept'}"
    await children.launch("snmpd", "env", kept, snmpd, "-f", "-Lo", "-C", "-c", file, "-m", "")
    async with asyncio.timeout(20):
        while True:
            try:
                async with SnmpSession("127.0.0.1", port, community=COMMUNITY, timeout=0.5) as session:
                    await session.get("1.3.6.1.2.1.31.1.1.1.1.1")
                    return port
            except (TimeoutError, OSError):
                await CLOCK.sleep(0.1)


async def _ours(folder: Path, port: int, seconds: float) -> float:
    count = 4000 if seconds > 2 else 3000
    async with Children(folder) as children:
        devices = [f"10.90.0.{number}" for number in range(1, DEVICES + 1)]
        place = {"host": "127.0.0.1", "port": 1, "host_key": "none", "snmp": {"host": "127.0.0.1", "port": port}}
        (folder / "inventory.yaml").write_text(yaml.safe_dump(dict.fromkeys(devices, place)))
        etcd = await children.esi("etcd", "--folder", str(folder))
        await _put_targets(etcd["etcd"], devices, count)
        words = ("--folder", str(folder), "--etcd", etcd["etcd"], "--agent-port", "0", "--interval", "1", "--json")
        agent = await children.start("agent", *ONE_CORE, sys.executable, "-m", "esi", "agent", *words)
        async with aiohttp.ClientSession() as http:
            while await _looks(http, agent["agent"]) < count:  # everybody once: what is new is written to etcd
                await CLOCK.sleep(0.1)
            began, before = CLOCK.monotonic(), await _looks(http, agent["agent"])
            await CLOCK.sleep(seconds)
            return (await _looks(http, agent["agent"]) - before) / (CLOCK.monotonic() - began)


async def _put_targets(etcd: str, devices: Sequence[str], count: int) -> None:
    kv = EtcdKV([etcd], clock=CLOCK)
    puts = [Put(keys.target_key(f"t{n}"), encode(_target(n, devices[n % len(devices)]), "rest")) for n in range(count)]
    for first in range(0, count, TOGETHER):
        await kv.commit(puts[first : first + TOGETHER])
    await kv.close()


def _target(number: int, ip: str) -> Target:
    return Target(
        id=f"t{number}",
        tenant_id="bench",
        version=1,
        resource_id=f"port-{number}",
        resource_type="er_physical_interfaces",
        field_name="status",
        type="snmp_ports",
        properties={"device_ip": ip, "community_name": COMMUNITY, "if_name": "lo"},
        syncer_properties={"etcd": {"status": {"key": "status"}}},
        created_at=CLOCK.now(),
    )


async def _looks(http: aiohttp.ClientSession, url: str) -> int:
    async with http.get(f"{url}/metrics") as answer:
        text = await answer.text()
    failed = re.search(r"^\S*looks_failed_total (\d+)", text, re.MULTILINE)
    if failed and int(failed[1]):
        raise RuntimeError(f"{failed[1]} looks have failed")
    found = re.search(r"^\S*looks_total (\d+)", text, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"the agent tells no looks:\n{text[:500]}")
    return int(found[1])


async def _baseline(folder: Path, port: int, seconds: float) -> float:
    async with Children(folder) as children:
        program = (sys.executable, "-m", "benchmarks.baselines.snmp")
        found = await children.outcome("snmp", *ONE_CORE, *program, str(port), COMMUNITY, str(seconds), "64", "1")
        return float(found["count"] / found["seconds"])
