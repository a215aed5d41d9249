"""What Nova asks of Neutron, call by call in its own order (logged once from a real one).

look       in the API, before a server is made or a port attached: is the port there, and free?
bind       on the compute host: looks again, then PUT device_id and device_owner
refresh    what a server's ports are now: lists, and four questions for each port
release    a port that leaves its server is deleted
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlencode

HOST = "lab-compute-1"
OWNER = "compute:nova"

Port = dict[str, Any]


class Refused(Exception):
    """Nova's answer to its own caller."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Neutron(Protocol):
    """Sends one request; status and parsed body. Raises Refused(500) when Neutron cannot be reached."""

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]: ...


class Plugging:
    """Ports of servers, over `neutron`."""

    def __init__(self, neutron: Neutron) -> None:
        self._neutron = neutron

    async def look(self, port: str, tenant: str, *, absent: int) -> Port:
        """The port, if a server of `tenant` may have it; `absent` is the status of a refusal for one that is not."""
        extensions = await self._extensions()
        found = await self._port(port, absent=absent)
        await self._port(port, absent=absent, fields="device_id")
        if found.get("device_id"):
            raise Refused(409, f"Port {port} is still in use.")
        if found.get("tenant_id") not in (None, tenant):
            raise Refused(400, f"Port {port} not usable for instance.")
        if not found.get("fixed_ips"):
            raise Refused(400, f"Port {port} requires a FixedIP in order to be used.")
        await self._list("networks", id=str(found["network_id"]))
        return {**found, "with_host": "binding" in extensions}

    async def bind(self, port: Port, server: str) -> None:
        id_ = str(port["id"])
        await self._extensions()
        await self._port(id_, absent=404)
        await self._get(f"/v2.0/networks/{port['network_id']}.json?fields=dns_domain")
        change = {"device_id": server, "device_owner": OWNER}
        if port["with_host"]:
            change["binding:host_id"] = HOST
        status, body = await self._neutron.ask("PUT", f"/v2.0/ports/{id_}.json", {"port": change})
        if status >= 400:
            raise Refused(500, f"Neutron answered {status} for port {id_}: {words(body)}")

    async def refresh(self, server: str, tenant: str, order: Sequence[str]) -> list[Port]:
        """The server's ports in the order of its slots."""
        found = {str(port["id"]): port for port in await self._list("ports", tenant_id=tenant, device_id=server)}
        networks = sorted({str(port["network_id"]) for port in found.values()})
        if networks:
            await self._list("networks", id=networks)
        for port in found.values():
            for fixed in port.get("fixed_ips") or ():
                await self._list("floatingips", fixed_ip_address=fixed["ip_address"], port_id=port["id"])
                await self._list("subnets", id=fixed["subnet_id"])
            await self._list("ports", network_id=port["network_id"], device_owner="network:dhcp")
            _, body = await self._neutron.ask("GET", f"/v2.0/networks/{port['network_id']}.json?fields=name")
            port["network_name"] = ((body or {}).get("network") or {}).get("name") or port["network_id"]
        return [found[id_] for id_ in order if id_ in found]

    async def of(self, server: str) -> list[Port]:
        return await self._list("ports", device_id=server)

    async def release(self, port: str) -> None:
        """Absent is success."""
        status, body = await self._neutron.ask("DELETE", f"/v2.0/ports/{port}.json")
        if status >= 400 and status != 404:
            raise Refused(500, f"Neutron answered {status} for port {port}: {words(body)}")

    async def _extensions(self) -> set[str]:
        body = await self._get("/v2.0/extensions.json")
        return {str(one.get("alias")) for one in body.get("extensions") or ()}

    async def _port(self, port: str, *, absent: int, fields: str = "") -> Port:
        query = f"?{urlencode({'fields': fields})}" if fields else ""
        status, body = await self._neutron.ask("GET", f"/v2.0/ports/{port}.json{query}")
        if status == 404:
            raise Refused(absent, f"Port {port} could not be found.")
        if status >= 400:
            raise Refused(500, f"Neutron answered {status} for port {port}: {words(body)}")
        return dict(body["port"])

    async def _list(self, collection: str, **query: Any) -> list[Port]:
        """A collection that Neutron does not have is empty, as an extension that is not there."""
        status, body = await self._neutron.ask("GET", f"/v2.0/{collection}.json?{urlencode(query, doseq=True)}")
        if status == 404:
            return []
        if status >= 400:
            raise Refused(500, f"Neutron answered {status} for {collection}: {words(body)}")
        return [dict(row) for row in body.get(collection) or ()]

    async def _get(self, path: str) -> Mapping[str, Any]:
        status, body = await self._neutron.ask("GET", path)
        if status >= 400:
            raise Refused(500, f"Neutron answered {status} for {path}: {words(body)}")
        return body if isinstance(body, dict) else {}


def words(body: Any) -> str:
    """What Neutron says is wrong."""
    told = body.get("NeutronError", body.get("error", body)) if isinstance(body, dict) else body
    return str(told.get("message", told) if isinstance(told, dict) else told)
