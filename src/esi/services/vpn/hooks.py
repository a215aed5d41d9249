"""Which function runs at which event of which schema."""

from __future__ import annotations

from esi.plugin import Hooks
from esi.services.network import quotas
from esi.services.vpn import downlinks, gateways, interfaces, routers
from esi.services.vpn.routers import InterfacePairs

CREATE, UPDATE, DELETE = "pre_create_in_transaction", "pre_update_in_transaction", "pre_delete_in_transaction"
CREATED, GONE = "post_create_in_transaction", "post_physical_delete_in_transaction"


def register(hooks: Hooks, *, recorded_quirks: bool = False) -> None:
    """`recorded_quirks` as in docs/compatibility.md."""
    pairs = InterfacePairs(recorded_quirks=recorded_quirks)
    hooks.on("edge_router", CREATE, routers.check_edge_router)
    hooks.on("er_physical_interface", CREATE, routers.check_router_interface)
    hooks.on("ha_router", CREATE, routers.make_router_pair)
    hooks.on("ha_router", UPDATE, routers.resize_router_pair)
    hooks.on("ha_interface", CREATE, pairs.make)
    hooks.on("ha_interface", UPDATE, routers.resize_interface_pair)
    hooks.on("ha_interface", DELETE, routers.keep_used_interface_pair)
    hooks.on("vpn_service", CREATE, routers.check_vpn_service)
    hooks.on("vpn_service", UPDATE, routers.check_vpn_service)
    hooks.on("qos_option", CREATE, routers.make_qos_option)
    hooks.on("qos_option", DELETE, routers.keep_used_qos_option)
    hooks.on("vpn_gateway", CREATE, quotas.check)
    hooks.on("vpn_gateway", CREATE, gateways.place)
    hooks.on("vpn_gateway", UPDATE, gateways.change_qos)
    hooks.on("vpn_gateway", DELETE, gateways.keep_connected)
    hooks.on("vpn_gateway", GONE, gateways.give_back)
    hooks.on("vpn_interface", CREATE, interfaces.check)
    hooks.on("vpn_interface", CREATED, interfaces.occupy)
    hooks.on("vpn_interface", GONE, interfaces.leave)
    hooks.on("gw_interface", CREATE, downlinks.check_interface)
    hooks.on("gw_interface", CREATED, downlinks.connect)
    hooks.on("gw_interface", DELETE, downlinks.disconnect)
    hooks.on("static_route", CREATE, downlinks.check_route)
