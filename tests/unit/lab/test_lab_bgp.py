"""BGP sessions computed from both ends: they stand only while everything agrees, and settle by the clock."""

from __future__ import annotations

import pytest
from lxml import etree

from esi.lab import Router
from esi.lab.reading import read_view
from esi.lab.replies import VERSION
from esi.lab.view import MAIN
from esi.netconf.rpc import build_rpc
from esi.netconf.xml import Element, text
from esi.render.junos.tree import Tree
from esi.testing.clocks import HandClock
from unit.lab.conftest import MX2
from unit.lab.pair import SETTLE, VRF, Trio, commit

UP = ["Established"] * 4


@pytest.fixture
async def trio(clock: HandClock) -> Trio:
    found = Trio(clock)
    await found.serve_customer()
    return found


@pytest.fixture
async def standing(trio: Trio, clock: HandClock) -> Trio:
    clock.time += SETTLE
    assert trio.states() == UP
    return trio


async def ask(router: Router, operation: str) -> Element:
    session = router.open("esi")
    reply = await session.handle(build_rpc("1", operation.encode()))
    session.close()
    return etree.fromstring(reply)


def said(reply: Element, name: str) -> list[str]:
    return [text(one) for one in reply.iter("{*}" + name)]


async def test_before_the_service_the_customer_finds_nobody(clock: HandClock) -> None:
    trio = Trio(clock)
    session = trio.session(trio.ce1, "192.168.8.2")
    clock.time += 1000
    assert (session.state, session.flaps) == ("Active", 0)
    assert session.verdict.reason == "ce1: nobody has 192.168.8.2 on ge-0/0/1.122, VLAN 122"


async def test_both_sessions_settle_after_the_commit(trio: Trio, clock: HandClock) -> None:
    assert trio.states() == ["Connect"] * 4
    clock.time += SETTLE - 0.01
    assert trio.states() == ["Connect"] * 4
    clock.time += 0.01
    assert trio.states() == UP


@pytest.mark.parametrize(
    ("commands", "word", "reason"),
    [
        (
            'set protocols bgp group provider neighbor 192.168.8.2 authentication-key "other"',
            "Connect",
            "authentication-key of mx2 for 192.168.8.1 is not that of ce1 for 192.168.8.2",
        ),
        ("set protocols bgp group provider peer-as 65102", "Active", "mx2 is AS 65101, ce1 expects 65102"),
        ("set routing-options autonomous-system 9599", "Active", "ce1 is AS 9599, mx2 expects 9598"),
        ("delete protocols bgp", "Active", "ce1 does not know 192.168.8.2 as a neighbor"),
        ("deactivate protocols bgp group provider", "Active", "ce1 does not know 192.168.8.2 as a neighbor"),
        (
            "set interfaces ge-0/0/1 unit 122 vlan-id 123",
            "Active",
            "mx2: nobody has 192.168.8.1 on ge-0/0/1.122, VLAN 122",
        ),
        (
            "delete interfaces ge-0/0/1 unit 122 family inet address 192.168.8.1/30",
            "Active",
            "mx2: nobody has 192.168.8.1 on ge-0/0/1.122, VLAN 122",
        ),
        ("set interfaces ge-0/0/1 disable", "Idle", "mx2: ge-0/0/1.122 is down"),
        (
            "set interfaces ge-0/0/1 unit 122 disable",
            "Active",
            "mx2: nobody has 192.168.8.1 on ge-0/0/1.122, VLAN 122",
        ),
        (
            "set protocols bgp group provider local-address 192.0.2.1",
            "Active",
            "ce1 speaks to 192.168.8.2 from 192.0.2.1, mx2 expects 192.168.8.1",
        ),
    ],
)
async def test_what_the_far_end_changes_ends_the_session_and_undoing_it_mends(
    standing: Trio, clock: HandClock, commands: str, word: str, reason: str
) -> None:
    await commit(standing.ce1, commands, "set")
    broken = standing.session(standing.mx2, "192.168.8.1")
    assert (broken.state, broken.verdict.reason, broken.flaps) == (word, reason, 1)
    undo = standing.ce1.open("operator")
    undo.rollback(1)
    await undo.commit()
    assert standing.session(standing.mx2, "192.168.8.1").state == "Connect"
    clock.time += SETTLE
    assert standing.states() == UP
    assert standing.session(standing.mx2, "192.168.8.1").flaps == 1


async def test_the_other_session_stands_while_one_falls(standing: Trio) -> None:
    line = 'set protocols bgp group provider neighbor 192.168.8.2 authentication-key "other"'
    await commit(standing.ce1, line, "set")
    assert standing.states() == ["Connect", "Established", "Connect", "Established"]


async def test_the_near_end_names_its_own_fault(standing: Trio) -> None:
    await commit(standing.mx2, f"delete routing-instances {VRF} interface ge-0/0/1.122", "set")
    session = standing.session(standing.mx2, "192.168.8.1")
    assert session.state == "Idle"
    assert session.verdict.reason == "mx2: 192.168.8.1 is on no connected network from 192.168.8.2"


async def test_a_key_counts_by_its_value_and_not_by_its_text(trio: Trio) -> None:
    keys = {
        line
        for router in (trio.mx1, trio.mx2, trio.ce1)
        for line in router.running_text().splitlines()
        if "authentication-key" in line
    }
    assert len(keys) == 3
    assert all("$9$" in line for line in keys)


async def test_a_session_that_goes_and_comes_again_begins_anew(standing: Trio, clock: HandClock) -> None:
    await commit(standing.mx2, f"delete routing-instances {VRF} protocols bgp", "set")
    assert [one.peering.peer for one in standing.topology.sessions("mx2")] == []
    assert standing.session(standing.ce1, "192.168.8.2").flaps == 1
    await commit(standing.mx2, MX2.interface())
    clock.time += SETTLE
    assert standing.session(standing.mx2, "192.168.8.1").flaps == 0
    assert standing.states() == UP


async def test_an_expired_confirmation_takes_the_session_down(trio: Trio, clock: HandClock) -> None:
    session = trio.mx2.open("esi")
    session.load_text("set", "set interfaces ge-0/0/1 unit 122 disable")
    await session.commit(confirmed=60)
    clock.time += 30
    assert trio.session(trio.mx2, "192.168.8.1").state == "Idle"
    clock.time += 30
    assert trio.session(trio.mx2, "192.168.8.1").state == "Connect"
    clock.time += SETTLE
    assert trio.session(trio.mx2, "192.168.8.1").state == "Established"


async def test_groups_are_expanded_before_both_ends_are_compared(standing: Trio, clock: HandClock) -> None:
    await commit(
        standing.ce1,
        "delete protocols bgp group provider peer-as\n"
        "set groups EDGE protocols bgp group <*> peer-as 65101\nset protocols apply-groups EDGE",
        "set",
    )
    assert standing.states() == UP


async def test_a_commit_on_one_router_reads_only_what_changed(standing: Trio) -> None:
    before = standing.topology.view("mx2")
    await commit(standing.mx2, "set interfaces ge-0/0/1 unit 7 vlan-id 7", "set")
    after = standing.topology.view("mx2")
    assert after.unit("ge-0/0/1.122") is before.unit("ge-0/0/1.122")
    assert after.instances[VRF] is before.instances[VRF]
    assert after.unit("ge-0/0/1.7") is not None


async def test_the_summary_has_junos_shape(standing: Trio, clock: HandClock) -> None:
    clock.time += 245
    reply = await ask(
        standing.mx2,
        f"<get-bgp-summary-information><exact-instance>{VRF}</exact-instance></get-bgp-summary-information>",
    )
    space = f"http://xml.juniper.net/junos/{VERSION.rpartition('.')[0]}/junos-routing"
    information = reply.find(f"{{{space}}}bgp-information")
    assert information is not None
    assert said(information, "peer-count") == ["1"]
    assert said(information, "down-peer-count") == ["0"]
    assert said(information, "peer-address") == ["192.168.8.1"]
    assert said(information, "peer-as") == ["9598"]
    assert said(information, "peer-state") == ["Established"]
    elapsed = next(information.iter("{*}elapsed-time"))
    assert (elapsed.text, [value for name, value in elapsed.items() if str(name).endswith("seconds")]) == (
        "4:05",
        ["245"],
    )
    assert said(information, "name") == [f"{VRF}.inet.0"] * 2


async def test_an_instance_that_is_not_there_is_an_error_and_a_prefix_finds_all(standing: Trio) -> None:
    wrong = "<get-bgp-summary-information><exact-instance>nothing</exact-instance></get-bgp-summary-information>"
    assert said(await ask(standing.mx2, wrong), "error-message") == ["instance nothing is not configured"]
    by_prefix = "<get-bgp-summary-information><instance>vrf_gw</instance></get-bgp-summary-information>"
    assert said(await ask(standing.mx2, by_prefix), "peer-address") == ["192.168.8.1"]
    nobody = "<get-bgp-summary-information><instance>other</instance></get-bgp-summary-information>"
    assert said(await ask(standing.mx2, nobody), "output") == ["BGP is not running"]


async def test_neighbors_say_what_was_last_wrong(standing: Trio) -> None:
    line = 'set protocols bgp group provider neighbor 192.168.8.2 authentication-key "other"'
    await commit(standing.ce1, line, "set")
    question = "<get-bgp-neighbor-information><neighbor-address>{}</neighbor-address></get-bgp-neighbor-information>"
    down = await ask(standing.ce1, question.format("192.168.8.2"))
    assert said(down, "peer-state") == ["Connect"]
    assert said(down, "last-error") == ["Hold Timer Expired Error"]
    assert said(down, "flap-count") == ["1"]
    up = await ask(standing.ce1, question.format("192.168.8.6"))
    assert said(up, "peer-address") == ["192.168.8.6+179"]
    assert said(up, "peer-type") == ["External"]


def test_an_empty_router_has_an_empty_view() -> None:
    view = read_view(Tree().root)
    assert (view.physicals, list(view.instances), view.host_name) == ({}, [MAIN], "")
