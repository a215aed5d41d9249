"""SNMP probes against an agent that is not ours: Debian's snmpd, with an interface table that the test makes up."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from esi.clock import SystemClock
from esi.errors import Unreachable, Unsupported
from esi.model.target import Observation, Target
from esi.probes.known import build_probes
from esi.probes.netconf import Conversations
from esi.probes.ports import PortNumbers, SnmpPortsMetric
from esi.probes.snmp import Snmp
from esi.testing.clocks import TurnedClock
from esi.testing.ports import free_ports

pytestmark = pytest.mark.real

DEVICE = "10.79.5.185"
COMMUNITY = "EDGE_ROUTER_COMMUNITY"
TREES = ("1.3.6.1.2.1.2.2", "1.3.6.1.2.1.31.1.1")

TABLE = '''
"""snmpd asks this program for an interface table, line by line; the rows stand in a file and may change."""
import bisect, json, os, sys
KINDS = {1: "string", 6: "counter64", 8: "integer", 10: "counter64"}
def cells(rows):
    found = {}
    for index, row in rows.items():
        found[(1, 3, 6, 1, 2, 1, 2, 2, 1, 8, int(index))] = ("integer", row["oper"])
        for column, member in ((1, "name"), (6, "in"), (10, "out")):
            found[(1, 3, 6, 1, 2, 1, 31, 1, 1, 1, column, int(index))] = (KINDS[column], row[member])
    return sorted(found), found
seen = None
for line in sys.stdin:
    verb = line.strip()
    if verb == "PING":
        print("PONG", flush=True)
        continue
    oid = tuple(int(part) for part in sys.stdin.readline().strip().strip(".").split("."))
    stamp = os.stat(sys.argv[1]).st_mtime_ns
    if stamp != seen:
        seen, (order, known) = stamp, cells(json.load(open(sys.argv[1])))
    if verb == "getnext":
        oid = next(iter(order[bisect.bisect_right(order, oid):]), ())
    if oid in known:
        kind, value = known[oid]
        print("." + ".".join(map(str, oid)), kind, value, sep="\\n", flush=True)
    else:
        print("NONE", flush=True)
'''


@dataclass
class Agent:
    """A running snmpd. `rows` (ifIndex → name, oper, in, out) may be written anew while it runs."""

    port: int
    file: Path

    def rows(self, rows: dict[int, dict[str, Any]]) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(rows))
        new.replace(self.file)


def row(name: str, oper: int = 1, octets: int = 0) -> dict[str, Any]:
    return {"name": name, "oper": oper, "in": octets, "out": 2 * octets}


@contextmanager
def running(snmpd: Path, folder: Path) -> Iterator[Agent]:
    program, table, port = folder / "table.py", folder / "rows.json", free_ports(kind=socket.SOCK_DGRAM)[0]
    program.write_text(TABLE)
    table.write_text("{}")
    passes = "".join(f"pass_persist -p 1 .{tree} {sys.executable} {program} {table}\n" for tree in TREES)
    quiet = "dontLogTCPWrappersConnects yes\n"  # else each request is a line that nobody reads
    (folder / "snmpd.conf").write_text(
        f"agentaddress udp:127.0.0.1:{port}\nrocommunity lab1 127.0.0.1\n{quiet}{passes}"
    )
    command = [str(snmpd), "-f", "-Lo", "-C", "-c", str(folder / "snmpd.conf"), "-m", ""]
    env = {**os.environ, "SNMP_PERSISTENT_DIR": str(folder / "kept")}  # its own folder: it would write over snmpd.conf
    process = subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    try:
        words = next((line for line in process.stdout if line.startswith("NET-SNMP version")), "")
        assert words, "snmpd did not start"
        yield Agent(port, table)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
        process.stdout.close()


@pytest.fixture(scope="module")
def agent(require: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with running(require("snmpd"), tmp_path_factory.mktemp("snmpd")) as agent:
        yield agent


@pytest.fixture
async def snmp(agent: Agent) -> AsyncIterator[Snmp]:
    way = Snmp({DEVICE: ("127.0.0.1", agent.port)}, clock=SystemClock(), communities={COMMUNITY: "lab1"})
    yield way
    await way.close()


async def asked(way: Snmp, type: str, **properties: Any) -> Observation:
    class Nobody:
        async def dial(self, address: Any) -> Any:
            raise Unsupported("no routers here")

    probes = build_probes(Conversations(Nobody(), clock=SystemClock()), way)
    given = {"device_ip": DEVICE, "community_name": COMMUNITY, **properties}
    return await probes[type].ask(Target("t", "t", 1, "r", "ports", "port", type, given))


@pytest.mark.parametrize("type", ["snmp_device", "router", "switch"])
async def test_uptime_grows(snmp: Snmp, type: str) -> None:
    assert (await asked(snmp, type)).values == {"status": "UP"}


async def test_ports_have_state_and_counters(snmp: Snmp, agent: Agent) -> None:
    agent.rows({501: row("ge-0/0/1"), 517: row("ge-0/0/1.122", octets=5_000_000_000), 518: row("ge-0/0/2", oper=2)})
    seen = await asked(snmp, "snmp_ports", if_name="ge-0/0/1.122")
    assert seen.values == {"status": "UP", "traffic.in": 5_000_000_000, "traffic.out": 10_000_000_000}
    for type in ("physical_port", "logical_port"):
        assert (await asked(snmp, type, name="ge-0/0/1")).values == {"status": "UP"}
    down = await asked(snmp, "snmp_ports_status", if_name="ge-0/0/2")
    assert (down.values, down.reason) == ({"status": "DOWN"}, f"{DEVICE} sees ge-0/0/2 as down")
    gone = await asked(snmp, "snmp_ports_status", if_name="ge-9/9/9")
    assert (gone.values, gone.reason) == ({"status": "FAIL"}, f"{DEVICE} has no interface ge-9/9/9")


async def test_numbers_that_change_are_found_again(agent: Agent) -> None:
    clock = TurnedClock()
    way = Snmp({DEVICE: ("127.0.0.1", agent.port)}, clock=clock, communities={COMMUNITY: "lab1"})
    probe = SnmpPortsMetric(PortNumbers(way))
    properties = {"device_ip": DEVICE, "community_name": COMMUNITY, "if_name": "ge-0/0/1.122"}
    target = Target("t", "t", 1, "r", "ports", "port", "snmp_ports_metric", properties)
    agent.rows({517: row("ge-0/0/1.122", octets=1), 518: row("ge-0/0/1.123", octets=2)})
    assert (await probe.ask(target)).values["traffic.in"] == 1
    agent.rows({517: row("ge-0/0/1.123", octets=2), 530: row("ge-0/0/1.122", octets=3)})
    assert (await probe.ask(target)).values == {"status": "FAIL"}  # it has just walked, and does not walk again so soon
    clock.ahead = 6.0
    assert (await probe.ask(target)).values["traffic.in"] == 3
    await probe.close()


async def test_a_large_table_is_walked_whole(snmp: Snmp, agent: Agent) -> None:
    agent.rows({500 + number: row(f"xe-0/0/{number}") for number in range(384)})
    rows = await snmp.walk(DEVICE, COMMUNITY, "1.3.6.1.2.1.31.1.1.1.1")
    assert len(rows) == 384
    assert rows[-1] == ("883", b"xe-0/0/383")
    answers = await asyncio.gather(*(asked(snmp, "snmp_ports", if_name=f"xe-0/0/{n}") for n in range(0, 384, 16)))
    assert {one.values["status"] for one in answers} == {"UP"}


async def test_wrong_community_and_unknown_device(agent: Agent) -> None:
    way = Snmp({DEVICE: ("127.0.0.1", agent.port)}, clock=SystemClock(), timeout=0.2, retries=1)
    with pytest.raises(Unreachable, match="does not answer SNMP"):
        await asked(way, "snmp_device", community_name="wrong")
    with pytest.raises(Unsupported, match=r"10\.0\.0\.1 has no SNMP address"):
        await asked(way, "snmp_device", device_ip="10.0.0.1")
    await way.close()
