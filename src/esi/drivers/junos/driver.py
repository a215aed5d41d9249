"""Opens conversations with JUNOS routers: those that the inventory names, or that a known_hosts file vouches for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from esi.clock import Clock
from esi.drivers import Address, Edit
from esi.drivers.endpoint import Endpoint, Timeouts, Ways
from esi.drivers.junos.edits import is_short, written
from esi.drivers.junos.session import JunosSession
from esi.drivers.netconf import NetconfSession
from esi.errors import Rejected, TemplateError, Unsupported
from esi.telemetry import Recorder


class JunosDriver:
    """`inventory` maps a management address, as the service's data name it, to where that device is really reached.

    An address that is not there is refused, unless `known_hosts` (a file in OpenSSH's form) is given: then it is
    dialled as it stands, and its key must be in that file. `rpcs` counts requests by their names since the start.
    """

    def __init__(
        self,
        inventory: Mapping[str, Endpoint],
        *,
        clock: Clock,
        recorder: Recorder,
        timeouts: Timeouts | None = None,
        known_hosts: Path | None = None,
    ) -> None:
        self.rpcs: Counter[str] = Counter()
        self._inventory = dict(inventory)
        self._known_hosts = known_hosts
        self._ways = Ways(clock, recorder, self.rpcs, timeouts or Timeouts())

    def prepare(self, ip: str, edits: Sequence[Edit]) -> None:
        """Write them, so that a router that can be loaded waits for sending alone."""
        if is_short(edits):
            with suppress(TemplateError):  # the load tells
                written(tuple(edits), ip)

    async def open(self, address: Address) -> JunosSession:
        """Unsupported: not in the inventory. Rejected: host key, login. Unreachable: nobody there."""
        netconf = await self.dial(address)
        if not netconf.peer.can("candidate"):
            await netconf.close()
            raise Rejected(address.ip, "it offers no candidate configuration")
        endpoint = self._inventory.get(address.ip)
        within = endpoint.confirm_within if endpoint is not None else None
        if within is not None and not netconf.peer.can("confirmed-commit"):
            await netconf.close()
            raise Rejected(address.ip, "it offers no confirmed commit, which the inventory asks for")
        return JunosSession(netconf, self._ways.timeouts, within)

    async def dial(self, address: Address) -> NetconfSession:
        """The conversation without JUNOS's verbs, for whoever speaks other RPCs."""
        from esi.drivers.ssh import dial  # here: a process that has nothing to dial does not load it

        endpoint = self._inventory.get(address.ip)
        if endpoint is None:
            if self._known_hosts is None:
                raise Unsupported(
                    f"{address.ip} is not in the inventory of devices, so it is not dialled: add it there",
                    ip=address.ip,
                )
            endpoint = Endpoint(address.ip, address.port)
        return await dial(address, endpoint, self._ways, known_hosts=self._known_hosts)
