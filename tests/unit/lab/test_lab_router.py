"""The shared candidate, the lock, the commit log and the confirmed commit, by plain method calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from esi.clock import LoopClock
from esi.errors import Unreachable
from esi.lab import LabSession, Refused, Router, day0
from esi.lab.history import KEPT
from esi.testing.loop import run

NAME = "set system host-name {}"


def edit(session: LabSession, name: str) -> None:
    session.load_text("set", NAME.format(name))


def name_of(router: Router) -> str:
    system = router.running.root.get("system")
    assert system is not None
    return system.text("host-name")


async def test_the_candidate_is_shared_and_any_commit_takes_all_of_it(router: Router) -> None:
    one, other = router.open("a"), router.open("b")
    edit(one, "x")
    assert "host-name x" in other.compare()
    assert name_of(router) == "vMX-router-01"
    await other.commit("mine")
    assert name_of(router) == "x"
    assert one.compare() == "\n"
    assert [(entry.user, entry.log) for entry in router.history.entries] == [("b", "mine"), ("root", "")]


async def test_edits_without_a_lock_outlive_their_session(router: Router) -> None:
    one = router.open("a")
    edit(one, "x")
    one.close()
    other = router.open("b")
    assert "host-name x" in other.compare()
    with pytest.raises(Refused, match="configuration database modified"):
        other.lock()
    other.discard()
    other.lock()


DENIED: list[Callable[[LabSession], Any]] = [
    lambda session: session.lock(),
    lambda session: session.load_text("set", NAME.format("y")),
    lambda session: session.rollback(0),
    lambda session: session.discard(),
    lambda session: session.check(),
]


@pytest.mark.parametrize("act", DENIED)
async def test_a_lock_keeps_others_out_and_names_its_holder(router: Router, act: Callable[[LabSession], Any]) -> None:
    holder, other = router.open("holder"), router.open("b")
    holder.lock()
    edit(holder, "x")
    with pytest.raises(Refused) as refused:
        act(other)
    fault = refused.value.faults[0]
    assert (fault.tag, fault.session) == ("lock-denied", holder.number)
    assert fault.message.startswith(
        f"configuration database locked by:\n  holder  (pid {holder.number}) on since 2017-05-11 05:00:00 UTC"
    )
    with pytest.raises(Refused):
        await other.commit()
    assert "host-name x" in other.compare()  # reading stays possible
    await holder.commit()
    assert name_of(router) == "x"


@pytest.mark.parametrize(
    "end",
    [
        lambda router, holder: holder.unlock(),
        lambda router, holder: holder.close(),
        lambda router, holder: router.open("root").kill(holder.number),
    ],
    ids=["unlock", "close", "kill"],
)
async def test_the_end_of_a_lock_drops_its_edits(router: Router, end: Callable[[Router, LabSession], None]) -> None:
    holder = router.open("a")
    holder.lock()
    edit(holder, "x")
    end(router, holder)
    other = router.open("b")
    assert other.compare() == "\n"
    other.lock()


async def test_locking_twice_and_unlocking_without_a_lock_are_refused(session: LabSession) -> None:
    with pytest.raises(Refused, match="not open"):
        session.unlock()
    session.lock()
    with pytest.raises(Refused, match="already open"):
        session.lock()


async def test_an_ended_session_is_unreachable_and_told_once(router: Router) -> None:
    session = router.open("a")
    told: list[int] = []
    session.ended.append(lambda: told.append(1))
    session.close()
    session.close()
    assert told == [1]
    for act in (session.lock, session.compare, session.check):
        with pytest.raises(Unreachable):
            act()
    with pytest.raises(Refused, match="no such session"):
        router.open("b").kill(session.number)


async def test_fifty_versions_are_kept(router: Router, session: LabSession) -> None:
    for number in range(KEPT + 5):
        edit(session, f"n{number}")
        await session.commit(f"c{number}")
    assert [entry.log for entry in router.history.entries] == [f"c{KEPT + 4 - back}" for back in range(KEPT)]
    session.rollback(KEPT - 1)
    assert "-  host-name n54;\n+  host-name n5;\n" in session.compare()
    assert session.compare(KEPT - 1) == "\n"
    with pytest.raises(Refused, match=f"rollback {KEPT} does not exist"):
        session.rollback(KEPT)


async def test_an_unconfirmed_commit_is_undone_at_its_deadline(router: Router, session: LabSession, clock: Any) -> None:
    before = router.running_text()
    edit(session, "x")
    await session.commit("try", confirmed=120)
    assert router.history.entries[0].comment == "commit confirmed, rollback in 2mins"
    session.close()
    clock.time += 119
    assert name_of(router) == "x"
    clock.time += 1
    assert router.running_text() == before
    assert [(entry.user, entry.client) for entry in router.history.entries] == [
        ("root", "other"),
        ("esi", "netconf"),
        ("root", "other"),
    ]
    later = router.open("b")
    assert later.compare() == "\n"
    assert router.counts["automatic-rollback"] == 1


@pytest.mark.parametrize("way", ["commit", "check"])
async def test_any_session_confirms(router: Router, session: LabSession, clock: Any, way: str) -> None:
    edit(session, "x")
    await session.commit(confirmed=120)
    session.close()
    other = router.open("b")
    await other.commit(check=way == "check")
    clock.time += 1000
    assert name_of(router) == "x"


async def test_a_second_confirmed_commit_moves_the_deadline_not_the_way_back(
    router: Router, session: LabSession, clock: Any
) -> None:
    edit(session, "x")
    await session.commit(confirmed=120)
    clock.time += 100
    edit(session, "y")
    await session.commit(confirmed=120)
    clock.time += 100
    assert name_of(router) == "y"
    clock.time += 21
    assert name_of(router) == "vMX-router-01"


async def test_killing_the_session_of_a_confirmed_commit_undoes_it(router: Router, session: LabSession) -> None:
    edit(session, "x")
    await session.commit(confirmed=120)
    router.open("b").kill(session.number)
    assert name_of(router) == "vMX-router-01"


async def test_a_snapshot_brings_everything_back(router: Router, session: LabSession) -> None:
    edit(session, "x")
    await session.commit()
    edit(session, "open")
    saved = router.snapshot()
    text, diff = router.running_text(), session.compare()
    edit(session, "z")
    await session.commit()
    router.restore(saved)
    assert not session.open
    again = router.open("b")
    assert (router.running_text(), again.compare()) == (text, diff)
    assert len(router.history.entries) == 2
    edit(again, "other")
    router.restore(saved)
    assert router.open("c").compare() == diff


def test_a_commit_takes_its_time_and_ends_even_if_nobody_waits() -> None:
    async def story() -> None:
        clock = LoopClock()
        router = Router("r", day0("mx1"), clock, commit_seconds=5)
        one, other = router.open("a"), router.open("b")
        edit(one, "x")
        begin = clock.monotonic()
        await asyncio.gather(one.commit(), other.commit())
        assert clock.monotonic() - begin == 10  # one after the other
        edit(one, "y")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await one.commit()
        assert name_of(router) == "y"

    run(story())


def test_a_commit_takes_as_long_as_it_says_its_checks_included(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        clock = LoopClock()
        router = Router("r", day0("mx1"), clock, commit_seconds=5)
        late = 2.0
        monkeypatch.setattr(clock, "monotonic", lambda: asyncio.get_running_loop().time() + late)

        def checks() -> None:
            nonlocal late
            late += 3.0

        monkeypatch.setattr(router, "check", checks)
        one = router.open("a")
        edit(one, "x")
        begin = asyncio.get_running_loop().time()
        await one.commit()
        assert asyncio.get_running_loop().time() - begin == 2

    run(story())


def test_a_session_that_is_lost_in_its_commit_keeps_the_lock_until_it_is_done() -> None:
    async def story() -> None:
        router = Router("r", day0("mx1"), LoopClock(), commit_seconds=5)
        one, other = router.open("a"), router.open("b")
        one.lock()
        edit(one, "x")
        async with asyncio.TaskGroup() as group:
            commit = group.create_task(answered(one))
            await asyncio.sleep(1)
            one.close()
            with pytest.raises(Refused, match="locked by"):
                other.lock()
            assert await commit is False
        assert name_of(router) == "x"
        other.lock()
        assert other.compare() == "\n"

    async def answered(session: LabSession) -> bool:
        try:
            await session.commit()
        except Unreachable:
            return False
        return True

    run(story())


def test_edits_made_while_a_commit_runs_are_not_part_of_it() -> None:
    async def story() -> None:
        router = Router("r", day0("mx1"), LoopClock(), commit_seconds=5)
        one, other = router.open("a"), router.open("b")
        edit(one, "x")
        async with asyncio.TaskGroup() as group:
            group.create_task(one.commit())
            await asyncio.sleep(1)
            edit(other, "later")
        assert name_of(router) == "x"
        assert "+  host-name later;" in other.compare()

    run(story())


async def test_many_routers_share_their_first_configuration(clock: Any) -> None:
    routers = [Router(f"r{number}", day0("mx1"), clock) for number in range(3)]
    assert len({id(router.running.root) for router in routers}) == 1
    session = routers[0].open("a")
    edit(session, "x")
    await session.commit()
    assert [name_of(router) for router in routers] == ["x", "vMX-router-01", "vMX-router-01"]
