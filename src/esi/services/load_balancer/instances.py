"""A server: the text that it is given, what follows when it is up to date, and when it is gone."""

from __future__ import annotations

import re

from esi.plugin import Body, Change, Ref, Tx
from esi.services.load_balancer.asking import found, of
from esi.services.load_balancer.slots import delete_left, delete_port

DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_NAME = re.compile(r"\{\{ *(\w+) *\}\}")


def rendered(template: str, parameters: Body) -> str:
    """The template with `{{ name }}` replaced; a name without value becomes nothing."""
    return _NAME.sub(lambda name: str(parameters.get(name[1], "")), template)


async def write_user_data(tx: Tx, change: Change) -> None:
    template = await found(tx, "vnf_template", change.body["vnf_template_id"], "vnf_template_id")
    change.body["user_data"] = rendered(template["user_data_template"], change.body["user_data_parameters"])


async def settle(tx: Tx, change: Change) -> None:
    """Up to date: what it has left can go. A reboot is done once, so the wish for it goes in a version of its own: a
    second wish must be a change.
    """
    report, body = change.payload, change.body
    if change.before is None or report.get("error") or report["version"] != change.version:
        return
    if body["orchestration_state"] not in DONE:
        return
    await delete_left(tx, change.before, unused=True)
    if body["reboot"]:
        await tx.update(change.ref, {"reboot": ""})


async def clear(tx: Tx, change: Change) -> None:
    """The server is gone, and with it whoever held its ports, and what its appliance did not let us take away."""
    if change.before is None:
        return
    confs = await of(tx, "load_balancer_conf", vnf_instance_id=change.id)
    servers = await of(tx, "load_balancer_syslog_server", tenant_id=change.before["tenant_id"])
    for row in (*servers, *confs):
        if row.marked_for_deletion and row.state_error:
            await tx.delete(row.ref)
    for item in change.before["networks"] or []:
        await delete_port(tx, await tx.get(Ref("port", item["port"])))
    await delete_left(tx, change.before, unused=False)


async def clear_address(tx: Tx, change: Change) -> None:
    """What used an address beside those of slots is gone: so are the ports that were handed over to it."""
    for port in await of(tx, "port", device_id=change.id):
        await delete_port(tx, port)
