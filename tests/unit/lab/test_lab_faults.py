"""Breaking and healing: each kind as a client of the router meets it, and the router as it was afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from esi.errors import Invalid, Rejected, Unreachable
from esi.lab import LabSession, Refused, Router
from esi.lab.faults import KINDS
from esi.lab.gate import Dropped
from esi.netconf.reply import Reply, parse_reply
from esi.netconf.rpc import build_rpc
from esi.testing.clocks import HandClock
from unit.lab.conftest import MX2
from unit.lab.pair import SETTLE, Trio, commit, service

LINE = "set interfaces ge-0/0/1 unit 5 vlan-id 5"
LOAD = f'<load-configuration action="set"><configuration-set>{LINE}</configuration-set></load-configuration>'
COMMIT = "<commit-configuration/>"


@pytest.fixture
async def trio(clock: HandClock) -> Trio:
    found = Trio(clock)
    await found.serve_customer()
    clock.time += SETTLE
    return found


async def ask(session: LabSession, operation: str) -> Reply:
    return parse_reply(await session.handle(build_rpc("1", operation.encode())))


def commits(router: Router) -> int:
    return len(router.history.entries)


@pytest.mark.parametrize(
    ("kind", "operand"),
    [
        ("key", ""),
        ("link", "ge-0/0/1"),
        ("unreachable", ""),
        ("reboot", "60"),
        ("reboot-unconfirmed", "60"),
        ("slow-commit", "300"),
        ("foreign-lock", ""),
        ("drop-before-commit", ""),
        ("drop-before-reply", ""),
        ("drop-after-reply", ""),
        ("silent", ""),
        ("malformed", ""),
        ("warnings", ""),
        ("refuse-load", ""),
        ("refuse-commit", ""),
        ("undefined-group", "VPNGW1-RI-IBGP"),
    ],
)
async def test_every_kind_heals_and_leaves_the_router_as_it_was(trio: Trio, kind: str, operand: str) -> None:
    router = trio.mx2
    before = router.running_text()
    await router.faults.begin(kind, operand)
    assert [(one.kind, one.operand) for one in router.faults.lasting()] == [(kind, operand)]
    with pytest.raises(Invalid, match="heal it first"):
        await router.faults.begin(kind, operand)
    assert await router.faults.end() == [kind]
    assert router.faults.lasting() == []
    assert router.running_text() == before
    session = router.open("esi")
    session.lock()
    assert (await ask(session, LOAD)).ok
    assert (await ask(session, COMMIT)).ok
    assert session.open


def test_every_kind_is_tried() -> None:
    mark = next(one for one in test_every_kind_heals_and_leaves_the_router_as_it_was.pytestmark)  # type: ignore[attr-defined]
    assert {kind for kind, _ in mark.args[1]} == set(KINDS)


@pytest.mark.parametrize(
    ("kind", "operand", "times", "words"),
    [
        ("nothing", "", 0, "no fault 'nothing'"),
        ("link", "xe-9/9/9", 0, "no port xe-9/9/9"),
        ("slow-commit", "soon", 0, "no number of seconds"),
        ("slow-commit", "nan", 0, "no number of seconds"),
        ("key", "192.0.2.99", 0, "no key for 192.0.2.99"),
        ("undefined-group", "", 0, "no group ''"),
        ("silent", "", 2, "silent does not count"),
    ],
)
async def test_what_cannot_be_broken_is_refused(trio: Trio, kind: str, operand: str, times: int, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        await trio.mx2.faults.begin(kind, operand, times=times)
    assert trio.mx2.faults.lasting() == []


async def test_a_changed_key_takes_one_session_down(trio: Trio, clock: HandClock) -> None:
    await trio.ce1.faults.begin("key", "192.168.8.2")
    assert trio.states() == ["Connect", "Established", "Connect", "Established"]
    await trio.ce1.faults.end("key")
    clock.time += SETTLE
    assert trio.states() == ["Established"] * 4


async def test_a_cut_link_is_seen_from_both_ends(trio: Trio, clock: HandClock) -> None:
    await trio.mx2.faults.begin("link")
    assert not trio.topology.up("mx2", "ge-0/0/1")
    assert not trio.topology.up("ce1", "ge-0/0/1")
    assert trio.topology.up("ce1", "ge-0/0/2")
    assert trio.states() == ["Idle", "Established", "Idle", "Established"]
    await trio.mx2.faults.end("link")
    clock.time += SETTLE
    assert trio.states() == ["Established"] * 4


async def test_an_unreachable_router_cuts_its_sessions_and_goes_on_routing(trio: Trio) -> None:
    session = trio.mx2.open("esi")
    session.lock()
    await trio.mx2.faults.begin("unreachable")
    assert not session.open
    assert trio.mx2.holder is None
    with pytest.raises(Unreachable):
        trio.mx2.open("esi")
    assert trio.states() == ["Established"] * 4


async def test_a_reboot_undoes_what_waits_for_confirmation(trio: Trio, clock: HandClock) -> None:
    session = trio.mx2.open("esi")
    before = trio.mx2.running_text()
    session.load_text("set", LINE)
    await session.commit(confirmed=600)
    assert trio.mx2.running_text() != before
    await trio.mx2.faults.begin("reboot", "40")
    assert not session.open
    assert [one.verdict.reason for one in trio.topology.sessions("mx2")] == []
    assert (trio.session(trio.ce1, "192.168.8.2").state, trio.states_of_the_other()) == ("Idle", ["Established"] * 2)
    clock.time += 39
    with pytest.raises(Unreachable):
        trio.mx2.open("esi")
    clock.time += 1
    assert trio.mx2.faults.lasting() == []
    trio.mx2.open("esi")
    assert trio.mx2.running_text() == before
    assert trio.states()[0] == "Connect"
    clock.time += SETTLE
    assert trio.states() == ["Established"] * 4


async def test_a_reboot_can_wait_for_a_commit_that_waits(trio: Trio, clock: HandClock) -> None:
    before = trio.mx2.running_text()
    await trio.mx2.faults.begin("reboot-unconfirmed", "40")
    await commit(trio.mx2, "set system host-name plain", "set")
    session = trio.mx2.open("esi")
    session.load_text("set", LINE)
    with pytest.raises(Unreachable):
        await session.commit(confirmed=600)
    clock.time += 40
    assert trio.mx2.faults.lasting() == []
    assert trio.mx2.running_text() != before
    assert "unit 5 " not in trio.mx2.running_text()
    session = trio.mx2.open("esi")
    session.load_text("set", LINE)
    await session.commit(confirmed=600)
    assert session.open, "once"


async def test_a_slow_commit_takes_its_time(trio: Trio, clock: HandClock) -> None:
    await trio.mx2.faults.begin("slow-commit", "300")
    began = clock.time
    await commit(trio.mx2, LINE, "set")
    assert clock.time == began + 300


async def test_a_foreign_lock_is_named_and_ends_with_its_session(trio: Trio) -> None:
    session = trio.mx2.open("esi")
    session.lock()
    with pytest.raises(Rejected, match="locked by"):
        await trio.mx2.faults.begin("foreign-lock")
    session.unlock()
    await trio.mx2.faults.begin("foreign-lock")
    with pytest.raises(Refused, match="operator"):
        session.lock()
    assert trio.mx2.holder is not None
    session.kill(trio.mx2.holder.number)
    assert trio.mx2.faults.lasting() == []
    session.lock()


@pytest.mark.parametrize(
    ("kind", "committed", "answered"),
    [("drop-before-commit", 0, False), ("drop-before-reply", 1, False), ("drop-after-reply", 1, True)],
)
async def test_sessions_are_dropped_around_a_commit(trio: Trio, kind: str, committed: int, answered: bool) -> None:
    before = commits(trio.mx2)
    await trio.mx2.faults.begin(kind, times=1)
    session = trio.mx2.open("esi")
    session.lock()
    assert (await ask(session, LOAD)).ok
    try:
        reply = await ask(session, COMMIT)
        assert (answered, reply.ok) == (True, True)
    except Dropped:
        assert not answered
    assert not session.open
    assert commits(trio.mx2) == before + committed
    assert trio.mx2.faults.lasting() == []
    await commit(trio.mx2, f"{LINE}\nset interfaces ge-0/0/1 unit 5 description again", "set")
    assert commits(trio.mx2) == before + committed + 1


async def test_a_silent_router_answers_when_it_is_healed(trio: Trio) -> None:
    await trio.mx2.faults.begin("silent")
    session = trio.mx2.open("esi")
    waiting = asyncio.ensure_future(ask(session, LOAD))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    await trio.mx2.faults.end("silent")
    assert (await waiting).ok


async def test_a_malformed_reply_is_no_xml_as_often_as_asked(trio: Trio) -> None:
    await trio.mx2.faults.begin("malformed", times=2)
    session = trio.mx2.open("esi")
    for _ in range(2):
        with pytest.raises(Unreachable, match="not XML"):
            await ask(session, LOAD)
    assert (await ask(session, LOAD)).ok


async def test_warnings_stand_beside_ok(trio: Trio) -> None:
    await trio.mx2.faults.begin("warnings")
    session = trio.mx2.open("esi")
    for operation in (LOAD, COMMIT, "<discard-changes/>"):
        reply = await ask(session, operation)
        assert reply.ok
        assert [one.severity for one in reply.warnings] == (["warning"] if operation != "<discard-changes/>" else [])
    assert "vlan-id 5" in trio.mx2.running_text()


async def test_a_user_whose_class_denies_may_not_load_or_commit(trio: Trio) -> None:
    session, other = trio.mx2.open("esi"), trio.mx2.open("else")
    await trio.mx2.faults.begin("refuse-load")
    loaded = await ask(session, LOAD)
    assert [(one.message, one.bad_element) for one in loaded.errors] == [("permission denied", "interfaces")]
    assert not trio.mx2.differs()
    session.load_text("set", "set snmp location here")
    other.load_text("set", LINE)
    other.discard()
    await trio.mx2.faults.end()
    await trio.mx2.faults.begin("refuse-commit")
    assert (await ask(session, LOAD)).ok
    refused = await ask(session, COMMIT)
    assert [one.message for one in refused.errors] == ["permission denied"]
    await other.commit()
    assert "vlan-id 5" in trio.mx2.running_text()


async def test_what_an_operator_deleted_is_refused_at_commit_with_its_place(clock: HandClock) -> None:
    trio = Trio(clock)
    await trio.mx2.faults.begin("undefined-group", "VPNGW1-RI-EBGP")
    session = trio.mx2.open("esi")
    session.load_text("merge", service(MX2))
    with pytest.raises(Refused, match="apply group 'VPNGW1-RI-EBGP' is not defined"):
        await session.commit()
    session.discard()
    await trio.mx2.faults.end()
    await commit(trio.mx2, service(MX2))


async def test_a_group_that_is_in_use_cannot_be_deleted_here_either(trio: Trio) -> None:
    with pytest.raises(Refused, match="is not defined"):
        await trio.mx2.faults.begin("undefined-group", "VPNGW1-RI-EBGP")
    assert trio.mx2.faults.lasting() == []
    assert not trio.mx2.differs()


def test_the_page_of_the_lab_names_every_kind() -> None:
    page = (Path(__file__).parents[3] / "docs" / "lab.md").read_text()
    table = page.partition("| kind |")[2].partition("\n\n")[0]
    assert {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")} == set(KINDS)
