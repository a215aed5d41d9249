"""The driver port: one suite for every member: JUNOS on the lab router, the null driver, the double of simulations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from conformance.lab_router import BGP, MX2, add_unit, cycle, driver_of, lab, unit
from esi.drivers import Driver, Edit
from esi.drivers.null import NullDriver
from esi.errors import Busy, Rejected, Unreachable
from esi.testing.double import DeviceDouble, DoubleDriver


@dataclass
class Member:
    """A driver under test."""

    name: str
    driver: Driver


# The null driver has no device behind it: no lock, no candidate, no diff.
WITH_DEVICE = pytest.mark.parametrize("member", ["junos", "double"], indirect=True)


@pytest.fixture(params=["junos", "null", "double"])
async def member(request: pytest.FixtureRequest) -> AsyncIterator[Member]:
    if request.param == "null":
        yield Member("null", NullDriver())
    elif request.param == "double":
        yield Member("double", DoubleDriver({MX2.ip: DeviceDouble("mx2")}))
    else:
        async with lab() as served:
            yield Member("junos", driver_of(served))


# -- every member -------------------------------------------------------------------------------------------------


async def test_cycle_commits_and_stands_in_the_log(member: Member) -> None:
    session = await member.driver.open(MX2)
    diff = await cycle(session, BGP, "esi batch-1 7")
    newest = (await session.history())[0]
    assert (newest.sequence, newest.comment) == (0, "esi batch-1 7")
    if member.name != "null":
        assert "122" in diff
        await session.lock()
        await session.load(BGP)
        assert await session.diff() == ""
        await session.unlock()
    await session.close()


async def test_what_was_prepared_is_loaded_all_the_same(member: Member) -> None:
    member.driver.prepare(MX2.ip, [Edit((), text="nonsense {")])  # whoever loads it is told
    member.driver.prepare(MX2.ip, BGP)
    session = await member.driver.open(MX2)
    diff = await cycle(session, BGP, "esi batch-1 7")
    if member.name != "null":
        assert "122" in diff
    await session.close()


async def test_requests_are_counted_by_name(member: Member) -> None:
    session = await member.driver.open(MX2)
    before = sum(member.driver.rpcs.values())
    await session.lock()
    await session.unlock()
    assert sum(member.driver.rpcs.values()) == before + 2
    await session.close()


@WITH_DEVICE
async def test_a_commit_waits_for_its_confirmation_in_the_log_and_another_session_confirms(member: Member) -> None:
    first = await member.driver.open(MX2)
    await first.lock()
    await first.load(BGP)
    await first.commit(comment="maybe", confirm_within=60.0)
    await first.close()
    second = await member.driver.open(MX2)
    await second.lock()
    assert [(record.comment, record.pending) for record in await second.history()][:1] == [("maybe", True)]
    await second.commit(comment="sure")
    log = [(record.comment, record.pending) for record in await second.history()]
    assert log[:2] == [("sure", False), ("maybe", False)]
    await second.load(BGP)
    assert await second.diff() == ""
    await second.close()


@WITH_DEVICE
async def test_ending_the_session_of_a_commit_that_waits_undoes_it(member: Member) -> None:
    first, second = await member.driver.open(MX2), await member.driver.open(MX2)
    await first.lock()
    await first.load(BGP)
    await first.commit(comment="maybe", confirm_within=60.0)
    await second.kill(first.session_id)
    assert [record.pending for record in await second.history()][:1] == [False]
    await second.lock()
    await second.load(BGP)
    assert await second.diff() != ""
    await second.close()
    await first.close()


@WITH_DEVICE
async def test_lock_held_by_another_is_busy(member: Member) -> None:
    first, second = await member.driver.open(MX2), await member.driver.open(MX2)
    await first.lock()
    with pytest.raises(Busy):
        await second.lock()
    await first.unlock()
    await second.lock()
    await second.close()
    await first.lock()  # closing gave the lock back
    await first.close()


@WITH_DEVICE
async def test_a_session_is_ended_by_its_id_and_its_lock_and_edits_go(member: Member) -> None:
    first, second = await member.driver.open(MX2), await member.driver.open(MX2)
    await first.lock()
    await first.load(BGP)
    with pytest.raises(Busy) as denied:
        await second.lock()
    assert denied.value.details["pid"] == first.session_id
    assert denied.value.details["user"] == MX2.username
    await second.kill(first.session_id)
    await second.lock()
    assert await second.diff() == ""
    with pytest.raises(Unreachable):
        await first.commit(comment="too late")
    with pytest.raises(Rejected):
        await second.kill(first.session_id)
    await first.close()
    await second.close()


@WITH_DEVICE
async def test_discard_and_close_leave_nothing(member: Member) -> None:
    first = await member.driver.open(MX2)
    await first.lock()
    await first.load(BGP)
    await first.discard()
    assert await first.diff() == ""
    await first.load(BGP)
    await first.close()
    second = await member.driver.open(MX2)
    await second.lock()
    assert await second.diff() == ""
    await second.close()


@WITH_DEVICE
async def test_remove_replace_and_remove_of_what_is_absent(member: Member) -> None:
    session = await member.driver.open(MX2)
    await cycle(session, [*BGP, add_unit(123, 123)], "1")
    await session.lock()
    await session.load([Edit(unit(123), "remove"), Edit(unit(999), "remove"), Edit(unit(122), "replace", "vlan-id 9;")])
    diff = await session.diff()
    assert "123" in diff
    assert "999" not in diff
    removed = [line for line in diff.splitlines() if line.startswith("-")]
    assert any("122" in line or "description" in line for line in removed)
    await session.discard()
    assert await session.diff() == ""
    await session.close()


@WITH_DEVICE
async def test_load_that_is_refused_names_the_words_and_the_session_goes_on(member: Member) -> None:
    session = await member.driver.open(MX2)
    await session.lock()
    good, bad = add_unit(7, 7), Edit(unit(8), text="vlan-id 8; nonsense!;")
    answers = await asyncio.gather(
        session.discard(), session.load([good]), session.load([bad]), session.diff(), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [type(None), type(None), Rejected, str]
    assert "syntax error" in str(answers[2])
    await session.discard()
    await session.load([good])
    assert "7" in await session.diff()
    await session.close()
