"""Which function runs at which event of which schema."""

from __future__ import annotations

from esi.plugin import Hooks
from esi.services.load_balancer import balancers, bills, instances, interfaces, plans, syslog
from esi.services.network import billing, quotas

CREATE, UPDATE, DELETE = "pre_create_in_transaction", "pre_update_in_transaction", "pre_delete_in_transaction"
CREATED, UPDATED, DELETED = "post_create_in_transaction", "post_update_in_transaction", "post_delete_in_transaction"
REPORTED, GONE = "post_state_update_in_transaction", "post_physical_delete_in_transaction"


def register(hooks: Hooks, *, recorded_quirks: bool = False) -> None:
    """Nothing here knows recorded quirks."""
    for event in (CREATE, UPDATE):
        hooks.on("vnf_plan", event, plans.check_size)
        hooks.on("load_balancer_plan", event, plans.check_plan)
    hooks.on("load_balancer", CREATE, quotas.check)
    hooks.on("load_balancer", CREATE, balancers.make)
    hooks.on("load_balancer", CREATED, balancers.equip)
    billing.follow(hooks, "load_balancer")
    hooks.on("load_balancer", CREATED, bills.add_plan)
    hooks.on("load_balancer", UPDATED, bills.change_plan)
    hooks.on("load_balancer", UPDATE, balancers.change)
    hooks.on("load_balancer", UPDATED, balancers.follow)
    hooks.on("load_balancer", DELETE, balancers.take_down)
    hooks.on("load_balancer", DELETED, balancers.take_down_rest)
    hooks.on("load_balancer", "post_show", balancers.show)
    hooks.on("load_balancer", "reboot", balancers.reboot)
    hooks.on("load_balancer", "reset_password", balancers.reset_password)
    hooks.on("load_balancer_interface", CREATE, interfaces.add)
    hooks.on("load_balancer_interface", UPDATE, interfaces.change)
    hooks.on("load_balancer_interface", DELETE, interfaces.keep_order)
    hooks.on("load_balancer_interface", DELETED, interfaces.take_out)
    hooks.on("load_balancer_conf", GONE, instances.clear_address)
    hooks.on("load_balancer_syslog_server", CREATE, syslog.add)
    hooks.on("load_balancer_syslog_server", GONE, syslog.gone)
    hooks.on("vnf_instance", CREATE, instances.write_user_data)
    hooks.on("vnf_instance", REPORTED, instances.settle)
    hooks.on("vnf_instance", GONE, instances.clear)
