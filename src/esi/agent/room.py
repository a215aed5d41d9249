"""The room: a presence in etcd, the collector while it lasts, the REST door all the time, the topic door if there is a
bus. The port is bound when the room runs; 0 takes a free one."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import dataclass

from esi.agent.collector import Collector
from esi.agent.rest import RestDoor
from esi.agent.shelf import TargetShelf
from esi.agent.topics import TopicDoor
from esi.bus import Bus
from esi.errors import LeaseLost, TemporaryError
from esi.kv import KV
from esi.model import keys
from esi.runtime import Leader, Term, together
from esi.runtime.door import HttpDoor
from esi.telemetry import Secret

log = logging.getLogger(__name__)

NO_TOKEN = Secret("")

PORT = 7070
"""As recorded."""

RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the REST door is; `port` 0 takes a free one. `public_url`: how others reach it, if not by host and port;
    `token`: what every request must carry, if anything.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    public_url: str = ""
    token: Secret = NO_TOKEN


class Watching:
    """The agent without its REST door: a room of its own in a simulation. `bus` None: no topics are read."""

    name = "watching"

    def __init__(self, kv: KV, collector: Collector, shelf: TargetShelf, bus: Bus | None = None) -> None:
        self._kv = kv
        self._collector = collector
        self._shelf = shelf
        types = frozenset(collector.probes)
        self._topics = TopicDoor(bus, shelf, types, clock=collector.clock) if bus is not None else None

    async def run(self) -> None:
        topics = [self._topics.run()] if self._topics is not None else []
        await together("agent", self._look(), *topics)

    async def _look(self) -> None:
        """Be present and look, and again when the presence was lost or something below was away."""
        collector = self._collector
        while True:
            key, url = keys.agent_key(collector.name), self._shelf.url.encode()
            leader = Leader(self._kv, key, url, clock=collector.clock, ttl=collector.habits.lease)
            try:
                async with leader.term() as term:
                    await together("agent", collector.run(term), _until_lost(term))
            except TemporaryError as error:
                log.info("the agent starts again: %s", error)
                await collector.clock.sleep(error.after or RETRY_SECONDS)


class AgentRoom:
    """Serves and looks until cancelled. `url` is right once `ready` is set; `bus` None: no topics are read."""

    name = "agent"

    def __init__(self, kv: KV, collector: Collector, *, listen: Listen | None = None, bus: Bus | None = None) -> None:
        listen = listen or Listen()
        self.ready = asyncio.Event()
        self.collector = collector
        self.shelf = TargetShelf(kv, clock=collector.clock, types=frozenset(collector.probes))
        self._public_url = listen.public_url.rstrip("/")
        self._watching = Watching(kv, collector, self.shelf, bus)
        rest = RestDoor(self.shelf, collector, token=listen.token)
        self._door = HttpDoor(self.name, rest.app, host=listen.host, port=listen.port)

    @property
    def url(self) -> str:
        return self._public_url or self._door.url

    @property
    def inherited(self) -> socket.socket | None:
        """The socket that the door listens on, where one was handed over."""
        return self._door.inherited

    @inherited.setter
    def inherited(self, given: socket.socket | None) -> None:
        self._door.inherited = given

    async def run(self) -> None:
        syncers = [self.collector.tsdb.run()] if self.collector.tsdb is not None else []
        try:
            await together("agent", self._door.run(), self._watch(), *syncers)
        finally:
            self.ready.clear()
            for probe in self.collector.probes.values():
                await probe.close()

    async def _watch(self) -> None:
        """Look, once it is known where the door is: targets and the presence tell it to others."""
        await self._door.ready.wait()
        self.shelf.url = self.url
        self.ready.set()
        await self._watching.run()


async def _until_lost(term: Term) -> None:
    await term.lost.wait()
    raise LeaseLost("this agent no longer counts as present")
