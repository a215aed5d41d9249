"""VRRP, interfaces and the system, as a client of the routers reads them."""

from __future__ import annotations

import pytest

from esi.lab import Router
from esi.netconf.xml import Element, child, text
from esi.testing.clocks import HandClock
from unit.lab.pair import SETTLE, Trio, commit
from unit.lab.test_lab_bgp import ask, said

GROUP = """
set interfaces ae0 unit 1025 vlan-id 1025
set interfaces ae0 unit 1025 family inet address 172.16.101.{}/24 vrrp-group 20 virtual-address 172.16.101.151
set interfaces ae0 unit 1025 family inet address 172.16.101.{}/24 vrrp-group 20 priority {}
"""


@pytest.fixture
async def trio(clock: HandClock) -> Trio:
    found = Trio(clock)
    await commit(found.mx2, GROUP.format(152, 152, 200), "set")
    await commit(found.mx1, GROUP.format(153, 153, 100), "set")
    return found


def states(trio: Trio) -> tuple[str, str]:
    (primary,), (secondary,) = trio.topology.roles("mx2"), trio.topology.roles("mx1")
    return primary.state, secondary.state


async def test_who_has_more_priority_is_master_once_settled(trio: Trio, clock: HandClock) -> None:
    assert states(trio) == ("backup", "backup")
    clock.time += SETTLE
    assert states(trio) == ("master", "backup")


async def test_the_backup_takes_over_when_the_link_falls(trio: Trio, clock: HandClock) -> None:
    clock.time += SETTLE
    await trio.mx2.faults.begin("link", "ge-0/0/2")
    assert not trio.topology.up("mx2", "ae0")
    clock.time += SETTLE
    assert states(trio) == ("init", "master")
    await trio.mx2.faults.end()
    clock.time += SETTLE
    assert states(trio) == ("master", "backup")


async def test_routers_that_do_not_meet_are_both_masters(trio: Trio, clock: HandClock) -> None:
    await commit(trio.mx1, "set interfaces ae0 unit 1025 vlan-id 1026", "set")
    clock.time += SETTLE
    assert states(trio) == ("master", "master")


async def test_equal_priorities_are_decided_by_address(trio: Trio, clock: HandClock) -> None:
    lines = "set interfaces ae0 unit 1025 family inet address 172.16.101.153/24 vrrp-group 20 priority 200"
    await commit(trio.mx1, lines, "set")
    clock.time += SETTLE
    assert states(trio) == ("backup", "master")


async def test_vrrp_is_told_in_junos_shape(trio: Trio, clock: HandClock) -> None:
    clock.time += SETTLE
    reply = await ask(trio.mx2, "<get-vrrp-information><brief/></get-vrrp-information>")
    entry = next(reply.iter("{*}vrrp-interface"))
    names = (
        *("interface", "interface-state", "group", "vrrp-state", "vrrp-mode", "timer-name"),
        *("timer-value", "local-interface-address", "virtual-ip-address"),
    )
    assert [text(entry.find(f"{{*}}{name}")) for name in names] == [
        *("ae0.1025", "up", "20", "master", "Active", "A", "1.000", "172.16.101.152", "172.16.101.151"),
    ]
    one = "<get-vrrp-interface-information><interface-name>{}</interface-name></get-vrrp-interface-information>"
    assert said(await ask(trio.mx1, one.format("ae0.1025")), "vrrp-state") == ["backup"]
    assert said(await ask(trio.mx1, one.format("ae0.1")), "vrrp-state") == []
    assert said(await ask(trio.ce1, "<get-vrrp-information/>"), "error-message") == [
        "vrrp subsystem not running - not needed by configuration."
    ]


def ports(reply: Element) -> dict[str, tuple[str, str]]:
    """Ports and units by name, each with its two states."""
    found = [one for kind in ("physical", "logical") for one in reply.iter(f"{{*}}{kind}-interface")]
    return {
        text(child(one, "name")): (text(child(one, "admin-status")), text(child(one, "oper-status"))) for one in found
    }


async def interfaces(router: Router, inside: str = "") -> Element:
    return await ask(router, f"<get-interface-information>{inside}</get-interface-information>")


async def test_interfaces_are_told_tersely(trio: Trio) -> None:
    await commit(trio.ce1, "set interfaces ge-0/0/2 unit 122 disable", "set")
    await trio.mx2.faults.begin("link")
    reply = await interfaces(trio.ce1, "<terse/>")
    assert ports(reply) == {
        "ge-0/0/1": ("up", "down"),
        "ge-0/0/1.122": ("up", "down"),
        "ge-0/0/2": ("up", "up"),
        "ge-0/0/2.122": ("down", "down"),
        "lo0": ("up", "up"),
        "lo0.0": ("up", "up"),
    }
    assert said(reply, "ifa-local") == ["192.168.8.1/30", "192.168.8.5/30", "192.0.2.1/32"]


async def test_one_unit_stands_alone_and_an_unknown_one_is_an_error(trio: Trio) -> None:
    one = await interfaces(trio.ce1, "<interface-name>ge-0/0/1.122</interface-name><terse/>")
    assert list(ports(one)) == ["ge-0/0/1.122"]
    assert list(one.iter("{*}physical-interface")) == []
    for name in ("ge-0/0/9", "ge-0/0/1.9"):
        wrong = await interfaces(trio.ce1, f"<interface-name>{name}</interface-name>")
        assert said(wrong, "error-message") == [f"device {name} not found"]
    private = await interfaces(trio.ce1, "<routing-instance>__private__</routing-instance>")
    assert said(private, "error-message") == ["instance __private__ is not configured"]


async def test_octets_and_numbers_are_told_and_stand_still_without_signal(trio: Trio, clock: HandClock) -> None:
    async def octets() -> int:
        reply = await interfaces(trio.ce1, "<interface-name>ge-0/0/1</interface-name>")
        assert said(reply, "snmp-index")[0].isdigit()
        return int(said(reply, "input-bytes")[0])

    before = await octets()
    clock.time += 10
    moved = await octets()
    assert moved > before
    await trio.ce1.faults.begin("link", "ge-0/0/1")
    still = await octets()
    clock.time += 1000
    assert await octets() == still
    await trio.ce1.faults.end()
    clock.time += 10
    assert await octets() == still + (moved - before)


async def test_the_system_tells_its_time_and_engine(trio: Trio, clock: HandClock) -> None:
    clock.time += 90_061
    up = await ask(trio.mx2, "<get-system-uptime-information/>")
    assert said(up, "time-length") == ["1d 1:01:01"]
    engine = await ask(trio.mx2, "<get-route-engine-information/>")
    assert said(engine, "mastership-state") == ["master"]
    chassis = await ask(trio.mx2, "<get-chassis-inventory/>")
    assert said(chassis, "serial-number")[0].startswith("VM")
    shown = await ask(trio.mx2, "<command>show interfaces terse</command>")
    assert "ae0.1025" in said(shown, "name")
    summary = await ask(trio.ce1, "<command>show bgp summary</command>")
    assert said(summary, "peer-address") == ["192.168.8.2", "192.168.8.6"]
