"""OpenStack's own clients, unchanged, against Neutron's API of a served ring, and Nova between the two.

`openstack`, `neutron` and `nova` make, show and delete real resources; the ring's workers make their stacks in the
lab's Contrail; the lab's Nova plugs a port over the same API, and goes on when the ring tells it that it is plugged.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.clients import Shell, ring, shell
from e2e.processes import esi
from esi.client.keystone import Credentials, grant
from esi.clock import SystemClock
from esi.errors import EsiError
from esi.telemetry import Secret
from esi.testing.ports import free_ports

USERS = """
- {user: root, password: root-password, token: root-token, roles: [admin]}
- {user: alice, password: alice-password, tenant: 0a110a110a110a110a110a110a110a11, project: blue, roles: [Member]}
- {user: mallory, password: mallory-password, tenant: 4ed04ed04ed04ed04ed04ed04ed04ed0, project: red, roles: [Member]}
"""
NEW = ("-f", "value", "-c", "id")
PATIENCE_SECONDS = 60.0


async def test_the_default_ring_has_networks_for_unchanged_clients(
    tmp_path: Path, require: Callable[[str], Path]
) -> None:
    programs = require("openstack")
    async with esi(*ring(tmp_path, "--monitoring", "none")) as (_, facts):
        admin = shell(programs, facts, "admin", "admin", "admin")
        network, subnet, port = await chain_is_made(admin)
        await tables_are_the_recorded_ones(admin, port, subnet)
        await refusals_are_understood(admin, network)
        await a_server_is_plugged(admin, port)
        for command in (("subnet", "delete", "s1"), ("network", "delete", "blue")):
            await admin.told("openstack", *command)
        await until(admin, ("network", "list"), [])


async def chain_is_made(admin: Shell) -> tuple[str, str, str]:
    network = (await admin.asked("network", "create", "blue"))["id"]
    words = ("subnet", "create", "--network", "blue", "--subnet-range", "198.51.100.0/24", "s1")
    subnet = await admin.asked(*words)
    assert (subnet["gateway_ip"], subnet["dhcp_server_address"]) == ("198.51.100.1", "198.51.100.2")
    fixed = ("--fixed-ip", "subnet=s1,ip-address=198.51.100.9")
    port = (await admin.asked("port", "create", "--network", "blue", *fixed, "p1"))["id"]
    await until(admin, ("port", "show", "p1"), "DOWN", "status")
    assert (await admin.asked("network", "list"))[0]["Subnets"] == [subnet["id"]]
    owned = await admin.asked("port", "list", "--network", "blue", "--device-owner", "network:dhcp")
    assert [row["Name"] for row in owned] == ["dhcp-server-port"]
    named = await admin.asked("port", "list", "--fixed-ip", "ip-address=198.51.100.9")
    assert [row["ID"] for row in named] == [port]
    return network, subnet["id"], port


async def tables_are_the_recorded_ones(admin: Shell, port: str, subnet: str) -> None:
    """`neutron port-show` prints the recorded rows, and project_id."""
    table = await admin.told("neutron", "port-show", "p1")
    rows = dict(re.findall(r"^\| (\S+) +\| (.*?) +\|$", table, re.MULTILINE))
    assert set(rows) - {"Field"} == {
        *("admin_state_up", "allowed_address_pairs", "attached", "binding:vif_type", "description", "device_id"),
        *("device_owner", "ese_logical_port_id", "fake_delete", "fixed_ips", "id", "mac_address"),
        *("managed_by_service", "name", "network_id", "operational_state", "orchestration_state", "project_id"),
        *("security_groups", "segmentation_id", "segmentation_type", "status", "tags", "tenant_id"),
    }
    assert (rows["id"], rows["binding:vif_type"], rows["status"]) == (port, "vrouter", "DOWN")
    assert rows["fixed_ips"] == f'{{"subnet_id": "{subnet}", "ip_address": "198.51.100.9"}}'
    listed = await admin.told("neutron", "port-list", "--sort-key", "name", "--sort-dir", "desc")
    assert re.findall(r"\| (p1|dhcp-server-port) +\|", listed) == ["p1", "dhcp-server-port"]


async def refusals_are_understood(admin: Shell, network: str) -> None:
    for command, words in (
        (("network", "delete", "blue"), "is in use by"),
        (("port", "show", "nothing"), "No Port found for nothing"),
        (("subnet", "create", "--network", network, "--subnet-range", "198.51.100.0/25", "s2"), "overlap"),
    ):
        code, out, errors = await admin.run("openstack", *command)
        assert (code, words in out + errors) == (1, True), (command, out, errors)
    code, out, errors = await admin.run("neutron", "port-create", network, "--fixed-ip", "ip_address=198.51.100.9")
    assert (code, "198.51.100.9 is in use" in out + errors) == (1, True), (out, errors)


async def a_server_is_plugged(admin: Shell, port: str) -> None:
    """Nova takes the port, waits for our word, and gives it back by deleting it."""
    server = await admin.told(
        *("openstack", "server", "create", "--flavor", "m1.small", "--image", "cirros"),
        *("--port", port, "--wait", "one", *NEW),
    )
    shown = await admin.asked("server", "show", server.strip())
    assert (shown["status"], shown["addresses"]) == ("ACTIVE", {"blue": ["198.51.100.9"]})
    assert re.search(r"blue network +\| 198\.51\.100\.9 ", await admin.told("nova", "show", "one"))
    assert re.search(rf"\| (ACTIVE|BUILD) +\| {port} ", await admin.told("nova", "interface-list", "one"))
    await until(admin, ("port", "show", port), "ACTIVE", "status")
    assert [row["ID"] for row in await admin.asked("port", "list", "--server", "one")] == [port]
    await admin.told("openstack", "server", "delete", "--wait", "one")
    await until(admin, ("port", "list", "--fixed-ip", "ip-address=198.51.100.9"), [])


async def until(shell: Shell, command: tuple[str, ...], wanted: Any, field: str = "") -> None:
    """Ask until the answer, or a field of it, is that."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = await shell.asked(*command)
            if (found[field] if field else found) == wanted:
                return


async def test_tenants_have_networks_of_their_own(tmp_path: Path, require: Callable[[str], Path]) -> None:
    programs = require("openstack")
    file = tmp_path / "tokens.yaml"
    file.write_text(USERS)
    options = ring(tmp_path / "ring", "--monitoring", "none", "--flow", "2018", "--token-file", str(file))
    async with esi(*options) as (_, facts):
        alice = shell(programs, facts, "alice", "alice-password", "blue")
        mallory = shell(programs, facts, "mallory", "mallory-password", "red")
        made = await alice.asked("network", "create", "hers")
        assert made["project_id"] == "0a11" * 8
        assert await mallory.asked("network", "list") == []
        assert "No Network found" in "".join(map(str, await mallory.run("openstack", "network", "show", made["id"])))
        root = shell(programs, facts, "root", "root-password", "admin")
        assert [row["ID"] for row in await root.asked("network", "list", "--project", "blue")] == [made["id"]]
        code, out, errors = await alice.run("openstack", "network", "create", "--project", "0a22" * 8, "his")
        assert (code, "disallowed by policy" in out + errors) == (1, True), (out, errors)


async def test_an_api_serves_it_where_it_has_a_port_and_a_keystone_beside_it_says_where(tmp_path: Path) -> None:
    port, folder = str(free_ports()[0]), str(tmp_path)
    api = ("room", "api", "--folder", folder, "--port", "0")
    async with esi("room", "keystone", "--folder", folder) as (_, known):
        who = Credentials(known["keystone"], "admin", Secret("admin"), project_name="admin")
        async with esi(*api, "--neutron-port", port) as (_, facts):
            assert facts["neutron"] == f"http://127.0.0.1:{port}"
            assert (await grant(who, clock=SystemClock())).endpoint("network") == facts["neutron"]
        async with esi(*api) as (_, facts):
            assert "neutron" not in facts
            with pytest.raises(EsiError, match="network"):
                (await grant(who, clock=SystemClock())).endpoint("network")
