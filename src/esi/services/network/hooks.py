"""Which function runs at which event of which schema."""

from __future__ import annotations

from esi.plugin import Hooks
from esi.services.network import billing, logical_ports, networks, ports, quotas, subnets

CREATE, UPDATE, DELETE = "pre_create_in_transaction", "pre_update_in_transaction", "pre_delete_in_transaction"
CREATED, UPDATED = "post_create_in_transaction", "post_update_in_transaction"
DONE, GONE = "post_state_update_in_transaction", "post_physical_delete_in_transaction"


def register(hooks: Hooks, *, recorded_quirks: bool = False) -> None:
    for schema in ("network", "subnet", "port"):
        hooks.on(schema, CREATE, quotas.check)
    billing.follow(hooks, "network")
    hooks.on("network", "post_show", networks.show_subnets)
    hooks.on("subnet", CREATE, subnets.make)
    hooks.on("subnet", CREATED, subnets.make_dhcp_port)
    hooks.on("subnet", UPDATE, subnets.change_subnet)
    hooks.on("subnet", UPDATED, subnets.follow_dhcp)
    hooks.on("subnet", DELETE, subnets.remove_dhcp_port)
    hooks.on("reserve_address", CREATE, subnets.check_reserve)
    hooks.on("reserve_address", UPDATE, subnets.check_reserve)
    hooks.on("port", CREATE, ports.make)
    hooks.on("port", CREATED, ports.made)
    hooks.on("port", UPDATE, ports.change_port)
    hooks.on("port", DONE, ports.attach)
    hooks.on("port", "pre_delete", ports.detach)
    hooks.on("port", DELETE, ports.check_delete)
    hooks.on("port", GONE, ports.gone)
    hooks.on("ese_logical_port", CREATE, logical_ports.take_vlan)
    hooks.on("ese_logical_port", DONE, logical_ports.attach)
