"""Whose operation it is: what a Heat is asked for on behalf of one is never another's. The suite runs on a real Heat
(conformance/test_stacks.py); here one that is slow, and whose engine has just been replaced.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from esi.clock import LoopClock
from esi.errors import Busy
from esi.kv import Guard
from esi.stacks.engine import registry_of
from esi.stacks.heat.backend import HeatBackend
from esi.stacks.heat.rest import Found, Heat, Wish
from esi.stacks.resources.monitoring import MonitoringTarget
from esi.stacks.resources.netconf import NetconfNamedConfigs
from esi.testing.loop import run
from unit.stacks.bench import SERIAL, spec

NOW = "2026-11-21T10:00:00Z"


class Slow(Heat):
    """One stack, which is done once it has been asked for a second time."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.stack: Found | None = None

    async def find(self, name: str, *, outputs: bool = False) -> Found | None:
        return self.stack

    async def create(self, wish: Wish) -> None:
        self.asked.append("create")
        self.stack = Found("id", wish.name, "CREATE_IN_PROGRESS", "", "op1", "t1", NOW)

    async def update(self, id: str, wish: Wish) -> None:
        self.asked.append("update")
        assert self.stack is not None
        self.stack = replace(self.stack, status="UPDATE_COMPLETE")

    async def delete(self, found: Found) -> None:
        self.asked.append("delete")
        self.stack = None

    async def engines(self) -> dict[str, str]:
        return {"new": "2026-11-21T10:00:05.000000"}


async def always(guard: Guard) -> bool:
    return True


def backend(heat: Heat) -> HeatBackend:
    return HeatBackend(heat, registry_of(NetconfNamedConfigs(), MonitoringTarget()), LoopClock(), always)


def test_a_delete_that_is_refused_is_not_asked_for_later() -> None:
    async def play() -> list[str]:
        heat = Slow()
        ours: Any = backend(heat)
        await ours.apply(spec(SERIAL), operation="op1")
        with pytest.raises(Busy):
            await ours.delete("s", operation="op2")
        assert (await ours.wait("s", operation="op1")).status == "UPDATE_COMPLETE"
        return heat.asked

    assert run(play()) == ["create", "update"]
