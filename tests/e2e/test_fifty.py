"""Fifty load balancers at once: servers wait for ports whose jobs must run, so who waits may hold no slot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.processes import PATIENCE_SECONDS, esi
from esi.cli.demo.balancer import PREREQUISITES, REQUEST, TENANT
from esi.cli.demo.clouds import servers
from esi.client.resources import Client
from esi.clock import SystemClock

pytestmark = pytest.mark.real

COUNT, SLOTS = 50, 20
CLOCK = SystemClock()


async def test_fifty_load_balancers_are_active_with_fewer_slots_than_servers(
    tmp_path: Path, require: Callable[[str], Path]
) -> None:
    require("etcd")
    ring = ("dev", "--folder", str(tmp_path), "--port", "0", "--agent-port", "0", "--flow", "2018")
    given = (f"worker.slots={SLOTS}", "lab.build_seconds=0", "lab.boot_seconds=0")
    async with (
        esi(*ring, *(word for one in given for word in ("--set", one))) as (_, facts),
        Client(facts["api"], clock=CLOCK) as client,
    ):
        for item in (item for group in PREREQUISITES for item in group):
            await client.put(item.schema, item.id, item.body | {"tenant_id": TENANT})
            await client.wait(item.schema, item.id, at_most=PATIENCE_SECONDS)
        async with asyncio.timeout(PATIENCE_SECONDS):
            made = await asyncio.gather(*(client.create("load_balancer", REQUEST) for _ in range(COUNT)))
            waits = (client.wait("load_balancer", str(row["id"]), at_most=PATIENCE_SECONDS) for row in made)
            assert {row["status"] for row in await asyncio.gather(*waits)} == {"ACTIVE"}
        found = await servers(facts["keystone"], CLOCK)
        assert {server["name"] for server in found} == {f"load_balancer-{row['id']}" for row in made}
        ports = [row for row in (await client.list_all("port")).rows if row["device_owner"] != "network:dhcp"]
        addresses = [item["ip_address"] for port in ports for item in port["fixed_ips"]]
        assert len(addresses) == len(set(addresses)) == 4 * COUNT
