"""The SNMP v2c agent of a device (RFC 3416): Get, GetNext and GetBulk answered, Set refused, all else met with silence.

Silence, as from a router, is also what an unknown community, a client that the community does not list, another
version, or bytes that are no message get. Nothing that comes in can end the agent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Protocol, cast

from esi.lab.ber import (
    END_OF_VIEW,
    GET,
    GET_BULK,
    GET_NEXT,
    NO_SUCH_INSTANCE,
    NO_SUCH_OBJECT,
    RESPONSE,
    SET,
    Binding,
    Malformed,
    Message,
    Oid,
    Value,
    build_binding,
    build_message,
    parse_message,
)
from esi.lab.mib import Mib
from esi.lab.objects import Objects
from esi.lab.router import Router

V2C = 1
NO_ACCESS = 6
TOO_BIG = 1
LIMIT_OCTETS = 8000
LIMIT_REPETITIONS = 100


class Device(Protocol):
    """Who is asked."""

    def listens(self) -> bool:
        """Whether anything gets through to it, and comes back."""
        ...

    def welcomes(self, community: bytes, client: str) -> bool: ...

    def counted(self) -> None:
        """One more request is answered."""
        ...


class Agent:
    """Answers requests about one device from its objects."""

    def __init__(self, device: Device, objects: Objects) -> None:
        self._device = device
        self._mib = objects

    def answer(self, data: bytes, client: str) -> bytes | None:
        """The reply to one datagram from the address `client`; None is silence."""
        if not self._device.listens():
            return None
        try:
            request = parse_message(data)
        except Malformed:
            return None
        if request.version != V2C or request.kind not in (GET, GET_NEXT, GET_BULK, SET):
            return None
        if not self._device.welcomes(request.community, client):
            return None
        self._device.counted()
        if request.kind == SET:
            return _reply(request, request.bindings, NO_ACCESS, min(1, len(request.bindings)))
        return self._bindings(request)

    def _bindings(self, request: Message) -> bytes:
        names = [binding.oid for binding in request.bindings]
        if request.kind == GET:
            found = [self._get(name) for name in names]
        elif request.kind == GET_NEXT:
            found = [self._next(name) for name in names]
        else:
            found = self._bulk(names, max(0, request.status), min(max(0, request.index), LIMIT_REPETITIONS))
        reply = _reply(request, tuple(found))
        return reply if len(reply) <= 2 * LIMIT_OCTETS else _reply(request, (), TOO_BIG)

    def _get(self, name: Oid) -> Binding:
        value = self._mib.get(name)
        if value is None:
            value = Value(NO_SUCH_INSTANCE if self._mib.has_object(name) else NO_SUCH_OBJECT)
        return Binding(name, value)

    def _next(self, name: Oid) -> Binding:
        return self._mib.after(name) or Binding(name, Value(END_OF_VIEW))

    def _bulk(self, names: list[Oid], once: int, repetitions: int) -> list[Binding]:
        found = [self._next(name) for name in names[:once]]
        repeated = names[once:]
        size = sum(len(build_binding(binding)) for binding in found)
        for _ in range(repetitions if repeated else 0):
            row = [self._next(name) for name in repeated]
            size += sum(len(build_binding(binding)) for binding in row)
            if size > LIMIT_OCTETS and len(found) > once:
                break
            found += row
            repeated = [binding.oid for binding in row]
            if all(binding.value.tag == END_OF_VIEW for binding in row):
                break
        return found


class RouterAsked:
    """A router as its agent sees it: who may ask stands in its configuration."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def listens(self) -> bool:
        gate = self._router.gate
        return not gate.silent and gate.reachable(self._router.clock.monotonic())

    def counted(self) -> None:
        self._router.counts["snmp"] += 1

    def welcomes(self, community: bytes, client: str) -> bool:
        snmp = self._router.running.root.get("snmp")
        if snmp is None or snmp.inactive:
            return False
        try:
            found = snmp.get(("community", community.decode()))
        except UnicodeDecodeError:
            return False
        if found is None or found.inactive:
            return False
        clients = found.get("clients")
        listed = list(clients.entries("clients")) if clients is not None else []
        if not listed:
            return True
        address = ip_address(client)
        nets = {ip_network(_prefix(str(one.key)), strict=False): "restrict" not in one.children for one in listed}
        fitting = [net for net in nets if net.version == address.version and address in net]
        return bool(fitting) and nets[max(fitting, key=lambda net: net.prefixlen)]


def router_agent(router: Router) -> Agent:
    return Agent(RouterAsked(router), Mib(router, router.topology))


def _reply(request: Message, bindings: tuple[Binding, ...], status: int = 0, index: int = 0) -> bytes:
    return build_message(replace(request, kind=RESPONSE, status=status, index=index, bindings=bindings))


def _prefix(text: str) -> str:
    """`0/0` and `10/8`, as routers write them, in full."""
    address, slash, length = text.partition("/")
    missing = 3 - address.count(".") if ":" not in address else 0
    return f"{address}{'.0' * missing}{slash}{length}"


class _Wire(asyncio.DatagramProtocol):
    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._agent.answer(data, addr[0])
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)


@asynccontextmanager
async def serve_snmp(agent: Agent, host: str, port: int = 0) -> AsyncIterator[int]:
    """Serve an agent by UDP; yields the port. Raises OSError when it cannot be had."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Wire(agent), local_addr=(host, port))
    try:
        yield int(transport.get_extra_info("sockname")[1])
    finally:
        transport.close()
