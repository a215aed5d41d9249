"""The probes of Contrail over the lab's analytics: words, reasons, traffic, and how few requests they make."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from random import Random

import pytest

from esi.clock import SystemClock
from esi.drivers.contrail import Body
from esi.errors import TemporaryError, Unsupported
from esi.model.target import Target
from esi.probes.contrail import MOST, VirtualMachineInterface, VirtualNetwork
from esi.testing.clouds import NearContrail

HOME = ("default-domain", "default-project")
NAME = ":".join((*HOME, "p"))


class TurnedClock(SystemClock):
    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


class Counting:
    """Counts requests; each takes as long as `held` is not set, and fails with `error`."""

    def __init__(self, inner: NearContrail) -> None:
        self._inner = inner.analytics
        self.asked: list[int] = []
        self.held = asyncio.Event()
        self.held.set()
        self.error: TemporaryError | None = None

    async def look(self, type: str, names: Sequence[str], structs: Sequence[str]) -> Mapping[str, Body]:
        self.asked.append(len(names))
        await self.held.wait()
        if self.error is not None:
            raise self.error
        return await self._inner.look(type, names, structs)


def target(name: object = NAME) -> Target:
    return Target("1", "t", 1, "r", "ports", "vmi", "virtual_machine_interface", {"fq_name": name})


def world(clock: SystemClock | None = None, count: int = 1) -> tuple[NearContrail, Counting]:
    near = NearContrail(clock or SystemClock(), Random(1))
    near.lab.config.put("virtual-network", (*HOME, "n"))
    near.lab.config.put("virtual-machine", ("vm",))
    refs = {"virtual_network_refs": [{"to": [*HOME, "n"]}], "virtual_machine_refs": [{"to": ["vm"]}]}
    for number in range(count):
        near.lab.config.put("virtual-machine-interface", (*HOME, "p" if not number else f"p{number}"), **refs)
    return near, Counting(near)


async def test_an_interface_is_up_down_or_not_told_of() -> None:
    clock = TurnedClock()
    near, analytics = world(clock)
    probe = VirtualMachineInterface(analytics)
    assert (await probe.ask(target())).values == {"status": "UP"}
    clock.ahead = 60.0
    assert (await probe.ask(target())).values == {"status": "UP", "traffic.in": 30_000, "traffic.out": 24_000}
    near.lab.faults.begin("inactive")
    seen = await probe.ask(target())
    assert (seen.values, seen.reason) == ({"status": "DOWN"}, f"Contrail's agent sees {NAME} down at layer 2")
    near.lab.faults.begin("no-agent")
    seen = await probe.ask(target())
    assert (seen.values, seen.reason) == (
        {"status": "FAIL"},
        f"no agent of Contrail tells of the interface {NAME}",
    )
    assert (await probe.ask(target("a:b:c"))).values == {"status": "FAIL"}


async def test_a_network_is_known_or_not() -> None:
    _, analytics = world()
    probe = VirtualNetwork(analytics)
    assert (await probe.ask(target([*HOME, "n"]))).values == {"status": "UP"}
    seen = await probe.ask(target("x:y:z"))
    assert (seen.values["status"], seen.reason) == ("FAIL", "Contrail's analytics does not know the network x:y:z")


@pytest.mark.parametrize("name", ["", "default-domain:*:a*", None, 7])
async def test_a_name_that_is_none_is_not_asked_for(name: object) -> None:
    _, analytics = world()
    with pytest.raises(Unsupported):
        await VirtualMachineInterface(analytics).ask(target(name))
    assert analytics.asked == []


async def test_looks_that_come_meanwhile_go_together() -> None:
    _, analytics = world(count=MOST + 20)
    probe = VirtualMachineInterface(analytics)
    analytics.held.clear()
    looks = [asyncio.create_task(probe.ask(target()))]
    while not analytics.asked:
        await asyncio.sleep(0)
    looks += [asyncio.create_task(probe.ask(target(f"{NAME}{number}"))) for number in range(1, MOST + 20)]
    await asyncio.sleep(0)
    analytics.held.set()
    assert {str(seen.values["status"]) for seen in await asyncio.gather(*looks)} == {"UP"}
    assert analytics.asked == [1, MOST, 19]


async def test_a_look_that_is_given_up_leaves_the_others_their_answer() -> None:
    _, analytics = world(count=2)
    probe = VirtualMachineInterface(analytics)
    analytics.held.clear()
    first = asyncio.create_task(probe.ask(target()))
    while not analytics.asked:
        await asyncio.sleep(0)
    second = asyncio.create_task(probe.ask(target(f"{NAME}1")))
    await asyncio.sleep(0)
    first.cancel()
    analytics.held.set()
    assert (await second).values == {"status": "UP"}


async def test_trouble_reaches_everybody_who_waits_for_it_and_no_later_look() -> None:
    _, analytics = world(count=2)
    probe = VirtualMachineInterface(analytics)
    analytics.error = TemporaryError("no")
    looks = await asyncio.gather(probe.ask(target()), probe.ask(target(f"{NAME}1")), return_exceptions=True)
    assert [type(one) for one in looks] == [TemporaryError, TemporaryError]
    analytics.error = None
    assert (await probe.ask(target())).values == {"status": "UP"}
