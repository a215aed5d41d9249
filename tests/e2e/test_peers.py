"""Both stories on engines that others have made: PostgreSQL, three etcds with TLS and users, Kafka, Heat, Keystone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from e2e.clients import Shell, ring, shell
from e2e.examples import keep_page
from e2e.processes import PATIENCE_SECONDS, esi, make_chain
from e2e.test_heat import SAME, is_as_recorded, recorded
from e2e.test_load_balancer import Tenant
from esi.cli.demo import balancer
from esi.client.keystone import Credentials, grant
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.telemetry import Secret
from esi.testing import chain
from esi.testing.cluster import ANYTHING, USER, Cluster, running_cluster
from esi.testing.kafka import Broker
from esi.testing.openstack import ADMIN, Keystone, running_heat
from esi.testing.ports import free_ports
from esi.testing.postgresql import PASSWORD, Server

pytestmark = pytest.mark.real

CLOCK = SystemClock()
INTERFACE, GATEWAY = chain.interface(), chain.gateway()
Require = Callable[[str], Path]


def on_peers(etcds: Cluster, database: str, kafka: Broker, keystone: Keystone) -> dict[str, str]:
    files = {name: str(path) for name, path in etcds.files.items()}
    return {
        "database.url": database,
        "database.password": PASSWORD.reveal(),
        "etcd.endpoints": ",".join(etcds.endpoints),
        "etcd.ca_file": files["ca.pem"],
        "etcd.cert_file": files["client.pem"],
        "etcd.key_file": files["client.key"],
        "etcd.user": USER.user,
        "etcd.password": USER.password.reveal(),
        "bus.kind": "kafka",
        "bus.servers": kafka.servers,
        "bus.replication": "1",
        "keystone.url": f"{keystone.url}/v3",
        "keystone.password": ADMIN,
        "heat.auth_url": keystone.url,
        "heat.password": ADMIN,
    }


def as_flags(settings: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(word for name, value in settings.items() for word in ("--set", f"{name}={value}"))


def clouds(facts: Mapping[str, str]) -> dict[str, str]:
    """The lab's, and the ring's own Neutron, for the catalogue."""
    nova, glance, neutron = facts["cloud.nova"], facts["cloud.glance"], facts["neutron"]
    return {"compute": f"{nova}/v2.1/%(tenant_id)s", "image": glance, "network": neutron}


async def test_both_stories_end_active_on_peers(
    tmp_path: Path, require: Require, postgresql: Server, kafka: Broker, keystone: Keystone
) -> None:
    folder, agent, devices = tmp_path / "ring", str(free_ports()[0]), str(free_ports()[0])
    who = Credentials(keystone.url, "esi", Secret(ADMIN), project_name="service")
    token = (await grant(who, clock=CLOCK)).token.reveal()
    inside = {"ESI_RING__FOLDER": str(folder), "ESI_DEVICES__PORT": devices, "ESI_AGENT__PORT": agent}
    async with AsyncExitStack() as stack:
        etcds = await stack.enter_async_context(running_cluster(tmp_path, ranges=ANYTHING))
        settings = on_peers(etcds, postgresql.new_database(), kafka, keystone) | {"devices.port": devices}
        stack.enter_context(running_heat(require("heat"), keystone, inside | {"ESI_HEAT__API_TOKEN": token}))
        words = (*ring(folder, "--flow", "2017", *as_flags(settings)), "--agent-port", agent)
        _, facts = await stack.enter_async_context(esi(*words))
        assert not (folder / "esi.db").exists()
        for type, url in clouds(facts).items():
            stack.callback(keystone.forget, keystone.tell(type, url))
        client = await stack.enter_async_context(Client(facts["api"], token, clock=CLOCK))
        user = shell(require("openstack"), facts | {"keystone": keystone.url}, "esi", ADMIN, "service")
        await first(client, facts, token)
        tenant = Tenant(client, facts, folder, keystone.tenant(f"tenant-{uuid4()}"))
        await second(tenant, user, token)
        stacks = {row["Stack Name"]: row["Stack Status"] for row in await user.asked("stack", "list")}
        shown = await user.asked("stack", "show", f"vpn_interface_{INTERFACE.id}")
        is_as_recorded(shown, recorded(require("recorded"), "2017", "vpn_interface"), SAME["vpn_interface"])
        assert stacks[f"load_balancer_{tenant.balancer}"].endswith("_COMPLETE")
        assert {status.partition("_")[2] for status in stacks.values()} == {"COMPLETE"}


async def first(client: Client, facts: Mapping[str, str], token: str) -> None:
    await make_chain(client, [*chain.prerequisites(), GATEWAY, INTERFACE])
    await client.wait(GATEWAY.schema, GATEWAY.id, at_most=PATIENCE_SECONDS)
    await keep_page("peers/vpn_interface", facts["api"], INTERFACE.schema, INTERFACE.id, token=token)


async def second(tenant: Tenant, user: Shell, token: str) -> None:
    await tenant.prepare()
    await tenant.make()
    [server] = await user.asked("server", "list", "--all-projects", "--long")
    assert (server["Status"], server["Networks"]) == ("ACTIVE", balancer.ADDRESSES)
    await keep_page("peers/load_balancer", tenant.facts["api"], "load_balancer", tenant.balancer, token=token)
