"""What each type asks for beyond its shape, and what the server itself makes: addresses, MACs, routing instances."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from esi.lab.contrail.addresses import check_change, check_overlap, read_subnets, take
from esi.lab.contrail.objects import Objects, Refused, Standing

FIRST_NETWORK_ID = 4
"""Networks are numbered after the built-in ones."""

VLANS = range(4095)
QFX_RESERVED = (1, 2, 4094)

Change = Mapping[str, Any]
Rule = Callable[[Objects, Standing], None]
ChangeRule = Callable[[Objects, Standing, Change], None]


def attrs(refs: Mapping[tuple[str, str], Any], type: str) -> list[Any]:
    return [attr for (kind, _), attr in refs.items() if kind == type]


def _new_network(objects: Objects, one: Standing) -> None:
    check_overlap(list(read_subnets(attrs(one.refs, "network-ipam"))), 400)
    numbers = [other.body.get("virtual_network_network_id", 0) for other in objects if other.type == "virtual-network"]
    one.body["virtual_network_network_id"] = max([FIRST_NETWORK_ID, *numbers]) + 1
    one.body.setdefault("address_allocation_mode", "user-defined-subnet-preferred")
    one.body.setdefault("port_security_enabled", True)


def _new_interface(objects: Objects, one: Standing) -> None:
    if not one.ref("virtual-network"):
        raise Refused(500, "KeyError: 'virtual_network_refs'")
    one.body.setdefault("port_security_enabled", True)
    _port_security(one.body, one.refs)
    macs = one.body.get("virtual_machine_interface_mac_addresses") or {}
    given = [mac.replace("-", ":") for mac in macs.get("mac_address", [])]
    one.body["virtual_machine_interface_mac_addresses"] = {"mac_address": given or [_mac_of(one.uuid)]}


def _mac_of(uuid: str) -> str:
    return ":".join(["02", uuid[0:2], uuid[2:4], uuid[4:6], uuid[6:8], uuid[9:11]])


def _port_security(body: Mapping[str, Any], refs: Mapping[tuple[str, str], Any]) -> None:
    pairs = body.get("virtual_machine_interface_allowed_address_pairs") or {}
    if body.get("port_security_enabled") is not False:
        return
    if pairs.get("allowed_address_pair"):
        raise Refused(400, "Allowed address pairs are not allowed when port security is disabled")
    if any(type == "security-group" for type, _ in refs):
        raise Refused(400, "Security groups are not allowed when port security is disabled")


def _new_address(objects: Objects, one: Standing) -> None:
    network = objects.get(one.ref("virtual-network"))
    if network is None:
        raise Refused(500, "KeyError: 'virtual_network_refs'")
    wanted = one.body.get("instance_ip_address") or ""
    machine = objects.get(one.ref("virtual-machine-interface"))
    of_machine = machine is not None and bool(machine.ref("virtual-machine"))
    subnet = one.body.get("subnet_uuid") or ""
    one.body["instance_ip_address"] = take(objects, network, wanted=wanted, subnet=subnet, of_machine=of_machine)
    one.body.setdefault("instance_ip_family", "v6" if ":" in one.body["instance_ip_address"] else "v4")


def _new_logical(objects: Objects, one: Standing) -> None:
    vlan = one.body.get("logical_interface_vlan_tag") or 0
    if vlan not in VLANS:
        raise Refused(403, f"Invalid Vlan id: {vlan}")
    above = objects.get(one.parent)
    router = objects.get(above.parent) if above is not None and above.type == "physical-interface" else above
    if above is None or router is None:
        raise Refused(500, "Physical interface or router of the logical interface is missing")
    product = str(router.body.get("physical_router_product_name") or "").lower()
    if product.startswith("qfx") and vlan in QFX_RESERVED:
        raise Refused(403, f"Vlan id {vlan} is not allowed on QFX")
    shown = one.body["display_name"]
    for other in _logical_of(objects, router):
        if other.body["display_name"] == shown:
            raise Refused(403, f"Display name already used in another interface :{other.uuid}")
        if other.parent == one.parent and vlan and other.body.get("logical_interface_vlan_tag") == vlan:
            raise Refused(403, f"Vlan tag already used in another interface : {other.uuid}")


def _logical_of(objects: Objects, router: Standing) -> list[Standing]:
    direct = objects.children(router)
    below = [child for one in direct if one.type == "physical-interface" for child in objects.children(one)]
    return [one for one in (*direct, *below) if one.type == "logical-interface"]


def _changed_network(objects: Objects, one: Standing, change: Change) -> None:
    if "network_ipam_refs" in change:
        check_change(objects, one, attrs(change["network_ipam_refs"], "network-ipam"))


def _changed_interface(objects: Objects, one: Standing, change: Change) -> None:
    before = (one.body.get("virtual_machine_interface_properties") or {}).get("sub_interface_vlan_tag")
    wanted = change.get("virtual_machine_interface_properties")
    if wanted is not None and before is not None and wanted.get("sub_interface_vlan_tag", before) != before:
        raise Refused(400, "Cannot change Vlan tag")
    _port_security({**one.body, **change}, {**one.refs, **change.get("security_group_refs", {})})


def _changed_address(objects: Objects, one: Standing, change: Change) -> None:
    wanted = change.get("instance_ip_address")
    if wanted and wanted != one.body["instance_ip_address"]:
        raise Refused(400, "Instance IP Address can not be changed")


def _changed_logical(objects: Objects, one: Standing, change: Change) -> None:
    vlan = one.body.get("logical_interface_vlan_tag")
    if "logical_interface_vlan_tag" in change and change["logical_interface_vlan_tag"] != vlan:
        raise Refused(403, "Cannot change Vlan id")
    if "display_name" in change and change["display_name"] != one.body["display_name"]:
        raise Refused(403, "Cannot change display name !")


NEW: Mapping[str, Rule] = {
    "virtual-network": _new_network,
    "virtual-machine-interface": _new_interface,
    "instance-ip": _new_address,
    "logical-interface": _new_logical,
}
"""Asked before an object is kept."""

CHANGED: Mapping[str, ChangeRule] = {
    "virtual-network": _changed_network,
    "virtual-machine-interface": _changed_interface,
    "instance-ip": _changed_address,
    "logical-interface": _changed_logical,
}
"""Asked before a change is kept; references in it are read already."""
