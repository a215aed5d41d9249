"""What Nova's answers look like: versions, servers, flavors, ports, errors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from esi.lab.nova.neutron import HOST, Port, Refused
from esi.lab.nova.servers import ERROR, POWER, Flavor, Server
from esi.lab.web import Answer, as_json

VERSION = "2.1"
HEADERS: Mapping[str, str] = {
    "OpenStack-API-Version": f"compute {VERSION}",
    "X-OpenStack-Nova-API-Version": VERSION,
    "Vary": "OpenStack-API-Version, X-OpenStack-Nova-API-Version",
}
NAMES: Mapping[int, str] = {
    400: "badRequest",
    403: "forbidden",
    404: "itemNotFound",
    409: "conflictingRequest",
    500: "computeFault",
    501: "notImplemented",
}
UNAUTHORIZED = {
    "error": {"code": 401, "title": "Unauthorized", "message": "The request you have made requires authentication."}
}


def answered(value: Any, status: int = 200) -> Answer:
    return as_json(value, status, HEADERS)


def refused(error: Refused) -> Answer:
    """Nova wraps its words in a name that goes with the status."""
    if error.status == 401:
        return as_json(UNAUTHORIZED, 401, {"WWW-Authenticate": "Keystone"})
    if error.status == 406:
        return answered({"computeFault": {"code": 406, "message": str(error)}}, 406)
    name = NAMES.get(error.status, "computeFault")
    return answered({name: {"code": error.status, "message": str(error)}}, error.status)


def versions(base: str) -> list[dict[str, Any]]:
    return [version(base, "v2.0", "v2", "", ""), version(base, "v2.1", "v2.1", VERSION, VERSION)]


def version(base: str, id: str, path: str, newest: str, oldest: str) -> dict[str, Any]:
    return {
        "id": id,
        "status": "CURRENT" if newest else "SUPPORTED",
        "version": newest,
        "min_version": oldest,
        "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": f"{base}/{path}/"}],
        "media-types": [{"base": "application/json", "type": f"application/vnd.openstack.compute+json;version={id}"}],
    }


def flavor_row(flavor: Flavor, base: str) -> dict[str, Any]:
    return {
        "id": flavor.id,
        "name": flavor.name,
        "ram": flavor.ram,
        "disk": flavor.disk,
        "vcpus": flavor.vcpus,
        "swap": "",
        "rxtx_factor": 1.0,
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": True,
        "links": links(base, "flavors", flavor.id),
    }


def links(base: str, collection: str, id: str) -> list[dict[str, str]]:
    return [
        {"rel": "self", "href": f"{base}/v2.1/{collection}/{id}"},
        {"rel": "bookmark", "href": f"{base}/{collection}/{id}"},
    ]


def server_row(server: Server, base: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": server.id,
        "name": server.name,
        "status": server.status,
        "tenant_id": server.tenant,
        "user_id": server.user,
        "metadata": dict(server.metadata),
        "hostId": HOST if server.nics else "",
        "image": {"id": server.image, "links": links(base, "images", server.image)[1:]},
        "flavor": {"id": server.flavor.id, "links": links(base, "flavors", server.flavor.id)[1:]},
        "created": when(server.created),
        "updated": when(server.updated or server.created),
        "addresses": addresses(server),
        "accessIPv4": "",
        "accessIPv6": "",
        "links": links(base, "servers", server.id),
        "OS-DCF:diskConfig": "MANUAL",
        "progress": 0,
        "OS-EXT-AZ:availability_zone": server.zone,
        "config_drive": "True" if server.config_drive else "",
        "key_name": None,
        "OS-SRV-USG:launched_at": None,
        "OS-SRV-USG:terminated_at": None,
        "security_groups": [{"name": name} for nic in server.nics for name in nic.get("security_groups") or ()],
        "OS-EXT-STS:task_state": server.task or None,
        "OS-EXT-STS:vm_state": server.vm,
        "OS-EXT-STS:power_state": POWER.get(server.vm, 0),
        "os-extended-volumes:volumes_attached": [],
    }
    if server.vm == ERROR:
        row["fault"] = {"code": 500, "created": when(server.updated), "message": server.fault}
    return row


def addresses(server: Server) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for nic in server.nics:
        for fixed in nic.get("fixed_ips") or ():
            one = {
                "addr": fixed["ip_address"],
                "version": 6 if ":" in fixed["ip_address"] else 4,
                "OS-EXT-IPS:type": "fixed",
                "OS-EXT-IPS-MAC:mac_addr": nic.get("mac_address"),
            }
            found.setdefault(str(nic.get("network_name") or nic["network_id"]), []).append(one)
    return found


def attachment(port: Port) -> dict[str, Any]:
    return {
        "port_id": port["id"],
        "net_id": port.get("network_id"),
        "mac_addr": port.get("mac_address"),
        "port_state": port.get("status"),
        "fixed_ips": [dict(fixed) for fixed in port.get("fixed_ips") or ()],
    }


def when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
