"""Metrics arrive in a time series database that is not ours: Debian's victoria-metrics, which speaks OpenTSDB's put."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

from conftest import Require
from esi.agent.collector import Collector, Habits
from esi.agent.room import AgentRoom, Listen
from esi.agent.seen import Value
from esi.agent.tsdb import OpenTsdb
from esi.bootstrap.lab import run_lab
from esi.clock import SystemClock
from esi.kv.memory import MemoryKV
from esi.model.target import Target
from esi.probes.ports import PortNumbers, SnmpPortsMetric
from esi.probes.snmp import Snmp
from esi.runtime import Pace
from esi.settings import Lab
from esi.tasks import Tasks
from esi.testing.ports import free_ports

CLOCK = SystemClock()
TAGS = {way: {"device_index": "primary", "direction": way, "resource_id": "07d4f1fc"} for way in ("in", "out")}


class Metrics:
    """A running victoria-metrics: `put` is where points go, `ask` where they are read."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.put, self.ask = (f"127.0.0.1:{port}" for port in free_ports(2))
        self._command = [
            *(str(program), f"-storageDataPath={folder}", f"-httpListenAddr={self.ask}", "-retentionPeriod=12"),
            f"-opentsdbHTTPListenAddr={self.put}",
        ]

    @contextmanager
    def running(self) -> Iterator[None]:
        process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        assert process.stderr is not None
        try:
            assert any("started VictoriaMetrics" in line for line in process.stderr), "victoria-metrics did not start"
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=20)

    async def series(self, metric: str) -> list[tuple[dict[str, str], list[float], list[float]]]:
        """(tags, values, epoch seconds) of each series of a metric."""
        async with aiohttp.ClientSession(f"http://{self.ask}") as http:
            async with http.get("/internal/force_flush") as reply:
                assert reply.status == 200
            async with http.get("/api/v1/export", params={"match[]": f'{{__name__="{metric}"}}'}) as reply:
                rows = [json.loads(line) for line in (await reply.text()).splitlines()]
        return [
            ({name: text for name, text in row["metric"].items() if name != "__name__"}, row["values"],
             [at / 1000 for at in row["timestamps"]])
            for row in rows
        ]  # fmt: skip


@pytest.fixture
def metrics(require: Require, tmp_path: Path) -> Metrics:
    return Metrics(require("victoria-metrics"), tmp_path / "kept")


@pytest.fixture
def syncer(metrics: Metrics) -> OpenTsdb:
    pace = Pace(first=0.1, longest=0.5)
    return OpenTsdb(f"http://{metrics.put}/", clock=CLOCK, rng=Random(1), most=20_000, pace=pace)


async def until(held: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not held():
            await CLOCK.sleep(0.05)


def target(id: str, tags: Any) -> Target:
    tsdb = {"traffic.in": {"metric": "traffic.bytes", "tags": tags}}
    return Target(id, "tenant", 1, id, "ese_logical_ports", "logical_port", "snmp_ports", {}, {"tsdb": tsdb})


async def test_points_are_put_and_read_back_as_they_were(metrics: Metrics, syncer: OpenTsdb) -> None:
    """Also those from before the database was there; a counter of 64 bits, and several sets of tags."""
    now = float(int(CLOCK.now()) - 3600)
    ports = [{"direction": "in", "port_id": f"ge-0/0/1.{number}", "resource_id": "r"} for number in (1, 2)]
    for look in range(3):
        at = now + 60 * look
        syncer.offer(target("r", ports), {"traffic.in": Value(2**52 + look, at, at)}, at)
    async with Tasks("syncer") as tasks:
        tasks.start("run", syncer.run())
        with metrics.running():
            await until(lambda: syncer.sent == 6)
            found = sorted(await metrics.series("traffic.bytes"), key=str)
    assert [tags for tags, _, _ in found] == ports
    for _, values, times in found:
        assert values == [2**52, 2**52 + 1, 2**52 + 2]
        assert times == [now, now + 60, now + 120]


async def test_ten_thousand_points_and_a_database_that_goes_and_comes_back(metrics: Metrics, syncer: OpenTsdb) -> None:
    now = float(int(CLOCK.now()) - 60)
    watched = [target(f"r{number}", {"direction": "in", "resource_id": f"r{number}"}) for number in range(10_000)]

    def offer(half: list[Target]) -> None:
        for one in half:
            syncer.offer(one, {"traffic.in": Value(7, now, now)}, now)

    async with Tasks("syncer") as tasks:
        tasks.start("run", syncer.run())
        with metrics.running():
            offer(watched[:5000])
            await until(lambda: syncer.sent == 5000)
        offer(watched[5000:])
        with metrics.running():
            await until(lambda: syncer.sent == 10_000)
            assert len(await metrics.series("traffic.bytes")) == 10_000
    assert (syncer.waiting, syncer.refused, syncer.dropped) == (0, 0, 0)


async def test_what_the_agent_sees_of_a_lab_router_leaves_for_the_database(
    metrics: Metrics, syncer: OpenTsdb, tmp_path: Path
) -> None:
    """The recorded target of an uplink: the agent looks by SNMP, the two counters arrive with the recorded tags."""
    wanted = {
        "tenant_id": "t", "version": 1, "resource_id": "07d4f1fc", "resource_type": "vpn_interfaces",
        "field_name": "primary_router", "type": "snmp_ports_metric",
        "properties": {
            "community_name": "EDGE_ROUTER_COMMUNITY", "device_ip": "10.79.5.185", "if_name": "ge-0/0/1",
        },
        "syncer_properties": {
            "tsdb": {f"traffic.{way}": {"metric": "traffic.bytes", "tags": tags} for way, tags in TAGS.items()}
        },
    }  # fmt: skip
    async with Tasks("lab") as tasks, run_lab(Lab(), tmp_path / "lab", clock=CLOCK, tasks=tasks) as lab:
        probes = {"snmp_ports_metric": SnmpPortsMetric(PortNumbers(Snmp(lab.snmp, clock=CLOCK)))}
        kv = MemoryKV()
        collector = Collector(kv, "a", probes, clock=CLOCK, rng=Random(1), habits=Habits(interval=0.2))
        collector.tsdb = syncer
        room = AgentRoom(kv, collector, listen=Listen(port=0))
        with metrics.running():
            tasks.start("agent", room.run())
            await room.ready.wait()
            await room.shelf.create(wanted)
            await until(lambda: syncer.sent >= 4)
            found = await metrics.series("traffic.bytes")
            async with aiohttp.ClientSession(room.url) as http, http.get("/metrics") as reply:
                told = (await reply.text()).splitlines()
    assert sorted((tags for tags, _, _ in found), key=str) == list(TAGS.values())
    assert all(values and values == sorted(values) for _, values, _ in found)
    assert "esi_agent_metrics_refused_total 0" in told
