"""Which questions to a device go together, and what each hears, against the lab's agent on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from esi.clock import SystemClock
from esi.errors import Unreachable
from esi.lab import snmp as lab
from esi.lab.ber import INTEGER, Oid, Value
from esi.lab.objects import Objects
from esi.probes.snmp import MOST_OIDS, Snmp
from esi.telemetry import MemoryRecorder
from esi.together import UNDER_WAY

IP = "10.0.0.1"
COLUMN = "1.3.6.1.2.1.2.2.1.8"
KNOWN = 500


class Table(Objects):
    """Objects COLUMN.0 … COLUMN.499, each with its own number for a value."""

    def get(self, name: Oid) -> Value | None:
        return Value(INTEGER, name[-1]) if name[-1] < KNOWN else None

    def has_object(self, name: Oid) -> bool:
        return True


class Device:
    def __init__(self) -> None:
        self.silent = False
        self.heard = 0

    def listens(self) -> bool:
        self.heard += 1
        return not self.silent

    def welcomes(self, community: bytes, client: str) -> bool:
        return True

    def counted(self) -> None:
        return None


class Desk:
    """A device, its agent, and a way to it."""

    def __init__(self, device: Device, port: int, *, timeout: float = 30.0) -> None:
        self.device = device
        self.port = port
        self.recorder = MemoryRecorder()
        place = {IP: ("127.0.0.1", port)}
        self.way = Snmp(place, clock=SystemClock(), recorder=self.recorder, timeout=timeout, retries=0)

    async def ask(self, *numbers: int) -> list[int]:
        """The values of some objects, those that the agent has."""
        told = await self.way.get(IP, "c", [f"{COLUMN}.{number}" for number in numbers])
        return [cast(int, value) for value in told.values()]

    def sizes(self) -> list[int]:
        """How many objects each request asked for."""
        return [len(cast(dict[str, list[str]], message.body)["oids"]) for message in self.recorder.messages]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    device = Device()
    async with lab.serve_snmp(lab.Agent(device, Table()), "127.0.0.1") as port:
        desk = Desk(device, port)
        yield desk
        await desk.way.close()


async def test_questions_that_come_while_the_device_is_asked_go_together(desk: Desk) -> None:
    found = await asyncio.gather(*(desk.ask(number, 100 + number) for number in range(UNDER_WAY + 5)))
    assert found == [[number, 100 + number] for number in range(UNDER_WAY + 5)]
    assert desk.sizes() == [*[2] * UNDER_WAY, 10]


async def test_no_request_asks_for_more_than_fits(desk: Desk) -> None:
    asked = [tuple(range(first, first + 3)) for first in range(0, 150, 3)]
    assert await asyncio.gather(*(desk.ask(*numbers) for numbers in asked)) == [list(numbers) for numbers in asked]
    assert sum(desk.sizes()) == 150
    assert max(desk.sizes()) == MOST_OIDS // 3 * 3


async def test_what_the_agent_does_not_have_is_absent_for_who_asked_for_it(desk: Desk) -> None:
    found = await asyncio.gather(*(desk.ask(1, 600 - 200 * (number % 2)) for number in range(UNDER_WAY + 4)))
    assert found == [[1], [1, 400]] * ((UNDER_WAY + 4) // 2)


async def test_an_agent_that_finds_it_too_much_is_asked_one_by_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "LIMIT_OCTETS", 30)  # twice that is too little for three answers
    assert await asyncio.gather(*map(desk.ask, range(UNDER_WAY + 3))) == [[number] for number in range(UNDER_WAY + 3)]
    assert sorted(desk.sizes()) == [*[1] * (UNDER_WAY + 3), 3]


async def test_who_waits_for_a_silent_device_hears_of_it_with_those_who_asked(desk: Desk) -> None:
    desk.device.silent = True
    hasty = Desk(desk.device, desk.port, timeout=0.2)
    found = await asyncio.gather(*map(hasty.ask, range(UNDER_WAY + 30)), return_exceptions=True)
    await hasty.way.close()
    assert [type(error) for error in found] == [Unreachable] * (UNDER_WAY + 30)
    assert desk.device.heard == UNDER_WAY, "one silence is enough"


async def test_at_the_end_who_waits_is_told(desk: Desk) -> None:
    desk.device.silent = True
    asking = [asyncio.ensure_future(desk.ask(number)) for number in range(UNDER_WAY + 2)]
    await asyncio.sleep(0)
    await desk.way.close()
    for waiting in asking[UNDER_WAY:]:
        with pytest.raises(Unreachable):
            await waiting
    for under_way in asking[:UNDER_WAY]:
        under_way.cancel()
    await asyncio.wait(asking)
