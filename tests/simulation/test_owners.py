"""Two workers share a device while one is killed, paused for 30 s, or loses answers, wherever it touches the world.

A play is small (simulation/owners.py) and is played 200 times per point; half of the seeds delay every step a little.
Afterwards the device holds the fold of what was accepted, no place has ever gone back, no commit was empty, and
nothing is left under /esi-worker/intents.

The same with a device whose commits are confirmed ones, which reboots, too: what was answered is confirmed.
"""

from __future__ import annotations

from random import Random

import pytest

from esi.devices.cycle import UNCONFIRMED
from esi.testing.loop import run
from esi.testing.process import Plan
from simulation.owners import IP, NAMES, PAUSE_SECONDS, Play

SEEDS, CONFIRMED_SEEDS = 200, 60
CONFIRM_SECONDS = 20.0

POINTS = {
    "about to take the device": "kv.commit esi-worker/devices before",
    "device taken": "kv.commit esi-worker/devices after",
    "before the session": "device.open before",
    "session open, not written down": "device.open after",
    "before the session is written down": "kv.commit esi-worker/sessions before",
    "session written down": "kv.commit esi-worker/sessions after",
    "before the lock": "device.lock before",
    "locked": "device.lock after",
    "about to ask whether it is ours": "kv.get",
    "before the discard": "device.discard before",
    "discarded": "device.discard after",
    "before a load": "device.load before",
    "loaded": "device.load after",
    "before the comparison": "device.diff before",
    "compared": "device.diff after",
    "before the commit": "device.commit before",
    "committed, nobody told": "device.commit after",
    "before the unlock": "device.unlock before",
    "unlocked": "device.unlock after",
    "before an intent or an answer is put": "kv.commit esi-worker/intents before",
    "intent or answer put": "kv.commit esi-worker/intents after",
    "intents heard": f"kv.watch /esi-worker/intents/{IP}/",
    "owner heard": f"kv.watch /esi-worker/devices/{IP}",
    "before a claim": "kv.commit jobs/working before",
    "claimed": "kv.commit jobs/working after",
    "before the job ends": "kv.commit jobs/finished,jobs/working before",
    "job ended": "kv.commit jobs/finished,jobs/working after",
}

WINDOW = {
    "before the log is read": "device.history before",
    "log read": "device.history after",
}
"""Points inside the window of a confirmed commit, beside those of every commit."""

SELDOM = {point for point in POINTS.values() if "/devices" in point or "open" in point or "/sessions" in point}
"""What a worker does once while all goes well: it is struck the first time."""


pytestmark = pytest.mark.usefixtures("quick")


class Fault:
    """Strikes whichever worker comes to a chosen occurrence of a point: kill, pause or lose, by the seed; where commits
    are confirmed the device may reboot instead.
    """

    def __init__(self, play: Play, point: str, rng: Random) -> None:
        self._play = play
        self._point = point
        confirmed = play.device.confirm_within is not None
        self._kind = rng.choice(("kill", "pause", "pause", "lose", *(["reboot"] * 2 if confirmed else [])))
        often = point not in SELDOM and not (confirmed and "unlock" in point)
        self._when = sorted(rng.sample(range(1, 7), rng.randint(1, 2))) if often else [1]
        self._seen = 0
        self.strikes = 0
        if self._kind == "lose":
            play.losses = {name: self.at(name) for name in NAMES}
        else:
            play.plans = {name: self.at(name) for name in NAMES}

    def at(self, worker: str) -> Plan:
        return lambda point: self._strikes(worker, point)

    def _strikes(self, worker: str, name: str) -> bool:
        if name != self._point:
            return False
        self._seen += 1
        if self._seen not in self._when:
            return False
        self.strikes += 1
        if self._kind == "pause":
            process = self._play.processes[worker]
            process.pause()
            self._play.clock_later(PAUSE_SECONDS, process.resume)
            return False
        if self._kind == "reboot":
            self._play.device.reboot()
            return False
        return True


async def play_once(point: str, seed: int, *, confirm_within: float | None = None) -> int:
    rng = Random(seed)
    play = Play(rng, resources=3, versions=3, slow=seed % 4 == 1)
    play.device.confirm_within = confirm_within
    play.delay = (lambda: rng.random() * 0.02) if seed % 2 else None
    fault = Fault(play, point, rng)
    await play.run()
    assert play.faults == [], play.faults
    assert play.device.running == play.board.expected()
    assert play.device.pending is None
    ours = [record.comment for record in play.device.history if record.user != "root"]
    stay = [comment for comment in ours if not comment.endswith(UNCONFIRMED)]
    assert len(stay) <= sum(play.board.done.values()), "more commits than intents"
    return fault.strikes


def struck(point: str, seeds: int, *, confirm_within: float | None = None) -> None:
    strikes = 0
    for seed in range(seeds):
        try:
            strikes += run(play_once(point, seed, confirm_within=confirm_within)) > 0
        except (AssertionError, RuntimeError) as error:
            raise AssertionError(f"seed {seed}: {error}") from error
    assert strikes >= seeds // 3, f"the point is hardly ever reached ({strikes}): the test proves nothing"


@pytest.mark.parametrize("name", POINTS)
def test_struck_at(name: str) -> None:
    struck(POINTS[name], SEEDS)


@pytest.mark.parametrize("name", POINTS | WINDOW)
def test_struck_at_where_commits_are_confirmed(name: str) -> None:
    struck((POINTS | WINDOW)[name], CONFIRMED_SEEDS, confirm_within=CONFIRM_SECONDS)
