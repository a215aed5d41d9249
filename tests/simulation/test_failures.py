"""The failure matrix: each fault while an interface is created, changed, deleted; docs/failures.md says how it ends.

A fault that ends by itself inside the deadline is never shown as a failure: the change ends ACTIVE (or gone). One that
lasts ends in ERROR with a sentence; when it is mended, an update (or another DELETE) brings it to its end. Whatever
happened, the routers hold in the end what they hold after an undisturbed life.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from conftest import Report
from esi.kv import Delete
from esi.model import keys
from esi.testing import chain, invariants
from esi.testing.chain import PRIMARY_IP, SECONDARY_IP
from esi.testing.loop import run
from simulation.stage import VERBS, Known, Stage, known, services

PAGE = Path(__file__).parents[2] / "docs" / "failures.md"
MIDDLE_SECONDS = 0.5
"""From the request to the middle of its work."""

LATE_SECONDS = 120.0
"""What goes on by itself once a fault has ended has gone on by then."""

TWO_HOURS = 7_200.0

Act = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """Begins `after` seconds after the request (negative: before it) and ends `lasts` seconds later. `watched`: in a
    ring with a collector agent.
    """

    begin: Act
    end: Act
    lasts: float
    after: float = MIDDLE_SECONDS
    watched: bool = False


async def nothing(stage: Stage) -> None:
    return None


def router(kind: str, operand: str = "", *, lasts: float, times: int = 0, ip: str = PRIMARY_IP) -> Fault:
    """A fault of a router, from before the request on. `times`: it ends by itself."""

    async def begin(stage: Stage) -> None:
        await stage.routers[ip].faults.begin(kind, operand, times=times)

    async def end(stage: Stage) -> None:
        await stage.routers[ip].faults.end(kind)

    return Fault(begin, end, lasts, after=-1.0)


def rebooted_unconfirmed() -> Fault:
    """A router that wants confirmed commits loses its power before the first one is confirmed."""

    async def begin(stage: Stage) -> None:
        stage.driver.confirm_within[PRIMARY_IP] = 60.0
        await stage.routers[PRIMARY_IP].faults.begin("reboot-unconfirmed", "30")

    async def end(stage: Stage) -> None:
        assert stage.routers[PRIMARY_IP].faults.lasting() == [], "it has not rebooted"

    return Fault(begin, end, 60.0, after=-1.0)


def points(*beginnings: str, lasts: float, leases: bool = False) -> Fault:
    """Calls over a port fail for all processes; with `leases` nobody's lease is renewed meanwhile."""

    def renew(stage: Stage, *, renewing: bool) -> None:
        for process in stage.processes.values() if leases else ():
            for lease in process.leases:
                lease.renewing = renewing

    async def begin(stage: Stage) -> None:
        stage.down = beginnings
        renew(stage, renewing=False)

    async def end(stage: Stage) -> None:
        stage.down = ()
        renew(stage, renewing=True)

    return Fault(begin, end, lasts)


def killed(*names: str) -> Fault:
    async def begin(stage: Stage) -> None:
        for name in names:
            stage.processes[name].die()

    return Fault(begin, nothing, 0.0)


def paused(*names: str, lasts: float = 30.0, after: float = MIDDLE_SECONDS) -> Fault:
    async def begin(stage: Stage) -> None:
        for name in names:
            stage.processes[name].pause()

    async def end(stage: Stage) -> None:
        for name in names:
            stage.processes[name].resume()

    return Fault(begin, end, lasts, after)


def robbed(*of: str) -> Fault:
    """Somebody deletes the key of an elected leader."""

    async def begin(stage: Stage) -> None:
        await stage.kv.commit([Delete(key) for key in of])

    return Fault(begin, nothing, 0.0)


async def sleep_on(stage: Stage) -> None:
    """The worker does not read its watch, while others write."""
    stage.processes["worker"].pause()


async def compact_and_wake(stage: Stage) -> None:
    stage.kv.compact(stage.kv.revision)
    stage.processes["worker"].resume()


FAULTS = {
    "router refuses at load": router("refuse-load", lasts=TWO_HOURS),
    "router refuses at commit": router("refuse-commit", lasts=TWO_HOURS),
    "second router refuses at load": router("refuse-load", lasts=TWO_HOURS, ip=SECONDARY_IP),
    "router unreachable for 2 minutes": router("unreachable", lasts=120.0),
    "router unreachable for 2 hours": router("unreachable", lasts=TWO_HOURS),
    "router reboots, 30 s": router("reboot", "30", lasts=60.0),
    "rebooted inside the confirm window": rebooted_unconfirmed(),
    "session dropped before the commit, 3 times": router("drop-before-commit", lasts=60.0, times=3),
    "session dropped before the reply": router("drop-before-reply", lasts=60.0, times=1),
    "session dropped after the reply": router("drop-after-reply", lasts=60.0, times=1),
    "malformed replies, 3 times": router("malformed", lasts=60.0, times=3),
    "warnings beside ok": router("warnings", lasts=TWO_HOURS),
    "foreign lock for 5 minutes": router("foreign-lock", lasts=300.0),
    "foreign lock for 2 hours": router("foreign-lock", lasts=TWO_HOURS),
    "router answers nothing for 5 minutes": router("silent", lasts=300.0),
    "commits of 5 minutes": router("slow-commit", "300", lasts=TWO_HOURS),
    "etcd unavailable for 10 s": points("kv.", lasts=10.0, leases=True),
    "etcd unavailable for 5 minutes": points("kv.", lasts=300.0, leases=True),
    "etcd's quota full for a minute": points("kv.commit", lasts=60.0),
    "master's key deleted": robbed(keys.MASTER),
    "both leaders' keys deleted": robbed(keys.MASTER, keys.SYNC_LEADER),
    "history compacted past the worker": Fault(sleep_on, compact_and_wake, 20.0),
    "database locked for a minute": points("store.", lasts=60.0),
    "disk full for a minute": points("store.transaction", "store.outbox_done", "store.outbox_park", lasts=60.0),
    "worker killed": killed("worker"),
    "master killed": killed("master"),
    "sync killed": killed("control"),
    "everything killed": killed("worker", "master", "control"),
    "worker paused for 30 s": paused("worker"),
    "master paused for 30 s": paused("master"),
    "sync paused for 30 s": paused("control"),
    "everything paused for 30 s": paused("worker", "master", "control"),
    "agent killed": replace(killed("agent"), watched=True),
    "agent paused for 30 s": replace(paused("agent"), watched=True),
    "no agent for 2 hours": replace(paused("agent", lasts=TWO_HOURS, after=-1.0), watched=True),
    "no worker for 2 hours": paused("worker", lasts=TWO_HOURS, after=-1.0),
    "no master for 2 hours": paused("master", lasts=TWO_HOURS, after=-1.0),
}


@dataclass(frozen=True)
class End:
    """How it ended: what was shown first, after a retry if that was a failure, and the sentence of the failure."""

    word: str
    retried: str
    sentence: str


async def disturb(stage: Stage, fault: Fault, verb: str) -> End:
    """One change with one fault; every wait is for an event or by the hand-turned clock."""
    clock = stage.clock
    begun = clock.monotonic() + max(-fault.after, 0.0)
    healed = False

    async def whole() -> None:
        nonlocal healed
        await clock.sleep(max(begun + fault.after - clock.monotonic(), 0.0))
        assert fault.after < 0 or await stage.pending(), "the change is over before the fault begins"
        await fault.begin(stage)
        await clock.sleep(fault.lasts)
        await fault.end(stage)
        healed = True

    trouble = stage.keep("fault", whole())
    await clock.sleep(max(begun - clock.monotonic(), 0.0))
    await stage.make(verb)
    first = await stage.over()
    word = str(first.get("status", "gone"))
    failures = await stage.failures()
    await trouble
    assert healed
    retried = ""
    if word in ("ERROR", "MONITORING_UNAVAILABLE"):
        await clock.sleep(LATE_SECONDS)
        how, late = "late", await stage.over()
        if late.get("status") == "ERROR":
            await stage.again(verb)
            how, late = "again", await stage.over()
        retried = f"{how}: {late.get('status', 'gone')}"
    await stage.settle()
    return End(word, retried, failures[-1] if failures else first.get("status_reason", ""))


async def ending(fault: Fault, verb: str, undisturbed: Known) -> End:
    found: list[End] = []
    stage = Stage(services(), since=undisturbed.starts[verb], watched=fault.watched)
    backwards = invariants.Backwards()
    stage.kv.on_commit = backwards.look

    async def scenario() -> None:
        found.append(await disturb(stage, fault, verb))
        gone = [chain.INTERFACE] if verb == "delete" else []
        assert await invariants.nothing_is_left_of(stage, gone) == []

    await stage.play(scenario)
    assert dict(invariants.configurations(stage)) == undisturbed.ends[verb], "the routers hold something else"
    assert await stage.targets() == undisturbed.targets[verb], "a target is lost, or doubled"
    assert backwards.faults == []
    return found[0]


def words(end: End, verb: str) -> str:
    """An end as the page says it."""
    if not end.retried:
        return end.word
    how, last = end.retried.split(": ")
    after = {"late": "by itself", "again": "update" if verb != "delete" else "delete"}[how]
    return f"{end.word}, then {after}: {last}"


def page() -> dict[str, tuple[dict[str, str], str]]:
    """The table: fault → ({verb: how it ends}, sentence)."""
    rows = re.findall(
        r"^\| ([^|]+?) \| ([^|]+?) \| ([^|]+?) \| ([^|]+?) \| ([^|]*?) ?\|$", PAGE.read_text(), re.MULTILINE
    )
    table = {}
    for name, create, update, delete, sentence in rows:
        table[name] = ({"create": create, "update": update, "delete": delete}, sentence)
    return {name: row for name, row in table.items() if name in FAULTS}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("verb", VERBS)
def test_how_it_ends(name: str, verb: str) -> None:
    fault = FAULTS[name]
    end = run(ending(fault, verb, known(watched=fault.watched)))
    ends, sentence = page()[name]
    assert words(end, verb) == ends[verb], end
    if end.sentence:
        assert re.fullmatch(pattern(sentence), end.sentence), end.sentence


def pattern(sentence: str) -> str:
    """A sentence of the page: … stands for what differs between verbs and runs."""
    return ".*".join(re.escape(part) for part in sentence.strip("`").split("…"))


def test_the_page_names_every_fault_and_the_share(report: Report) -> None:
    table = page()
    assert list(table) == list(FAULTS)
    ends = [end for ends, _ in table.values() for end in ends.values()]
    well = sum(end in ("ACTIVE", "gone") for end in ends)
    share = f"{well} of {len(ends)} end ACTIVE or gone by themselves"
    assert share in PAGE.read_text()
    report(f"failure matrix: {share}, the others in ERROR with a sentence, and so after mending")
