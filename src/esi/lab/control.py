"""The lab's control door: who stands here and how, break, heal. A Unix socket in the lab's folder, for its owner only.

One line of JSON is a request, one line answers it: `{"do": "list"}`, `{"do": "break", "router": …, "kind": …,
"operand": …, "times": …}`, `{"do": "heal", "router": …, "kind": …}`; an empty router or kind of heal means all. An
appliance is named by its management address: `{"do": "boot", "ip": …, "ports": ["0/1", …]}`, power-off, gone. The
answer is `{"ok": …}`, or `{"error": sentence}` for what was refused.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from esi.errors import EsiError, Invalid, Rejected, Unreachable
from esi.lab.faults import KINDS, Faults
from esi.lab.netscaler import Appliances, Reached
from esi.lab.netscaler.faults import KINDS as APPLIANCE
from esi.lab.netscaler.faults import Faults as ApplianceFaults
from esi.lab.serving import Served
from esi.lab.web import CloudFaults

SOCKET = "control.sock"
LIMIT_OCTETS = 64 * 1024
SECONDS = 30.0
PORT = re.compile(r"[0-9]{1,2}/[0-9]{1,2}", re.ASCII)


class Control:
    """What the door does with a lab's devices."""

    def __init__(
        self, served: Mapping[str, Served], appliances: Appliances, clouds: Mapping[str, CloudFaults] | None = None
    ) -> None:
        self._served = served
        self._appliances = appliances
        self._clouds = clouds or {}

    async def answer(self, request: Mapping[str, Any]) -> Any:
        """What a request asks for, as plain JSON. Raises EsiError."""
        verb = request.get("do")
        if verb == "list":
            return self._list()
        if verb == "break":
            name = _word(request, "router")
            times = request.get("times", 0)
            if not isinstance(times, int) or times < 0:
                raise Invalid("times must be a number of times")
            kind, operand = _word(request, "kind"), _word(request, "operand")
            if name in self._clouds:
                self._clouds[name].begin(kind, operand, times=times)
            else:
                await self._faults(name).begin(kind, operand, times=times)
            return {"router": name, "kind": request["kind"]}
        if verb == "heal":
            name = _word(request, "router")
            kind, chosen = _word(request, "kind"), [name] if name else self._names()
            healed = {one: self._clouds[one].end(kind) for one in chosen if one in self._clouds}
            healed |= {one: await self._faults(one).end(kind) for one in chosen if one not in self._clouds}
            return {"healed": {router: kinds for router, kinds in healed.items() if kinds}}
        if verb in ("boot", "power-off", "gone"):
            return await self._power(verb, _word(request, "ip"), request.get("ports", []))
        raise Invalid(f"the lab does not know how to {verb!r}: list, break, heal, boot, power-off or gone")

    def _list(self) -> dict[str, Any]:
        devices = [describe(name, one) for name, one in self._served.items()]
        appliances = [describe_appliance(ip, one) for ip, one in self._appliances.running().items()]
        clouds = [describe_cloud(name, faults) for name, faults in self._clouds.items()]
        kinds = {"kinds": dict(KINDS), "appliance_kinds": dict(APPLIANCE)}
        return {"devices": devices, "appliances": appliances, "clouds": clouds, **kinds}

    async def _power(self, verb: str, ip: str, ports: Any) -> dict[str, Any]:
        """Boot an appliance, switch it off, or throw it away, as a cloud does with its machines."""
        try:
            IPv4Address(ip)
        except ValueError:
            raise Invalid(f"{ip!r} is no management address of an appliance") from None
        if not isinstance(ports, list) or not all(isinstance(port, str) and PORT.fullmatch(port) for port in ports):
            raise Invalid("ports must be a list of names as 1/1")
        if verb == "boot":
            return describe_appliance(ip, await self._appliances.boot(ip, ports=tuple(ports)))
        await (self._appliances.power_off(ip) if verb == "power-off" else self._appliances.gone(ip))
        return {"ip": ip}

    def _names(self) -> list[str]:
        return [*self._served, *self._appliances.running(), *self._clouds]

    def _faults(self, name: str) -> Faults | ApplianceFaults:
        if name in self._served:
            return self._served[name].router.faults
        if name in self._appliances.running():
            return self._appliances.running()[name].appliance.faults
        raise Invalid(f"no device {name!r} in this lab; known: {', '.join(self._names())}")


def describe(name: str, served: Served) -> dict[str, Any]:
    """One device as plain JSON: where it is, who is on it, its BGP and VRRP, what is broken."""
    router = served.router
    return {
        "name": name,
        "netconf": f"{served.host}:{served.port}",
        "snmp": f"{served.host}:{served.snmp_port}",
        "sessions": len(router.sessions),
        "locked_by": router.holder.user if router.holder is not None else "",
        "commits": router.counts["commits"],
        "bgp": [
            {
                "instance": one.peering.instance,
                "peer": one.peering.peer,
                "state": one.state,
                "seconds": int(one.seconds),
                "flaps": one.flaps,
                "reason": one.verdict.reason,
            }
            for one in router.topology.sessions(name)
        ],
        "vrrp": [
            {"unit": one.unit.name, "group": one.group.number, "state": one.state, "reason": one.verdict.reason}
            for one in router.topology.roles(name)
        ],
        "faults": [{"kind": one.kind, "operand": one.operand} for one in router.faults.lasting()],
    }


def describe_appliance(ip: str, reached: Reached) -> dict[str, Any]:
    """One appliance as plain JSON."""
    appliance = reached.appliance
    return {
        "ip": ip,
        "nitro": reached.url,
        "snmp": f"{reached.host}:{reached.snmp_port}",
        "powered": appliance.powered,
        "sessions": len(appliance.sessions),
        "unsaved": appliance.changed(),
        "faults": [{"kind": one.kind, "operand": one.operand} for one in appliance.faults.lasting()],
    }


def describe_cloud(name: str, faults: CloudFaults) -> dict[str, Any]:
    """One cloud as plain JSON: what can be broken there, and what is."""
    broken = [{"kind": kind, "operand": operand} for kind, operand in faults.lasting()]
    return {"name": name, "kinds": dict(faults.kinds), "faults": broken}


@asynccontextmanager
async def serve_control(control: Control, folder: Path) -> AsyncIterator[Path]:
    """Open the door in `folder`; yields the socket's path. Nobody but the folder's user may connect."""
    path = folder / SOCKET
    path.unlink(missing_ok=True)
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await _converse(control, reader, writer)
        finally:
            connections.discard(task)
            writer.close()

    mask = os.umask(0o177)
    try:
        with _short(path) as short:
            server = await asyncio.start_unix_server(serve, short, limit=LIMIT_OCTETS)
    finally:
        os.umask(mask)
    try:
        yield path
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        path.unlink(missing_ok=True)


async def _converse(control: Control, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        try:
            line = await reader.readline()
        except (ValueError, OSError):
            return
        if not line:
            return
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise Invalid("a request is a JSON object")
            answer = {"ok": await control.answer(request)}
        except EsiError as error:
            answer = {"error": str(error)}
        except (ValueError, RecursionError):
            answer = {"error": "a request is one line of JSON"}
        writer.write(json.dumps(answer).encode() + b"\n")
        try:
            await writer.drain()
        except OSError:
            return


async def ask(folder: Path, request: Mapping[str, Any]) -> Any:
    """Ask the lab whose door is in `folder`. Raises Unreachable when there is none, Rejected when it says no."""
    path = folder / SOCKET
    try:
        async with asyncio.timeout(SECONDS):
            with _short(path) as short:
                reader, writer = await asyncio.open_unix_connection(short, limit=16 * 1024 * 1024)
            try:
                writer.write(json.dumps(dict(request)).encode() + b"\n")
                line = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError) as error:
        raise Unreachable(f"no lab answers at {path}", lab=str(folder)) from error
    if not line:
        raise Unreachable(f"the lab at {path} ended before it answered", lab=str(folder))
    answer = json.loads(line)
    if "error" in answer:
        raise Rejected("the lab", answer["error"], lab=str(folder))
    return answer["ok"]


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """The same file by a name that fits a socket's address, which has 107 octets, however deep the folder lies."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _word(request: Mapping[str, Any], name: str) -> str:
    value = request.get(name, "")
    if not isinstance(value, str):
        raise Invalid(f"{name} must be text")
    return value
