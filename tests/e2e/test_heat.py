"""A ring whose stacks an OpenStack Heat makes, with an OpenStack Keystone: both flows, and a killed engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2e.clients import Shell, ring, shell
from e2e.processes import PATIENCE_SECONDS, esi, make_chain
from e2e.test_failures import PRIMARY, Lab
from e2e.test_load_balancer import Tenant, goes
from esi.cli.demo import balancer
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.testing import chain
from esi.testing.openstack import ADMIN, Keystone, Peer, running_heat
from esi.testing.ports import free_ports

pytestmark = pytest.mark.real

CLOCK = SystemClock()
Require = Callable[[str], Path]


@dataclass
class Desk:
    """The ring's client and facts, its Heat, and OpenStack's clients of that Heat."""

    client: Client
    facts: dict[str, str]
    heat: Peer
    shell: Shell


@asynccontextmanager
async def desk(folder: Path, require: Require, keystone: Keystone, *more: str) -> AsyncIterator[Desk]:
    devices, agent = str(free_ports()[0]), str(free_ports()[0])
    inside = {"ESI_RING__FOLDER": str(folder), "ESI_DEVICES__PORT": devices, "ESI_AGENT__PORT": agent}
    heat = ("--set", f"heat.auth_url={keystone.url}", "--set", f"heat.password={ADMIN}")
    words = (*ring(folder, *more), *heat, "--set", f"devices.port={devices}", "--agent-port", agent)
    with running_heat(require("heat"), keystone, inside) as peer:
        async with esi(*words) as (_, facts), Client(facts["api"], clock=CLOCK) as client:
            user = shell(require("openstack"), facts | {"keystone": keystone.url}, "esi", ADMIN, "service")
            yield Desk(client, facts, peer, user)


async def test_heat_makes_an_interface(tmp_path: Path, require: Require, keystone: Keystone) -> None:
    interface, gateway = chain.interface(), chain.gateway()
    async with desk(tmp_path / "ring", require, keystone, "--flow", "2018") as at:
        await make_chain(at.client, [*chain.prerequisites(), gateway, interface])
        await at.client.wait(gateway.schema, gateway.id, at_most=PATIENCE_SECONDS)
        name = f"vpn_interface_{interface.id}"
        shown = await at.shell.asked("stack", "show", name)
        assert (shown["stack_name"], shown["stack_status"]) == (name, "CREATE_COMPLETE")
        assert shown["parameters"]["primary_device_password"] == "******"
        assert f"| stack_name            | {name} " in await at.shell.told("heat", "stack-show", name)
        is_as_recorded(shown, recorded(require("recorded"), "2018", "vpn_interface"), SAME["vpn_interface"])
        for wish in (interface, gateway):
            await at.client.delete(wish.schema, wish.id)
            await at.client.wait_gone(wish.schema, wish.id, at_most=PATIENCE_SECONDS)
        left = {row["Stack Name"].rpartition("_")[0] for row in await at.shell.asked("stack", "list")}
        assert not left & {"vpn_gateway", "vpn_interface"}


def recorded(cases: Path, flow: str, schema: str) -> dict[str, Any]:
    """What `heat stack-show` printed of the stack of such a resource."""
    steps = json.loads((cases / "vpn" / "heat_stacks.json").read_text())
    stacks = steps[{"2017": "old", "2018": "new"}[flow]]
    return next(one for one in stacks if one["stack_name"].startswith(schema))


def is_as_recorded(shown: Mapping[str, Any], then: Mapping[str, Any], same: set[str]) -> None:
    """Ids and some names differ, because another chain stands here; parameters that are the `same` do not."""
    assert (shown["stack_status"], shown["stack_status_reason"]) == (then["stack_status"], then["status_reason"])
    assert (shown["timeout_mins"], str(shown["disable_rollback"])) == (then["timeout_mins"], then["disable_rollback"])
    own = {key: value for key, value in shown["parameters"].items() if not key.startswith("OS::")}
    assert own.keys() == then["parameters"].keys()
    assert {key: own[key] for key in same} == {key: then["parameters"][key] for key in same}
    assert {one["output_key"] for one in shown["outputs"]} == set(then["outputs"])


SAME = {
    "vpn_interface": {"bgp_group_name", "primary_device_ip", "secondary_device_ip", "primary_device_username"},
    "vnf_instance": {"availability_zone", "config_drive", "flavor", "image", "user_data_format", "version"},
    "load_balancer_conf": {"admin_username", "management_gateway", "management_ip", "user_password", "user_username"},
    "load_balancer_interface": {"management_ip", "version"},
    "port": {"admin_state_up", "device_owner", "version"},
}
"""By kind of stack: parameters that are what they were. A licence and user data are masked now."""


async def are_as_recorded(at: Desk, cases: Path) -> None:
    """One stack of each kind that was shown when a load balancer had been made; of the ports that of the first slot."""
    then: dict[str, Any] = {}
    for one in json.loads((cases / "load_balancer" / "heat_stacks.json").read_text())["stacks"]:
        then[one["stack_name"].rpartition("_")[0]] = one  # the last of the ports is that of the first slot
    then["vnf_instance"]["timeout_mins"] = 30  # of a later template (docs/compatibility.md)
    then["port"]["status_reason"] = "Stack UPDATE completed successfully"  # as Heat 27 puts it
    names = {row["Stack Name"].rpartition("_")[0]: row["Stack Name"] for row in await at.shell.asked("stack", "list")}
    ports = (await at.client.list_all("port")).rows
    [first] = [row for row in ports if row["admin_state_up"] and row["device_owner"] == "compute:nova"]
    names["port"] = f"port_{first['id']}"
    shown = await asyncio.gather(*(at.shell.asked("stack", "show", names[kind]) for kind in then))
    for kind, now in zip(then, shown, strict=True):
        is_as_recorded(now, then[kind], SAME[kind])


async def test_an_engine_that_is_killed_inside_a_create_is_not_the_end(
    tmp_path: Path, require: Require, keystone: Keystone
) -> None:
    interface = chain.interface()
    async with desk(tmp_path / "ring", require, keystone, "--flow", "2018") as at:
        await make_chain(at.client, [*chain.prerequisites(), chain.gateway()])
        lab = Lab(tmp_path / "ring")
        await lab.begin(PRIMARY, "foreign-lock")  # so that it is still at it whenever we come to look
        await at.client.put(interface.schema, interface.id, interface.body)
        status = ""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while status != "CREATE_IN_PROGRESS":
                code, out, _ = await at.shell.run(
                    "openstack", "stack", "show", f"vpn_interface_{interface.id}", "-f", "value", "-c", "stack_status"
                )
                status = out.strip() if not code else ""
        at.heat.kill()
        await lab.heal()
        at.heat.start()
        found = await at.client.wait(interface.schema, interface.id, at_most=2 * PATIENCE_SECONDS)
        assert found["status"] == "ACTIVE"


async def test_heat_makes_a_load_balancer(tmp_path: Path, require: Require, keystone: Keystone) -> None:
    folder = tmp_path / "ring"
    async with desk(folder, require, keystone, "--flow", "2018") as at:
        tenant = Tenant(at.client, at.facts, folder)
        await tenant.prepare()
        await tenant.make()
        assert await tenant.addresses() == balancer.ADDRESSES
        names = {row["Stack Name"].rpartition("_")[0] for row in await at.shell.asked("stack", "list")}
        assert {"load_balancer", "load_balancer_conf", "vnf_instance", "port"} <= names
        await are_as_recorded(at, require("recorded"))
        await goes(tenant)
