"""Appliances on the network, booted on demand: each answers HTTP and SNMP on loopback ports of its own.

Whoever plays the cloud boots, switches off and removes them by management address; watchers hear where those that are
there are reached, each time that it changes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from aiohttp import web

from esi.clock import Clock
from esi.errors import ConfigError, Invalid
from esi.lab.netscaler.appliance import Asked, Image, Netscaler
from esi.lab.netscaler.mib import appliance_agent
from esi.lab.netscaler.nitro import Nitro
from esi.lab.snmp import serve_snmp

LARGEST_BODY = 2 * 1024 * 1024


@dataclass(frozen=True)
class Reached:
    """A running appliance: its NITRO root and the port of its agent, on `host`."""

    appliance: Netscaler
    url: str
    host: str
    snmp_port: int


class Appliances:
    """Those that are there, by management address. To be used as `async with`: at its end all are gone."""

    def __init__(self, clock: Clock, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self._clock = clock
        self._host = host
        self._tls = tls
        self.watchers: list[Callable[[Mapping[str, Reached]], None]] = []
        self._there: dict[str, tuple[Reached, AsyncExitStack]] = {}

    async def __aenter__(self) -> Appliances:
        return self

    async def __aexit__(self, *_: object) -> None:
        for ip in list(self._there):
            await self._take_down(ip)

    def running(self) -> Mapping[str, Reached]:
        return {ip: reached for ip, (reached, _) in self._there.items()}

    async def boot(self, ip: str, image: Image | None = None, *, ports: tuple[str, ...] = ()) -> Reached:
        """Switch it on: a new one from its image, or the one that is there, with what it had saved. `ports` are those
        that it has now. Raises ConfigError when no port of this machine can be had."""
        if ip in self._there:
            reached, _ = self._there[ip]
            if not reached.appliance.powered:
                reached.appliance.power(True, ports)
            return reached
        image = image or Image(ip)
        appliance = Netscaler(replace(image, ports=ports) if ports else image, self._clock)
        async with AsyncExitStack() as stack:
            reached = await self.reach(appliance, stack)
            self._there[ip] = (reached, stack.pop_all())
        self._tell()
        return reached

    async def reach(self, appliance: Netscaler, stack: AsyncExitStack) -> Reached:
        """Put one on the network, until the end of `stack`."""
        try:
            port = await stack.enter_async_context(serve_nitro(appliance, self._host, self._tls))
            snmp = await stack.enter_async_context(serve_snmp(appliance_agent(appliance), self._host))
        except OSError as error:
            raise ConfigError(f"lab appliance {appliance.image.ip}: {error}") from error
        scheme = "http" if self._tls is None else "https"
        return Reached(appliance, f"{scheme}://{self._host}:{port}", self._host, snmp)

    async def power_off(self, ip: str) -> None:
        """Switch it off; what it had not saved is lost. Raises Invalid for one that is not there."""
        self._known(ip).appliance.power(False)

    async def gone(self, ip: str) -> None:
        """It is thrown away; one that is not there is gone already."""
        if ip in self._there:
            await self._take_down(ip)
            self._tell()

    def _tell(self) -> None:
        for watcher in self.watchers:
            watcher(self.running())

    def _known(self, ip: str) -> Reached:
        if ip not in self._there:
            raise Invalid(f"no appliance {ip!r} in this lab; known: {', '.join(self._there) or 'none'}")
        return self._there[ip][0]

    async def _take_down(self, ip: str) -> None:
        reached, stack = self._there.pop(ip)
        reached.appliance.power(False)
        await stack.aclose()


@asynccontextmanager
async def serve_nitro(
    appliance: Netscaler, host: str, tls: ssl.SSLContext | None = None, *, port: int = 0
) -> AsyncIterator[int]:
    """Serve an appliance by HTTP, or HTTPS with `tls`; yields the port. Raises OSError when it cannot be had."""
    nitro = Nitro(appliance)
    connected: set[asyncio.Transport] = set()

    def cut() -> None:
        for transport in list(connected):
            transport.abort()

    async def handle(request: web.Request) -> web.StreamResponse:
        transport = request.transport
        if transport is not None:
            connected.add(transport)
        try:
            body = await request.read()
            slow = appliance.faults.slow_seconds()
            if slow:
                await appliance.clock.sleep(slow)
            answer = nitro.handle(Asked(request.method, request.raw_path, request.headers, body))
            if not answer.status and transport is not None:
                transport.abort()
            return web.Response(
                status=answer.status or 503,
                body=answer.encoded() if answer.status else b"",
                headers=answer.headers,
                content_type="text/html" if isinstance(answer.body, bytes) else "application/json",
            )
        finally:
            if transport is not None:
                connected.discard(transport)

    app = web.Application(client_max_size=LARGEST_BODY)
    app.router.add_route("*", "/{path:.*}", handle)
    appliance.listeners.append(cut)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
        yield int(runner.addresses[0][1])
    finally:
        appliance.listeners.remove(cut)
        await runner.cleanup()
