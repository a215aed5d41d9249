"""Both stories on OpenStack's own Nova: it boots the load balancer's machine, and calls the ring's Neutron for its
ports. Tokens are Keystone's; images and networks are the lab's; what boots is an appliance of the lab.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from e2e.clients import Shell, ring, shell
from e2e.examples import keep_page
from e2e.processes import PATIENCE_SECONDS, esi, make_chain
from e2e.test_load_balancer import ABOVE, Tenant
from esi.cli.demo import balancer
from esi.client.keystone import Credentials, grant
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.telemetry import Secret
from esi.testing import chain
from esi.testing.nova import Around, running_nova
from esi.testing.openstack import ADMIN, Keystone

pytestmark = pytest.mark.openstack

CLOCK = SystemClock()
FLAVOR = ("--ram", "16384", "--disk", "160", "--vcpus", "8", balancer.FLAVOR)
Require = Callable[[str], Path]


@asynccontextmanager
async def rented(folder: Path, require: Require, keystone: Keystone) -> AsyncIterator[tuple[Tenant, Shell, str]]:
    """A tenant of a ring on that Nova, its OpenStack clients, and a token of ours."""
    ours = {"keystone.url": f"{keystone.url}/v3", "keystone.password": ADMIN, "compute.auth_url": keystone.url}
    ours |= {"compute.password": ADMIN}
    words = [word for name, value in ours.items() for word in ("--set", f"{name}={value}")]
    who = Credentials(keystone.url, "esi", Secret(ADMIN), project_name="service")
    token = (await grant(who, clock=CLOCK)).token.reveal()
    async with AsyncExitStack() as stack:
        _, facts = await stack.enter_async_context(esi(*ring(folder, "--flow", "2018", *words)))
        stack.callback(keystone.forget, keystone.tell("image", facts["cloud.glance"]))
        around = Around(keystone, facts["neutron"], facts["cloud.glance"], Path(facts["control"]))
        stack.enter_context(running_nova(require("nova"), around))
        client = await stack.enter_async_context(Client(facts["api"], token, clock=CLOCK))
        user = shell(require("openstack"), facts | {"keystone": keystone.url}, "esi", ADMIN, "service")
        yield Tenant(client, facts, folder, keystone.tenant(f"tenant-{uuid4()}")), user, token


async def test_both_stories_on_a_real_nova(tmp_path: Path, require: Require, keystone: Keystone) -> None:
    async with rented(tmp_path / "ring", require, keystone) as (tenant, nova, token):
        interface, api = chain.interface(), tenant.facts["api"]
        await make_chain(tenant.client, [*chain.prerequisites(), chain.gateway(), interface])
        await keep_page("nova/vpn_interface", api, interface.schema, interface.id, token=token)
        await nova.told("openstack", "flavor", "create", *FLAVOR)
        await tenant.prepare()
        await tenant.make()
        [server] = await nova.asked("server", "list", "--all-projects", "--long")
        assert (server["Status"], server["Networks"]) == ("ACTIVE", balancer.ADDRESSES)
        assert "| status " in await nova.told("nova", "show", server["ID"])
        rows = await nova.told("nova", "interface-list", server["ID"])
        assert all(address in rows for addresses in balancer.ADDRESSES.values() for address in addresses)
        users = {row["username"] for row in (await tenant.on_appliance("systemuser"))["systemuser"]}
        assert {"user-admin", "user-read"} <= users
        await keep_page("nova/load_balancer", api, "load_balancer", tenant.balancer, token=token)
        await goes(tenant, nova)


async def goes(tenant: Tenant, nova: Shell) -> None:
    below = [(schema, str(row["id"])) for schema in ABOVE for row in await tenant.rows(schema)]
    await tenant.client.delete("load_balancer", tenant.balancer)
    for schema, id in below:
        await tenant.client.wait_gone(schema, id, at_most=PATIENCE_SECONDS)
    servers: list[Any] = await nova.asked("server", "list", "--all-projects")
    assert servers == []
    assert await tenant.appliances() == {}
