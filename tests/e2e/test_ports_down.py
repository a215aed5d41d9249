"""All ports of a load balancer are UP; a user takes one down with `esi lab break`, sees it and why, and heals it.

In the record two ports were MONITORING_UNAVAILABLE beside an ACTIVE load balancer: an artefact of its Contrail. Here it
is what happened to a port, and the other ports do not know of it.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.processes import ENVIRONMENT, PATIENCE_SECONDS, esi
from esi.cli.demo import balancer
from esi.client.resources import Body, Client
from esi.clock import SystemClock

UNPLUGGED = {"network:dhcp", "network:empty"}


async def lab(folder: Path, *words: str) -> None:
    command = [sys.executable, "-m", "esi", "lab", *words, "--folder", str(folder)]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, env=ENVIRONMENT
    )
    _, errors = await process.communicate()
    assert process.returncode == 0, errors


async def plugged(client: Client) -> list[Body]:
    return [row for row in (await client.list_all("port")).rows if row["device_owner"] not in UNPLUGGED]


@pytest.mark.parametrize("flow", ["2017", "2018"])
async def test_a_port_that_is_down_is_seen_with_the_reason_and_up_again(
    flow: str, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    require("etcd")
    folder = tmp_path / "ring"
    ring = ("dev", "--folder", str(folder), "--port", "0", "--agent-port", "0", "--heat-port", "0", "--flow", flow)
    often = ("--set", "agent.interval_seconds=1")
    async with esi(*ring, *often) as (_, facts), Client(facts["api"], clock=SystemClock()) as client:
        for put in (put for group in balancer.PREREQUISITES for put in group):
            await client.put(put.schema, put.id, put.body | {"tenant_id": balancer.TENANT})
            await client.wait(put.schema, put.id, at_most=PATIENCE_SECONDS)
        made = str((await client.create("load_balancer", balancer.REQUEST))["id"])
        await client.wait("load_balancer", made, at_most=PATIENCE_SECONDS)
        ports = await plugged(client)
        assert len(ports) == 3
        for port in ports:
            seen = await client.wait("port", str(port["id"]), at_most=PATIENCE_SECONDS)
            assert (seen["status"], seen["operational_state"]) == ("ACTIVE", "UP")
        id, *others = sorted(str(port["id"]) for port in ports)
        await lab(folder, "break", "contrail", "inactive", id)
        down = await client.wait("port", id, until={"MONITORING_UNAVAILABLE"}, at_most=PATIENCE_SECONDS)
        assert str(down["orchestration_state"]).endswith("_COMPLETE"), "done, and not seen working"
        assert str(down["status_reason"]).endswith(f"{id} down at layer 2")
        [slot] = [row for row in (await client.list_all("vnf_interface")).rows if row["port_id"] == id]
        above = await client.wait(
            "vnf_interface", str(slot["id"]), until={"MONITORING_UNAVAILABLE"}, at_most=PATIENCE_SECONDS
        )
        assert above["status_reason"] == f"port {id} is MONITORING_UNAVAILABLE"
        assert (await client.show("load_balancer", made))["status"] == "ACTIVE"
        assert {(await client.show("port", other))["status"] for other in others} == {"ACTIVE"}
        await lab(folder, "heal", "contrail")
        up = await client.wait("port", id, at_most=PATIENCE_SECONDS)
        assert (up["operational_state"], up.get("status_reason")) == ("UP", None)
        await client.wait("vnf_interface", str(slot["id"]), at_most=PATIENCE_SECONDS)
