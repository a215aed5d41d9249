"""What JUNOS refuses to commit, each with its place, its word and its message; and what it lets pass."""

from __future__ import annotations

from typing import Any

import pytest

from esi.errors import ConfigError
from esi.lab import LabSession, Refused, Router, day0

VRF = "set routing-instances V instance-type"
UNIT = "set interfaces ge-0/0/1 unit 7"

CASES = {
    "undefined group": (
        f"{UNIT} vlan-id 7\n{UNIT} apply-groups NOBODY",
        ("[edit interfaces ge-0/0/1 unit 7]", "apply-groups NOBODY", "apply group 'NOBODY' is not defined"),
    ),
    "undefined filter": (
        f"{UNIT} vlan-id 7\n{UNIT} family inet filter input F",
        (
            "[edit interfaces ge-0/0/1 unit 7 family inet filter input]",
            "input F",
            "Referenced filter 'F' is not defined",
        ),
    ),
    "filter of another family": (
        f"{UNIT} vlan-id 7\n{UNIT} family inet6 filter output FILTER_10M-GA-UP-VPN",
        (
            "[edit interfaces ge-0/0/1 unit 7 family inet6 filter output]",
            "output FILTER_10M-GA-UP-VPN",
            "Referenced filter 'FILTER_10M-GA-UP-VPN' is not defined",
        ),
    ),
    "undefined policer": (
        "set firewall family inet filter X term a then policer P",
        (
            "[edit firewall family inet filter X term a then policer]",
            "policer P",
            "Referenced policer 'P' is not defined",
        ),
    ),
    "undefined three-color-policer": (
        "set firewall family inet filter X term a then three-color-policer single-rate P",
        (
            "[edit firewall family inet filter X term a then three-color-policer single-rate]",
            "single-rate P",
            "Referenced three-color-policer 'P' is not defined",
        ),
    ),
    "undefined prefix-list": (
        "set firewall family inet filter X term a from source-prefix-list L",
        (
            "[edit firewall family inet filter X term a from source-prefix-list L]",
            "L",
            "Referenced prefix-list 'L' is not defined",
        ),
    ),
    "undefined policy": (
        f"{VRF} virtual-router\nset routing-instances V protocols bgp group g peer-as 1\n"
        "set routing-instances V protocols bgp group g import P",
        (
            "[edit routing-instances V protocols bgp group g import]",
            "import P",
            "Policy error: Policy P referenced but not defined",
        ),
    ),
    "interface that is not configured": (
        f"{VRF} virtual-router\nset routing-instances V interface ge-0/0/1.9",
        ("[edit routing-instances V interface ge-0/0/1.9]", "interface ge-0/0/1.9", "mgd: Interface must be defined"),
    ),
    "interface in two instances": (
        f"{UNIT} vlan-id 7\n{VRF} virtual-router\nset routing-instances V interface ge-0/0/1.7\n"
        "set routing-instances W instance-type virtual-router\nset routing-instances W interface ge-0/0/1.7",
        (
            "[edit routing-instances]",
            "'W'",
            "RT Instance: Interface ge-0/0/1.7 is already configured in instance V",
        ),
    ),
    "neighbor without peer-as": (
        f"{VRF} virtual-router\nset routing-instances V protocols bgp group g neighbor 10.0.0.1",
        (
            "[edit routing-instances V protocols bgp group g]",
            "neighbor 10.0.0.1",
            "Error in neighbor 10.0.0.1 of group g:\nmust have peer AS number configured for an external peer",
        ),
    ),
    "external by its group": (
        f"{VRF} virtual-router\nset routing-instances V protocols bgp group g apply-groups VPNGW2-RI-EBGP\n"
        "set routing-instances V protocols bgp group g neighbor 10.0.0.1",
        (
            "[edit routing-instances V protocols bgp group g]",
            "neighbor 10.0.0.1",
            "Error in neighbor 10.0.0.1 of group g:\nmust have peer AS number configured for an external peer",
        ),
    ),
    "duplicate vlan-id": (
        f"{UNIT} vlan-id 7\nset interfaces ge-0/0/1 unit 8 vlan-id 7",
        ("[edit interfaces ge-0/0/1]", "unit 8", "duplicate VLAN-ID 7 on interface, already used by unit 7"),
    ),
    "tagged unit without vlan-id": (
        f"{UNIT} description x",
        ("[edit interfaces ge-0/0/1]", "unit 7", "VLAN-ID must be specified on tagged ethernet interfaces"),
    ),
    "vlan-id on an untagged interface": (
        "set interfaces ge-0/0/9 unit 0 vlan-id 5",
        ("[edit interfaces ge-0/0/9]", "unit 0", "VLAN-ID can only be specified on tagged ethernet interfaces"),
    ),
    "instance without type": (
        "set routing-instances V description x",
        ("[edit routing-instances V]", "V", "mgd: Missing mandatory statement: 'instance-type'"),
    ),
    "vrf without route-distinguisher": (
        f"{VRF} vrf",
        (
            "[edit routing-instances]",
            "'V'",
            "RT Instance: Route-distinguisher must be configured for vrf instance: V",
        ),
    ),
}


@pytest.mark.parametrize(("lines", "expected"), CASES.values(), ids=CASES)
async def test_a_router_refuses_in_its_own_words(
    session: LabSession, lines: str, expected: tuple[str, str, str]
) -> None:
    before = session.router.running_text()
    session.load_text("set", lines)
    with pytest.raises(Refused) as refused:
        await session.commit()
    first = refused.value.faults[0]
    assert (first.path, first.bad, first.message) == expected
    assert first.severity == "error"
    assert refused.value.faults[-1].message.startswith(("commit failed", "configuration check-out failed"))
    assert session.router.running_text() == before
    with pytest.raises(Refused):
        session.check()


@pytest.mark.parametrize(("lines", "expected"), CASES.values(), ids=CASES)
async def test_what_is_inactive_is_not_refused(session: LabSession, lines: str, expected: object) -> None:
    session.load_text("set", lines)
    off = {" ".join(line.split()[1:3]) for line in lines.splitlines()}
    session.load_text("set", "\n".join(f"deactivate {place}" for place in off))
    await session.commit()
    assert session.router.counts["commits"] == 1


GOOD = [
    f"{VRF} virtual-router\nset routing-instances V protocols bgp group g type internal\n"
    "set routing-instances V protocols bgp group g neighbor 10.0.0.1",
    f"{VRF} virtual-router\nset routing-instances V protocols bgp group g apply-groups VPNGW2-RI-IBGP\n"
    "set routing-instances V protocols bgp group g neighbor 10.0.0.1",
    f"{VRF} virtual-router\nset routing-instances V protocols bgp group g neighbor 10.0.0.1 peer-as 5",
    f"{VRF} vrf\nset routing-instances V route-distinguisher 1:1\nset routing-instances V vrf-target target:1:1",
    "set interfaces ge-0/0/9 unit 0 family inet address 10.1.1.1/24",
    "set interfaces ae0 unit 5 vlan-id 5\nset interfaces ge-0/0/1 unit 5 vlan-id 5",
    "set policy-options prefix-list L\nset firewall family inet filter X term a from source-prefix-list L",
    "set firewall filter Y term a then accept\nset interfaces ge-0/0/1 unit 5 vlan-id 5\n"
    "set interfaces ge-0/0/1 unit 5 family inet filter input Y",
]


@pytest.mark.parametrize("lines", GOOD)
async def test_what_is_right_is_committed(session: LabSession, lines: str) -> None:
    session.load_text("set", lines)
    await session.commit()
    assert session.compare() == "\n"


async def test_what_is_still_used_cannot_go(session: LabSession, side: Any) -> None:
    router = Router("r", day0(side.day0), session.router.clock)
    user = router.open("esi")
    user.load_text("merge", side.gateway())
    await user.commit()
    for statement in (
        "firewall family inet filter FILTER_10M-GA-UP-VPN",
        f"groups VPNGW{side.number}-VRRP",
        "interfaces ae0 unit 1025",
        "firewall policer 10K-RE",
        "policy-options prefix-list BGP-VIRTUAL-ROUTER-PEERS",
    ):
        user.load_text("set", f"delete {statement}")
        with pytest.raises(Refused):
            await user.commit()
        user.discard()
    user.check()


async def test_a_group_changed_later_counts_for_what_was_checked_before(session: LabSession) -> None:
    """What is remembered about a part must not outlive the groups that it was looked at with."""
    session.load_text("set", CASES["external by its group"][0].replace("EBGP", "IBGP"))
    await session.commit()
    session.load_text("set", "set groups VPNGW2-RI-IBGP routing-instances <*> protocols bgp group <*> type external")
    with pytest.raises(Refused, match="peer AS"):
        await session.commit()


@pytest.mark.parametrize("text", ["nonsense;", "interfaces {", "routing-instances { V { description x; } }"])
def test_a_bad_first_configuration_is_no_router(text: str, clock: Any) -> None:
    with pytest.raises(ConfigError) as refused:
        Router("r", text, clock)
    assert "day0" in str(refused.value)
