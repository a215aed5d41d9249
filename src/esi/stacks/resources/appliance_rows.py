"""From the properties of a load balancer to the rows that shall stand on its appliance. Pure.

The order of the rows is the order of the work: users, addresses and VLANs slot by slot, routes, SNMP; what goes, goes
in the opposite order. Slot 0 is the management port `0/1`, slot n the port `1/n`: of type `user` it is enabled and
has an address in a VLAN of its own, of type `dummy` it is as the appliance came. Its port in Contrail carries nothing.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from esi.drivers.nitro import Login, Row, Value
from esi.drivers.nitro.kinds import key_of
from esi.errors import TemplateError
from esi.stacks import Props
from esi.stacks.resources.structured import read_list, read_map

COMMUNITY = "LOAD_BALANCER_COMMUNITY"
LICENCE_FOLDER, LICENCE_FILE = "/nsconfig/license", "esi.lic"
FIRST_VLAN = 100
ANYWHERE = "0.0.0.0"
POLICIES = {"admin": "superuser", "user": "read-only", "other": "operator"}
PRIORITY = 100

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_#. :@=-]{0,126}", re.ASCII)
_PORT = re.compile(r"[0-9]{1,2}/[0-9]{1,2}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Model:
    """What an appliance shall be licensed for; empty: nobody asks."""

    edition: str = ""
    size: str = ""


def read_login(props: Props, ref: tuple[str, str, int] | None = None) -> Login:
    """Raises TemplateError for a management address or credentials that are none."""
    ip = address(props["management_ip"], "management_ip")
    known = read_map(props["credentials"], "credentials")
    setup = read_map(props.get("init_config", ""), "init_config")
    username, password = known.get("username"), known.get("password")
    if not isinstance(username, str) or not isinstance(password, str) or not username:
        raise TemplateError("credentials", "needs username and password, as texts")
    renewed = setup.get("new_password", "")
    if not isinstance(renewed, str):
        raise TemplateError("init_config.new_password", "must be text")
    return Login(ip, username, password, renewed, ref)


def read_model(props: Props) -> Model:
    raw = read_map(props.get("model", ""), "model")
    edition, size = raw.get("edition", ""), str(raw.get("size", ""))
    if not raw:
        return Model()
    if edition not in ("Standard", "Enterprise", "Platinum") or not re.fullmatch(r"[0-9]{1,6}", size, re.ASCII):
        raise TemplateError("model", "needs an edition (Standard, Enterprise, Platinum) and a size in Mbit/s")
    return Model(edition, size)


def licence_rows(props: Props) -> tuple[Row, ...]:
    """What counts after a restart only: the licence file, and the model."""
    code, model = str(props.get("license_code") or ""), read_model(props)
    if not code:
        return ()
    content = base64.b64encode(code.encode()).decode()
    file = {"filename": LICENCE_FILE, "filelocation": LICENCE_FOLDER, "filecontent": content}
    rows = [Row("systemfile", {**file, "fileencoding": "BASE64"})]
    if model.edition:
        rows.append(Row("nscapacity", {"edition": model.edition, "unit": "Mbps", "bandwidth": int(model.size)}))
    return tuple(rows)


def rows_of(props: Props) -> tuple[Row, ...]:
    """All rows but those of the licence. Raises TemplateError with the property that is wrong."""
    rows = [*_users(props), *_slots(props), *_internet(props), *_routes(props)]
    setup = read_map(props.get("init_config", ""), "init_config")
    community = text(setup.get("snmp_community", COMMUNITY), "init_config.snmp_community", longest=31)
    rows.append(Row("snmpcommunity", {"communityname": community, "permissions": "ALL"}))
    once(rows)
    return tuple(rows)


def unwanted(props: Props) -> tuple[Row, ...]:
    """What the factory may have left: the default route of the management network, where another one is wanted."""
    gateway, management = props.get("default_gateway"), props.get("management_gateway")
    if not gateway or not management or gateway == management:
        return ()
    return (_default_route(address(management, "management_gateway")),)


def once(rows: Sequence[Row]) -> None:
    """Raises TemplateError when two rows would be one on the appliance."""
    seen: set[tuple[str, ...]] = set()
    for row in rows:
        key = key_of(row)
        if key in seen:
            raise TemplateError("", f"two of these would be one {row.kind} on the appliance: {', '.join(key[1:])}")
        seen.add(key)


def _users(props: Props) -> Iterable[Row]:
    login = read_login(props)
    for role, policy in POLICIES.items():
        username = props.get(f"{role}_username") or ""
        if not username:
            continue
        if username == login.username or username == "nsroot":
            raise TemplateError(f"{role}_username", "is a login of the appliance itself")
        word = text(props.get(f"{role}_password"), f"{role}_password", longest=127)
        name_ = name(username, f"{role}_username")
        yield Row("systemuser", {"username": name_, "password": word, "externalauth": "DISABLED"})
        bound: dict[str, Value] = {"username": name_, "policyname": policy, "priority": PRIORITY}
        yield Row("systemuser_systemcmdpolicy_binding", bound)


def _slots(props: Props) -> Iterable[Row]:
    for slot, raw in enumerate(read_list(props.get("networks", ""), "networks")):
        path = f"networks[{slot}]"
        if not isinstance(raw, Mapping) or raw.get("type") not in ("user", "dummy"):
            raise TemplateError(path, "needs a type, user or dummy")
        if not slot or raw["type"] == "dummy":
            continue
        port = raw.get("ifname") or f"1/{slot}"
        if not isinstance(port, str) or not _PORT.fullmatch(port):
            raise TemplateError(f"{path}.ifname", "must be a port, as 1/1")
        yield from _slot(slot, port, raw, path)


def _slot(slot: int, port: str, raw: Mapping[str, Any], path: str) -> Iterable[Row]:
    ip, net = address(raw.get("ip_address"), f"{path}.ip_address"), _network(raw.get("cidr"), f"{path}.cidr")
    if IPv4Address(ip) not in net:
        raise TemplateError(f"{path}.ip_address", "is not in its cidr")
    vlan, mask = FIRST_VLAN + slot, str(net.netmask)
    yield Row("Interface", {"id": port, "state": "ENABLED"})
    yield Row("nsip", {"ipaddress": ip, "netmask": mask, "type": "SNIP", "mgmtaccess": "DISABLED"})
    yield Row("vlan", {"id": vlan, "aliasname": f"slot{slot}"})
    yield Row("vlan_interface_binding", {"id": vlan, "ifnum": port, "tagged": False})
    yield Row("vlan_nsip_binding", {"id": vlan, "ipaddress": ip, "netmask": mask})


def _internet(props: Props) -> Iterable[Row]:
    raw = read_map(props.get("internet_port", ""), "internet_port")
    if raw.get("ip_address"):
        ip = address(raw["ip_address"], "internet_port.ip_address")
        mask = str(_network(f"{ip}/{raw.get('mask')}", "internet_port.mask").netmask)
        yield Row("nsip", {"ipaddress": ip, "netmask": mask, "type": "SNIP", "mgmtaccess": "DISABLED"})


def _routes(props: Props) -> Iterable[Row]:
    """One default route: the tenant's gateway, else that of the management network."""
    for field in ("default_gateway", "management_gateway"):
        if props.get(field):
            yield _default_route(address(props[field], field))
            return


def _default_route(gateway: str) -> Row:
    return Row("route", {"network": ANYWHERE, "netmask": ANYWHERE, "gateway": gateway})


def address(value: Any, path: str) -> str:
    try:
        if not isinstance(value, str):
            raise ValueError
        return str(IPv4Address(value))
    except ValueError:
        raise TemplateError(path, "must be an IPv4 address") from None


def _network(value: Any, path: str) -> IPv4Network:
    try:
        if not isinstance(value, str) or "/" not in value:
            raise ValueError
        return IPv4Network(value, strict=False)
    except ValueError:
        raise TemplateError(path, "must be a network, as 10.0.0.0/24") from None


def name(value: Any, path: str) -> str:
    """A name as NITRO takes one."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise TemplateError(
            path, "must begin with a letter, a digit or _, and go on with these or # . : @ = - or space"
        )
    return value


def text(value: Any, path: str, *, longest: int) -> str:
    """Any text that prints."""
    if not isinstance(value, str) or not 1 <= len(value) <= longest or _CONTROL.search(value):
        raise TemplateError(path, f"must be 1 to {longest} characters that print")
    return value
