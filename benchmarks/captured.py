"""What the ring sends to routers, byte by byte, for baselines that shall send the same.

The whole ring plays in this process, under a hand-turned clock, and a driver in between writes down each load.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks import many
from esi.bootstrap.services import load_services
from esi.drivers import Edit
from esi.drivers.junos.edits import requests
from esi.netconf.xml import serialise
from esi.testing.loop import run
from esi.testing.ring import World
from esi.testing.routers import NearSession

Loads = dict[str, list[str]]


def captured(count: int) -> tuple[Loads, Loads]:
    """Management address → requests: of the gateways that must stand first, then of `count` interfaces, each once."""
    loads: list[tuple[str, str]] = []
    load = NearSession.load

    async def listening(session: NearSession, edits: Sequence[Edit]) -> None:
        found = "".join(serialise(one).decode() for one in requests(edits, device=session._ip))
        loads.append((session._ip, found))
        await load(session, edits)

    async def play() -> int:
        world = World(load_services("2018"))
        first = 0

        async def scenario() -> None:
            nonlocal first
            for wish in many.prerequisites():
                await world.ask(wish)
                await world.until_status(wish, "ACTIVE", None)  # type: ignore[arg-type]
            await _all(world, [many.gateway(number) for number in range(count)])
            first = len(loads)
            await _all(world, [many.interface(number) for number in range(count)])

        await world.run(scenario())
        return first

    NearSession.load = listening  # type: ignore[method-assign, assignment]
    try:
        first = run(play())
    finally:
        NearSession.load = load  # type: ignore[method-assign]
    return _by_router(loads[:first]), _by_router(loads[first:])


async def _all(world: World, wishes: Sequence[Any]) -> None:
    for wish in wishes:
        await world.ask(wish)
    for wish in wishes:
        await world.until_status(wish, "ACTIVE")


def _by_router(loads: Sequence[tuple[str, str]]) -> Loads:
    """In order, none twice: a refused batch is loaded again."""
    found: dict[str, dict[str, None]] = {}
    for ip, text in loads:
        found.setdefault(ip, {})[text] = None
    return {ip: list(texts) for ip, texts in found.items()}
