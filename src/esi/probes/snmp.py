"""SNMP v2c towards devices: a few requests at a time, answers as plain values, silence as Unreachable.

Questions to a device that come while it is asked already go together in the next request (esi.together).

The address in a target's properties is a management address; where its agent is really reached stands in the map that
is given, and an address that is not there is not asked. A community is named by a word in the targets
(EDGE_ROUTER_COMMUNITY): `communities` says what the word stands for, one that is not there goes out as it is.

An agent never refuses a wrong community, it is silent; so "no answer" names both possibilities.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from gufo.snmp import SnmpError
from gufo.snmp.aio import SnmpSession

from esi.clock import Clock
from esi.errors import Broken, Rejected, Unreachable, Unsupported
from esi.probes.reach import Reach
from esi.telemetry import Message, NullRecorder, Recorder
from esi.together import Together

TIMEOUT_SECONDS = 5.0
RETRIES = 2
MOST_OIDS = 40
"""Objects in one request: the answers fit into one Ethernet frame."""

REPETITIONS = 25
"""Rows per bulk request: what agents of routers answer in one datagram."""

Value = int | str | bytes | float | None
T = TypeVar("T")
Agent = tuple[str, int, str]
"""Where it is really reached, and the word for the community."""


class Snmp:
    """`addresses`: management ip → (host, port), looked into each time. `timeout` in seconds per try; `retries` after
    the first.
    """

    def __init__(
        self,
        addresses: Mapping[str, tuple[str, int]],
        *,
        clock: Clock,
        communities: Mapping[str, str] | None = None,
        recorder: Recorder | None = None,
        timeout: float = TIMEOUT_SECONDS,
        retries: int = RETRIES,
    ) -> None:
        self._addresses = addresses
        self._communities = dict(communities or {})
        self._clock = clock
        self._recorder = recorder or NullRecorder()
        self._timeout = timeout
        self._tries = retries + 1
        self._reach = Reach(clock)
        self._free: dict[Agent, list[SnmpSession]] = {}
        self._asking: dict[tuple[str, str], Together[Sequence[str], dict[str, Value]]] = {}

    @property
    def clock(self) -> Clock:
        return self._clock

    async def get(self, ip: str, community: str, oids: Sequence[str]) -> dict[str, Value]:
        """The values of `oids`; what the agent does not have is absent. Unsupported: no such device. Unreachable."""
        asking = self._asking.get((ip, community))
        if asking is None:
            way = _Questions(partial(self._get, ip, community))
            asking = self._asking[ip, community] = Together(way)
        return await asking.ask(oids)

    async def _get(self, ip: str, community: str, oids: Sequence[str]) -> dict[str, Value]:
        async def once(session: SnmpSession) -> dict[str, Value]:
            return dict(await session.get_many(oids))

        return await self._exchange(ip, community, "get", oids, once)

    async def walk(self, ip: str, community: str, oid: str) -> list[tuple[str, Value]]:
        """Everything under `oid`: (the rest of its oid, value), in the agent's order."""

        async def once(session: SnmpSession) -> list[tuple[str, Value]]:
            rows = session.getbulk(oid, max_repetitions=REPETITIONS)
            return [(found.removeprefix(oid + "."), value) async for found, value in rows]

        return await self._exchange(ip, community, "walk", [oid], once)

    async def close(self) -> None:
        """Sockets close with the objects that hold them."""
        for asking in self._asking.values():
            await asking.close()
        self._asking.clear()
        self._free.clear()

    async def _exchange(
        self, ip: str, community: str, verb: str, oids: Sequence[str], once: Callable[[SnmpSession], Awaitable[T]]
    ) -> T:
        place = self._addresses.get(ip)
        if place is None:
            raise Unsupported(f"{ip} has no SNMP address in the inventory of devices: add it there", ip=ip)
        began = self._clock.monotonic()
        async with self._reach.asking((ip, community)):
            answer = await self._tried(ip, (*place, community), once)
        if self._recorder.skips():
            return answer
        took = self._clock.monotonic() - began
        body = {"oids": list(oids), "answer": repr(answer)[:2000]}
        at = self._clock.now() - took
        self._recorder.message(Message("device", "agent", ip, f"{ip} snmp {verb}", body, at, took))
        return answer

    async def _tried(self, ip: str, agent: Agent, once: Callable[[SnmpSession], Awaitable[T]]) -> T:
        """On a socket that is free. One that failed is thrown away: a late answer must not meet the next question."""
        free = self._free.setdefault(agent, [])
        for left in reversed(range(self._tries)):
            try:
                session = free.pop() if free else self._opened(*agent)
                answer = await once(session)
            except TimeoutError as error:
                if not left:
                    words = f"{ip} does not answer SNMP: it is down, or refuses the community"
                    raise Unreachable(words, who=ip) from error
            except (SnmpError, OSError, ValueError) as error:
                if not left:
                    raise Unreachable(f"{ip}: SNMP: {error}", who=ip) from error
            else:
                free.append(session)
                return answer
        raise Broken("no try was made")

    def _opened(self, host: str, port: int, community: str) -> SnmpSession:
        word = self._communities.get(community, community)
        return SnmpSession(host, port, community=word, timeout=self._timeout)


class _Questions:
    """How questions to one agent go."""

    def __init__(self, get: Callable[[Sequence[str]], Awaitable[dict[str, Value]]]) -> None:
        self._get = get

    async def alone(self, one: Sequence[str], /) -> dict[str, Value]:
        return await self._get(one)

    async def as_one(self, group: Sequence[Sequence[str]], /) -> Sequence[dict[str, Value]]:
        told = await self._get([oid for oids in group for oid in oids])
        if not told:  # so it is when the agent has none of all that, or finds it too much (tooBig)
            raise Rejected("the agent", "no answer to so many questions")
        return [{oid: told[oid] for oid in oids if oid in told} for oids in group]

    def room(self) -> Callable[[Sequence[str]], bool]:
        size = 0

        def fits(oids: Sequence[str]) -> bool:
            nonlocal size
            size += len(oids)
            return size <= MOST_OIDS

        return fits
