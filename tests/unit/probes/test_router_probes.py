"""BGP and VRRP probes against routers that answer in recorded shapes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from esi.clock import LoopClock
from esi.errors import TemporaryError, Unreachable, Unsupported
from esi.probes import Probe
from esi.probes.bgp import BgpPool, BgpSession
from esi.probes.netconf import Conversations
from esi.probes.vrrp import VrrpPool, VrrpSession
from esi.testing.loop import run
from unit.probes.doubles import PRIMARY, SECONDARY, DialerDouble, RouterDouble, bgp, side, target, vrrp

VRF = "vrf_gw_sample-ha-router-downlink_1025"
BGP = "get-bgp-summary-information"
VRRP = "get-vrrp-information"
SIDES = {
    "primary": side(PRIMARY, peer_address="192.168.8.1"),
    "secondary": side(SECONDARY, peer_address="192.168.8.5"),
}
POOL = target("bgp_pool", instance=VRF, **SIDES)


def routers(first: str = "Established", second: str = "Established") -> DialerDouble:
    return DialerDouble(
        {
            PRIMARY: RouterDouble({BGP: bgp(VRF, {"192.168.8.1": first, "192.168.8.9": "Idle"})}),
            SECONDARY: RouterDouble({BGP: bgp(VRF, {"192.168.8.5+179": second})}),
        }
    )


def talk(dialer: DialerDouble) -> Conversations:
    return Conversations(dialer, clock=LoopClock())


def asked(probe: Probe, *targets: Any) -> Any:
    async def work() -> Any:
        try:
            return [await probe.ask(one) for one in targets][-1]
        finally:
            await probe.close()

    return run(work())


def test_both_sides_established_as_recorded() -> None:
    seen = asked(BgpPool(talk(routers())), POOL)
    assert seen.values == {"status": {"primary": "ESTABLISHED", "secondary": "ESTABLISHED"}}
    assert seen.reason == ""


def test_reason_says_which_side_sees_what() -> None:
    seen = asked(BgpPool(talk(routers(first="Active"))), POOL)
    assert seen.values == {"status": {"primary": "FAIL", "secondary": "ESTABLISHED"}}
    assert seen.reason == f"primary {PRIMARY} sees 192.168.8.1 as Active"


def test_a_peer_that_is_not_there_is_named() -> None:
    dialer = routers()
    dialer.routers[SECONDARY].answers[BGP] = bgp(VRF, {})
    seen = asked(BgpPool(talk(dialer)), POOL)
    assert seen.values["status"]["secondary"] == "FAIL"
    assert seen.reason == f"secondary {SECONDARY} has no peer 192.168.8.5 in {VRF}"


@pytest.mark.parametrize(
    "inside",
    [
        "<output>BGP is not running</output>",
        "",
        "<rpc-error><error-message>BGP is not running</error-message></rpc-error>",
    ],
)
def test_no_answer_about_bgp_is_no_news(inside: str) -> None:
    dialer = routers()
    dialer.routers[PRIMARY].answers[BGP] = lambda request: inside
    seen = asked(BgpPool(talk(dialer)), POOL)
    assert seen.values == {"status": {"primary": "FAIL", "secondary": "ESTABLISHED"}}
    assert seen.reason.startswith(f"primary cannot be asked: {PRIMARY} told no bgp-information")
    with pytest.raises(TemporaryError, match="told no bgp-information"):
        asked(BgpSession(talk(dialer)), target("bgp_session", instance=VRF, **SIDES["primary"]))


def test_one_unreachable_side_fails_alone_and_both_fail_the_look() -> None:
    dialer = routers()
    dialer.routers[PRIMARY].silent = Unreachable(f"{PRIMARY}: connection refused")
    seen = asked(BgpPool(talk(dialer)), POOL)
    assert seen.values == {"status": {"primary": "FAIL", "secondary": "ESTABLISHED"}}
    assert seen.reason == f"primary cannot be asked: {PRIMARY}: connection refused"
    dialer.routers[SECONDARY].silent = Unreachable(f"{SECONDARY}: connection refused")
    with pytest.raises(TemporaryError, match=r"primary: .*; secondary: "):
        asked(BgpPool(talk(dialer)), POOL)


def test_one_session_of_the_older_flow() -> None:
    probe = BgpSession(talk(routers(first="OpenConfirm")))
    seen = asked(probe, target("bgp_session", instance=VRF, **SIDES["primary"]))
    assert (seen.values, seen.reason) == ({"status": "FAIL"}, f"{PRIMARY} sees 192.168.8.1 as OpenConfirm")


@pytest.mark.parametrize("wrong", [{"instance": ""}, {"primary": None, "secondary": None}])
def test_targets_that_name_nothing_are_unsupported(wrong: dict[str, Any]) -> None:
    properties = {**POOL.properties, **wrong}
    with pytest.raises(Unsupported):
        asked(BgpPool(talk(routers())), target("bgp_pool", **properties))


def pair(first: Any, second: Any, vrid: Any) -> Any:
    dialer = DialerDouble({PRIMARY: RouterDouble({VRRP: first}), SECONDARY: RouterDouble({VRRP: second})})
    sides = {name: side(ip, interface="ae0.1025") for name, ip in (("primary", PRIMARY), ("secondary", SECONDARY))}
    return asked(VrrpPool(talk(dialer)), target("vrrp_pool", vrid=vrid, **sides))


def test_one_group_as_recorded() -> None:
    seen = pair(vrrp(("ae0.1025", 20, "master"), ("ae0.7", 20, "backup")), vrrp(("ae0.1025", 20, "backup")), [20])
    assert (seen.values, seen.reason) == ({"status": {"primary": "MASTER", "secondary": "BACKUP"}}, "")


def test_several_groups_are_numbered() -> None:
    first = vrrp(("ae0.1025", 51, "master"), ("ae0.1025", 52, "init"))
    seen = pair(first, vrrp(("ae0.1025", 51, "backup")), [51, 52])
    assert seen.values["status"] == {
        "primary_vrid1": "MASTER",
        "primary_vrid2": "INIT",
        "secondary_vrid1": "BACKUP",
        "secondary_vrid2": "FAIL",
    }
    assert seen.reason == (
        f"primary {PRIMARY} is init in group 52 on ae0.1025; secondary {SECONDARY} has no group 52 on ae0.1025"
    )


def test_one_group_of_the_older_flow() -> None:
    dialer = DialerDouble({PRIMARY: RouterDouble({VRRP: vrrp(("ae0.1025", 41, "backup"))})})
    seen = asked(VrrpSession(talk(dialer)), target("vrrp_session", interface="ae0.1025", vrid=41, **side(PRIMARY)))
    assert seen.values == {"status": "BACKUP"}


def on_clock(work: Coroutine[Any, Any, None]) -> None:
    run(work)


def test_all_targets_of_a_device_share_one_session_which_ends_unused() -> None:
    dialer = routers()

    async def work() -> None:
        probe = BgpPool(talk(dialer))
        for _ in range(3):
            await probe.ask(POOL)
        router = dialer.routers[PRIMARY]
        assert (router.dials, len(router.asked)) == (1, 3)
        await LoopClock().sleep(301)
        assert router.sessions[0].over
        await probe.ask(POOL)
        assert router.dials == 2
        await probe.close()
        assert router.sessions[1].over

    on_clock(work())


def test_a_session_that_died_unnoticed_is_opened_once_more() -> None:
    dialer = routers()

    async def work() -> None:
        probe = BgpPool(talk(dialer))
        await probe.ask(POOL)
        dialer.routers[PRIMARY].sessions[0].dead = True
        seen = await probe.ask(POOL)
        assert seen.values["status"]["primary"] == "ESTABLISHED"
        assert dialer.routers[PRIMARY].dials == 2
        await probe.close()

    on_clock(work())


def test_a_silent_device_is_asked_after_growing_pauses() -> None:
    dialer = routers()
    router = dialer.routers[PRIMARY]
    router.silent = Unreachable("connection refused")

    async def work() -> None:
        probe, clock = BgpPool(talk(dialer)), LoopClock()
        for _ in range(600):
            await probe.ask(POOL)
            await clock.sleep(0.1)
        assert router.dials == 6  # after 1, 2, 4, 8, 16 s
        router.silent = None
        await clock.sleep(30)
        assert (await probe.ask(POOL)).values["status"]["primary"] == "ESTABLISHED"
        await probe.close()

    on_clock(work())


def test_many_targets_of_a_silent_device_cost_one_dial() -> None:
    dialer = routers()
    router = dialer.routers[PRIMARY]
    router.silent = Unreachable("connection refused")

    async def work() -> None:
        probe = BgpPool(talk(dialer))
        seen = await asyncio.gather(*(probe.ask(POOL) for _ in range(20)))
        assert {one.values["status"]["primary"] for one in seen} == {"FAIL"}
        assert (router.dials, dialer.routers[SECONDARY].dials) == (1, 1)
        await LoopClock().sleep(1.0)
        await probe.ask(POOL)
        assert router.dials == 2
        await probe.close()

    on_clock(work())
