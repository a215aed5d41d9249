"""Whether a device lives: its count must grow within a second, however coarsely it counts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from esi.model.target import FAIL, UP
from esi.probes.device import SYS_UP_TIME, SnmpDevice
from esi.probes.snmp import Snmp, Value
from esi.testing.clocks import HandClock
from unit.probes.doubles import target


class Counting(Snmp):
    """Counts every `step` seconds; 0: never."""

    def __init__(self, step: float) -> None:
        self.hand = HandClock(1000.0)
        super().__init__({}, clock=self.hand)
        self.step = step
        self.asked = 0

    async def get(self, ip: str, community: str, oids: Sequence[str]) -> dict[str, Value]:
        self.asked += 1
        return {SYS_UP_TIME: int(self.hand.time / self.step) if self.step else 7}


@pytest.mark.parametrize(
    ("step", "word", "within"), [(0.01, UP, 0.1), (0.5, UP, 0.7), (1.0, UP, 1.1), (0.0, FAIL, 1.1)]
)
async def test_who_counts_finely_is_known_soon_and_who_does_not_count_within_a_second(
    step: float, word: str, within: float
) -> None:
    snmp = Counting(step)
    seen = await SnmpDevice(snmp).ask(target("snmp_device", device_ip="10.0.0.1", community_name="c"))
    assert seen.values == {"status": word}
    assert snmp.hand.time - 1000.0 <= within
    assert snmp.asked <= 8
