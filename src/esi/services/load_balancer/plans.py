"""What is sold: a plan is an appliance (template) in a size (VNF plan) with a licence. A plan that cannot be had is
refused before anything is taken.
"""

from __future__ import annotations

from typing import NamedTuple

from esi.plugin import Change, Conflict, Resource, Tx
from esi.services.load_balancer.asking import found, refuse

PLAN = "load_balancer_plan_id"
FUNCTION = "load_balancer"


class Offer(NamedTuple):
    """A plan with the size and the appliance that it sells."""

    plan: Resource
    size: Resource
    template: Resource


async def sold(tx: Tx, plan_id: str, tenant: str) -> Offer:
    """What a tenant can have; Conflict, naming what is wrong with the plan, when it cannot be had now."""
    plan = await found(tx, "load_balancer_plan", plan_id, PLAN)
    if not plan["is_public"] and plan["tenant_id"] != tenant:
        raise refuse(PLAN, "this plan is not public")
    if not plan["enabled"]:
        raise _not_now(plan, "is not sold (enabled is false)")
    size, template = await _made_of(tx, plan)
    for name in ("management_networks", "dummy_networks"):
        if not template[name]:
            raise _not_now(plan, f"cannot be used: its vnf_template {template.id} has no {name}")
    return Offer(plan, size, template)


def _not_now(plan: Resource, text: str) -> Conflict:
    return Conflict(f"{PLAN}: plan {plan['name'] or plan.id} {text}; choose another", fields=[PLAN])


async def _made_of(tx: Tx, plan: Resource) -> tuple[Resource, Resource]:
    return (
        await found(tx, "vnf_plan", plan["vnf_plan_id"], "vnf_plan_id"),
        await found(tx, "vnf_template", plan["vnf_template_id"], "vnf_template_id"),
    )


async def check_plan(tx: Tx, change: Change) -> None:
    """Size and appliance of a plan must be those of load balancers."""
    for name in ("vnf_plan_id", "vnf_template_id"):
        row = await found(tx, name.removesuffix("_id"), change.body[name], name)
        if row["function"] != FUNCTION:
            raise refuse(name, f"is for a {row['function']}, not for a {FUNCTION}")


async def check_size(tx: Tx, change: Change) -> None:
    if change.body["default_interface_number"] > change.body["interface_limit"]:
        raise refuse("default_interface_number", "must not be more than interface_limit")


async def check_same_appliance(tx: Tx, old_id: str, offer: Offer) -> None:
    """Another plan changes licence and model; the server stays what it is."""
    for old, new, name in zip(
        await _made_of(tx, await found(tx, "load_balancer_plan", old_id, PLAN)),
        (offer.size, offer.template),
        ("vnf_plan", "vnf_template"),
        strict=True,
    ):
        if old.id != new.id:
            raise refuse(PLAN, f"has another {name}: the server cannot be changed into it; make a new load balancer")
