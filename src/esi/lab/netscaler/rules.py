"""What must hold between rows: each rule refuses a change that would break it, with NITRO's code.

`adding` is asked with a new row (for a binding also when it is there), `removing` with one that is to go. What a row
takes along is gone with it: a VLAN its bindings, a user its policies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address

from esi.lab.netscaler import codes
from esi.lab.netscaler.codes import Refused
from esi.lab.netscaler.fields import network_of
from esi.lab.netscaler.kinds import COMMAND_POLICIES, Fields
from esi.lab.netscaler.rows import Rows

ROOT = "nsroot"
NATIVE_VLAN = 1
LICENCES = "/nsconfig/license"

Rule = Callable[[Rows, Fields], None]


def _need(rows: Rows, kind: str, key: object, code: int = codes.NOENT) -> Fields:
    found = rows.get(kind, key)
    if found is None:
        raise Refused(code, f"{kind}, {key}")
    return found


def _connected(rows: Rows, gateway: str, *, without: str = "") -> bool:
    ips = (row for row in rows.of("nsip") if row["type"] != "VIP" and row["ipaddress"] != without)
    return any(IPv4Address(gateway) in network_of(row["ipaddress"], row["netmask"]) for row in ips)


def _new_ip(rows: Rows, row: Fields) -> None:
    if row["type"] == "NSIP":
        raise Refused(codes.ADD_NSIP)
    if row["netmask"] == "0.0.0.0" or row["ipaddress"].startswith(("0.", "127.", "224.", "255.")):
        raise Refused(codes.BAD_ADDRESS, "ipaddress")


def _ip_goes(rows: Rows, row: Fields) -> None:
    if row["type"] == "NSIP":
        raise Refused(codes.NSIP_STAYS)
    for route in rows.of("route"):
        held = _connected(rows, route["gateway"])
        if held and not _connected(rows, route["gateway"], without=row["ipaddress"]):
            raise Refused(codes.ROUTE_RELIES, f"{route['network']}, {route['gateway']}")
    for bound in list(rows.matching("vlan_nsip_binding", ipaddress=row["ipaddress"])):
        rows.drop("vlan_nsip_binding", bound["id"], bound["ipaddress"])


def _new_vlan(rows: Rows, row: Fields) -> None:
    if row["id"] == NATIVE_VLAN:
        raise Refused(codes.EXIST, "vlan, 1")


def _vlan_goes(rows: Rows, row: Fields) -> None:
    if row["id"] == NATIVE_VLAN:
        raise Refused(codes.NOT_PERMITTED, "vlan, 1")
    bindings = list(rows.matching("vlan_nsip_binding", id=row["id"]))
    subnets = [network_of(bound["ipaddress"], bound["netmask"]) for bound in bindings]
    if any(IPv4Address(route["gateway"]) in subnet for route in rows.of("route") for subnet in subnets):
        raise Refused(codes.VLAN_ROUTE, f"vlan, {row['id']}")
    for bound in bindings:
        rows.drop("vlan_nsip_binding", bound["id"], bound["ipaddress"])
    for bound in list(rows.matching("vlan_interface_binding", id=row["id"])):
        rows.drop("vlan_interface_binding", bound["id"], bound["ifnum"])


def _port_bound(rows: Rows, row: Fields) -> None:
    _need(rows, "vlan", row["id"])
    _need(rows, "Interface", row["ifnum"])
    for bound in list(rows.matching("vlan_interface_binding", ifnum=row["ifnum"])):
        if bound["id"] == row["id"]:
            raise Refused(codes.ALREADY_BOUND, f"{row['id']}, {row['ifnum']}")
        if not bound["tagged"] and not row["tagged"]:
            rows.drop("vlan_interface_binding", bound["id"], bound["ifnum"])


def _ip_bound(rows: Rows, row: Fields) -> None:
    _need(rows, "vlan", row["id"])
    ip = _need(rows, "nsip", row["ipaddress"], codes.NO_IP)
    if ip["type"] == "NSIP":
        raise Refused(codes.NOT_A_SNIP, row["ipaddress"])
    if ip["netmask"] != row["netmask"]:
        raise Refused(codes.BAD_NETMASK, "netmask")
    if any(bound["id"] != row["id"] for bound in rows.matching("vlan_nsip_binding", ipaddress=row["ipaddress"])):
        raise Refused(codes.IN_USE, row["ipaddress"])


def _new_route(rows: Rows, row: Fields) -> None:
    if str(network_of(row["network"], row["netmask"]).network_address) != row["network"]:
        raise Refused(codes.INVAL, "network")
    if not _connected(rows, row["gateway"]):
        raise Refused(codes.FAR_GATEWAY, row["gateway"])


def _user_goes(rows: Rows, row: Fields) -> None:
    if row["username"] == ROOT:
        raise Refused(codes.ROOT_REMOVED)
    for bound in list(rows.matching("systemuser_systemcmdpolicy_binding", username=row["username"])):
        rows.drop("systemuser_systemcmdpolicy_binding", bound["username"], bound["policyname"])


def _user_bound(rows: Rows, row: Fields) -> None:
    _need(rows, "systemuser", row["username"])
    if row["username"] == ROOT:
        raise Refused(codes.ROOT_BOUND)
    if row["policyname"] not in COMMAND_POLICIES:
        raise Refused(codes.NO_POLICY, row["policyname"])


def _user_unbound(rows: Rows, row: Fields) -> None:
    if row["username"] == ROOT:
        raise Refused(codes.ROOT_BOUND)


def _new_action(rows: Rows, row: Fields) -> None:
    if ("serverip" in row) == ("lbvservername" in row):
        raise Refused(codes.EXCLUSIVE if "serverip" in row else codes.MISSING, "serverip, lbvservername")
    if "lbvservername" in row:
        _need(rows, "lbvserver", row["lbvservername"])


def _action_goes(rows: Rows, row: Fields) -> None:
    if any(rows.matching("auditsyslogpolicy", action=row["name"])):
        raise Refused(codes.IN_USE, f"auditsyslogaction, {row['name']}")


def _new_policy(rows: Rows, row: Fields) -> None:
    _need(rows, "auditsyslogaction", row["action"])


def _policy_goes(rows: Rows, row: Fields) -> None:
    if any(rows.matching("systemglobal_auditsyslogpolicy_binding", policyname=row["name"])):
        raise Refused(codes.IN_USE, f"auditsyslogpolicy, {row['name']}")


def _policy_bound(rows: Rows, row: Fields) -> None:
    _need(rows, "auditsyslogpolicy", row["policyname"])
    if any(rows.matching("systemglobal_auditsyslogpolicy_binding", policyname=row["policyname"])):
        raise Refused(codes.EXIST, row["policyname"])


def _service_bound(rows: Rows, row: Fields) -> None:
    _need(rows, "lbvserver", row["name"])
    _need(rows, "service", row["servicename"], codes.NO_SERVICE)


def _vserver_goes(rows: Rows, row: Fields) -> None:
    if any(rows.matching("auditsyslogaction", lbvservername=row["name"])):
        raise Refused(codes.IN_USE, f"lbvserver, {row['name']}")
    for bound in list(rows.matching("lbvserver_service_binding", name=row["name"])):
        rows.drop("lbvserver_service_binding", bound["name"], bound["servicename"])


def _service_goes(rows: Rows, row: Fields) -> None:
    for bound in list(rows.matching("lbvserver_service_binding", servicename=row["name"])):
        rows.drop("lbvserver_service_binding", bound["name"], bound["servicename"])


adding: Mapping[str, Rule] = {
    "nsip": _new_ip,
    "vlan": _new_vlan,
    "vlan_interface_binding": _port_bound,
    "vlan_nsip_binding": _ip_bound,
    "route": _new_route,
    "systemuser_systemcmdpolicy_binding": _user_bound,
    "auditsyslogaction": _new_action,
    "auditsyslogpolicy": _new_policy,
    "systemglobal_auditsyslogpolicy_binding": _policy_bound,
    "lbvserver_service_binding": _service_bound,
}

removing: Mapping[str, Rule] = {
    "nsip": _ip_goes,
    "vlan": _vlan_goes,
    "systemuser": _user_goes,
    "systemuser_systemcmdpolicy_binding": _user_unbound,
    "auditsyslogaction": _action_goes,
    "auditsyslogpolicy": _policy_goes,
    "lbvserver": _vserver_goes,
    "service": _service_goes,
}
