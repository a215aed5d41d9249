"""OpenStack's own clients, unchanged, against a served ring with real stacks: `heat` and `openstack` see what stands.

One ring and one chain for all of it: starting a client costs a second or two.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.clients import Shell, ring, shell
from e2e.processes import esi, make_chain
from esi.client.keystone import Credentials, grant
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.errors import Unauthenticated
from esi.identity.accounts import HOME
from esi.stacks.resources.netconf import NetconfNamedConfigs
from esi.telemetry import Secret
from esi.testing import chain

TOKENS = """
tokens:
- {user: root, password: root-password, token: root-token, roles: [admin]}
- {user: alice, password: alice-password, tenant: CHAIN, project: blue, roles: [Member]}
- {user: mallory, password: mallory-password, tenant: 4ed04ed04ed04ed04ed04ed04ed04ed0, project: red, roles: [Member]}
catalogue: {network: "http://127.0.0.1:9696/"}
""".replace("CHAIN", chain.TENANT)

INTERFACE = f"vpn_interface_{chain.INTERFACE}"
GATEWAY = f"vpn_gateway_{chain.GATEWAY}"


async def test_the_default_ring_shows_its_stacks_to_unchanged_clients(
    tmp_path: Path, require: Callable[[str], Path]
) -> None:
    programs = require("openstack")
    async with (
        esi(*ring(tmp_path, "--monitoring", "none")) as (_, facts),
        Client(facts["api"], clock=SystemClock()) as client,
    ):
        await make_chain(client, [*chain.prerequisites(), chain.gateway(), chain.interface()])
        admin = shell(programs, facts, "admin", "admin", "admin")
        rows = await admin.asked("stack", "list", "--all-projects")
        assert {row["Stack Name"]: row["Project"] for row in rows} == {
            GATEWAY: chain.TENANT,
            INTERFACE: chain.TENANT,
        }
        assert await admin.asked("stack", "list") == []
        await stack_is_shown(admin, rows)
        await parts_are_shown(admin)
        await tables_are_the_same(admin)
        await keystone_answers(admin, facts)
        await nothing_can_be_written(admin)


async def stack_is_shown(admin: Shell, rows: list[dict[str, str]]) -> None:
    shown = await admin.asked("stack", "show", INTERFACE)
    by_name = {row["Stack Name"]: row for row in rows}
    assert shown["id"] == by_name[INTERFACE]["ID"]
    assert (await admin.asked("stack", "show", shown["id"]))["stack_name"] == INTERFACE
    assert (shown["stack_status"], shown["timeout_mins"], shown["disable_rollback"]) == ("CREATE_COMPLETE", 60, True)
    assert shown["parameters"]["primary_device_password"] == "******"
    assert shown["parameters"]["primary_device_ip"] == chain.PRIMARY_IP
    assert shown["parameters"]["OS::project_id"] == chain.TENANT
    assert all(isinstance(value, str) for value in shown["parameters"].values())
    gateway = await admin.asked("stack", "show", GATEWAY)
    assert (gateway["stack_status"], gateway["stack_status_reason"]) == (
        "UPDATE_COMPLETE",
        "Stack successfully updated",
    )
    assert gateway["creation_time"] <= gateway["updated_time"]


async def parts_are_shown(admin: Shell) -> None:
    resources = await admin.asked("stack", "resource", "list", INTERFACE)
    assert {row["resource_name"] for row in resources} == {"netconf_configure_primary", "netconf_configure_secondary"}
    assert {row["resource_status"] for row in resources} == {"CREATE_COMPLETE"}
    one = await admin.asked("stack", "resource", "show", INTERFACE, "netconf_configure_primary")
    assert (one["resource_type"], one["required_by"]) == (NetconfNamedConfigs.type, [])
    events = await admin.asked("stack", "event", "list", INTERFACE)
    assert {event["resource_name"] for event in events} >= {INTERFACE, "netconf_configure_primary"}
    template = await admin.told("openstack", "stack", "template", "show", INTERFACE)
    assert "NetconfNamedConfigs" in template
    assert "esiesi0000" not in template
    environment = await admin.told("openstack", "stack", "environment", "show", INTERFACE)
    assert "esiesi0000" not in environment
    assert await admin.told("openstack", "stack", "output", "list", INTERFACE) is not None
    types = await admin.asked("orchestration", "resource", "type", "list")
    assert "ESI::None" in json.dumps(types)
    assert "revision" in await admin.told("openstack", "orchestration", "build", "info")


async def tables_are_the_same(admin: Shell) -> None:
    """`esi stack show` prints what `heat stack-show` prints, to the letter."""
    theirs = await admin.told("heat", "stack-show", INTERFACE)
    assert re.search(r"\| stack_status +\| CREATE_COMPLETE", theirs)
    assert await admin.told("esi", "stack", "show", INTERFACE) == theirs
    assert await admin.told("esi", "stack", "list", "--all-projects") == await admin.told("heat", "stack-list", "-g")
    assert json.loads(await admin.told("esi", "stack", "show", GATEWAY, "--json"))["stack"]["stack_name"] == GATEWAY
    code, _, errors = await admin.run("heat", "stack-show", "nothing")
    assert (code, "Stack not found: nothing" in errors) == (1, True)
    code, _, errors = await admin.run("esi", "stack", "show", "nothing")
    assert (code, "The Stack (nothing) could not be found." in errors) == (4, True)


async def keystone_answers(admin: Shell, facts: dict[str, str]) -> None:
    token = await admin.asked("token", "issue")
    assert token["project_id"] == HOME
    services = await admin.asked("catalog", "list")
    assert {service["Type"] for service in services} >= {"esi", "identity", "orchestration", "compute", "image"}
    assert facts["orchestration"] in json.dumps(services)
    assert [project["Name"] for project in await admin.asked("project", "list")] != []
    assert (await admin.asked("user", "show", "admin"))["name"] == "admin"
    await admin.told("openstack", "token", "revoke", token["id"])


async def nothing_can_be_written(admin: Shell) -> None:
    assert (await admin.run("openstack", "stack", "delete", "--yes", INTERFACE))[0] == 1
    code, out, errors = await admin.run("openstack", "stack", "suspend", INTERFACE)
    assert (code, "Stacks are made by the ring" in out + errors) == (1, True), out + errors
    assert (await admin.asked("stack", "show", INTERFACE))["stack_status"] == "CREATE_COMPLETE"


@pytest.mark.parametrize("flow", ["2018"])
async def test_a_ring_with_users_shows_each_their_own(
    flow: str, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    programs = require("openstack")
    file = tmp_path / "tokens.yaml"
    file.write_text(TOKENS)
    options = ring(tmp_path / "ring", "--monitoring", "none", "--flow", flow, "--token-file", str(file))
    async with (
        esi(*options) as (_, facts),
        Client(facts["api"], "root-token", clock=SystemClock()) as client,
    ):
        await make_chain(client, [*chain.prerequisites(), chain.gateway(), chain.interface()])
        alice = shell(programs, facts, "alice", "alice-password", "blue")
        assert {row["Stack Name"] for row in await alice.asked("stack", "list")} >= {GATEWAY, INTERFACE}
        outputs = (await alice.asked("stack", "show", INTERFACE))["outputs"]
        assert {output["output_key"] for output in outputs} >= {"monitoring_target_id"}
        link = await alice.asked("stack", "output", "show", INTERFACE, outputs[0]["output_key"])
        assert link["output_value"] == outputs[0]["output_value"]
        assert "network" in {service["Type"] for service in await alice.asked("catalog", "list")}
        code, _, errors = await alice.run("openstack", "stack", "list", "--all-projects")
        assert (code, "not authorized" in errors) == (1, True)
        mallory = shell(programs, facts, "mallory", "mallory-password", "red")
        assert await mallory.asked("stack", "list") == []
        code, _, errors = await mallory.run("openstack", "stack", "show", INTERFACE)
        assert (code, f"Stack not found: {INTERFACE}" in errors) == (1, True)
        stranger = shell(programs, facts, "mallory", "alice-password", "red")
        code, _, errors = await stranger.run("heat", "stack-list")
        assert (code, "requires authentication" in errors) == (1, True)
        root = shell(programs, facts, "root", "root-password", "admin")
        assert {row["Stack Name"] for row in await root.asked("stack", "list", "--all-projects")} >= {INTERFACE}


async def test_the_api_asks_the_keystone_that_the_settings_name(tmp_path: Path) -> None:
    file = tmp_path / "tokens.yaml"
    file.write_text(TOKENS)
    async with esi("room", "keystone", "--folder", str(tmp_path / "a"), "--token-file", str(file)) as (_, facts):
        own = {"url": facts["keystone"] + "/v3", "user": "root", "password": "root-password", "project": "admin"}
        asked = [word for name, value in own.items() for word in ("--set", f"keystone.{name}={value}")]
        clock = SystemClock()
        who = Credentials(own["url"], "alice", Secret("alice-password"), project_name="blue")
        token = (await grant(who, clock=clock)).token.reveal()
        async with esi("room", "api", "--folder", str(tmp_path / "b"), "--port", "0", *asked) as (_, api):
            async with Client(api["api"], token, clock=clock) as client:
                assert (await client.list("vpn_gateway")).total == 0
            async with Client(api["api"], "another-token", clock=clock) as client:
                with pytest.raises(Unauthenticated):
                    await client.list("vpn_gateway")
