"""What stands in the clouds of a ring and on its appliances, asked for as any of their clients would."""

from __future__ import annotations

from typing import Any

import aiohttp

from esi.client.http import Http
from esi.client.keystone import Credentials, grant
from esi.clock import Clock
from esi.errors import Rejected, Unreachable
from esi.telemetry import Secret

USER = "admin"
"""Name, password and project of the lab's Keystone's one user."""


async def servers(keystone: str, clock: Clock) -> list[dict[str, Any]]:
    """Every server of Nova."""
    who = Credentials(keystone, USER, Secret(USER), project_name=USER)
    given = await grant(who, clock=clock)
    async with Http(given.endpoint("compute"), token=given.token.reveal(), clock=clock, who="Nova") as nova:
        answer = await nova.ask("GET", "/servers/detail", query={"all_tenants": "1"})
    found: list[dict[str, Any]] = answer.body["servers"]
    return found


async def contrail_names(url: str, clock: Clock) -> dict[str, list[str]]:
    """The names of Contrail's interfaces, their addresses, and machines."""
    found = {}
    async with Http(url, clock=clock, who="Contrail") as contrail:
        for type in ("virtual-machine-interface", "instance-ip", "virtual-machine"):
            answer = await contrail.ask("GET", f"/{type}s")
            found[type] = sorted(one["fq_name"][-1] for one in answer.body[f"{type}s"])
    return found


async def appliance_rows(url: str, kinds: tuple[str, ...], *, user: str, password: str) -> dict[str, Any]:
    """What an appliance has of each kind of resource, over NITRO."""
    found = {}
    login = {"X-NITRO-USER": user, "X-NITRO-PASS": password}
    try:
        async with aiohttp.ClientSession(headers=login) as session:
            for kind in kinds:
                async with session.get(f"{url}/nitro/v1/config/{kind}") as reply:
                    answer = await reply.json(content_type=None)
                if answer.get("errorcode"):
                    raise Rejected(url, str(answer.get("message")))
                found[kind] = answer.get(kind, [])
    except (aiohttp.ClientError, ValueError) as error:
        raise Unreachable(f"the appliance at {url} does not answer NITRO: {error}", address=url) from error
    return found
