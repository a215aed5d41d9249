"""Syslog servers: as many as the plan allows, each with an address of its own on the management network."""

from __future__ import annotations

from esi.plugin import Change, Conflict, Ref, Tx
from esi.services.load_balancer.asking import found, of
from esi.services.load_balancer.slots import address_only, delete_port

PARENT = "load_balancer_id"


async def add(tx: Tx, change: Change) -> None:
    body = change.body
    balancer = await found(tx, "load_balancer", body[PARENT], PARENT)
    plan = await found(tx, "load_balancer_plan", balancer["load_balancer_plan_id"], PARENT)
    others = await of(tx, "load_balancer_syslog_server", load_balancer_id=balancer.id)
    limit = plan["maximum_syslog_servers"]
    if limit is not None and len(others) >= limit:
        raise Conflict(f"{PARENT}: the plan allows {limit} syslog servers, and there are as many", fields=[PARENT])
    if any(other["name"] == body["name"] for other in others):
        raise Conflict(f"name: another syslog server of the load balancer is called {body['name']!r}", fields=["name"])
    body["tenant_id"] = balancer["tenant_id"]
    template = await found(tx, "vnf_template", plan["vnf_template_id"], PARENT)
    plug = await address_only(tx, template["management_networks"][0], balancer["tenant_id"], "syslog_server_port")
    body["vserver_ip_address"], body["vserver_port_id"] = plug.address, plug.port.id


async def gone(tx: Tx, change: Change) -> None:
    if change.before is not None and change.before["vserver_port_id"]:
        await delete_port(tx, await tx.get(Ref("port", change.before["vserver_port_id"])))
