"""What NITRO tells under /stat: the load of the appliance and of its ports. Counters are text."""

from __future__ import annotations

from typing import Any

from esi.lab.netscaler import codes
from esi.lab.netscaler.appliance import Netscaler
from esi.lab.netscaler.codes import Refused


def statistics(appliance: Netscaler, name: str, key: str) -> dict[str, Any]:
    """The answer's part for one resource. Raises Refused for one that is not known."""
    seen = appliance.load.look()
    if name in ("ns", "system"):
        usage = {"cpuusagepcnt": seen.cpu, "rescpuusagepcnt": seen.cpu, "memusagepcnt": seen.memory}
        return {name: {**usage, **(_traffic(appliance) if name == "ns" else {})}}
    if name == "protocolhttp":
        return {name: {"httptotrequests": str(seen.http_requests)}}
    if name == "protocoltcp":
        return {name: {"tcpcurclientconn": str(seen.tcp_clients), "tcpcurserverconn": str(seen.tcp_servers)}}
    if name == "Interface":
        ports = [row["id"] for row in appliance.rows.of("Interface") if key in ("", row["id"])]
        if not ports:
            raise Refused(codes.NOENT, f"Interface, {key}")
        return {name: [_port(appliance, port) for port in ports]}
    raise Refused(codes.BAD_OBJECT, name[:60])


def _traffic(appliance: Netscaler) -> dict[str, Any]:
    seen = appliance.load.look()
    return {
        "httptotrequests": str(seen.http_requests),
        "tcpcurclientconn": str(seen.tcp_clients),
        "tcpcurserverconn": str(seen.tcp_servers),
        "hacurmasterstate": "Primary",
    }


def _port(appliance: Netscaler, name: str) -> dict[str, Any]:
    received, sent = appliance.load.octets(name)
    state = "UP" if appliance.port_up(name) else "DOWN"
    return {"id": name, "curintfstate": state, "totrxbytes": str(received), "tottxbytes": str(sent)}
