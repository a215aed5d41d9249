"""What a router finds out from one version to the next is what a look at everything would give, whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esi.lab import Router
from esi.lab.compare import compare
from esi.lab.load import load_text
from esi.lab.meters import Meters
from esi.lab.reading import read_view
from esi.lab.refusals import refusals
from esi.lab.topology import Topology
from esi.lab.view import View
from esi.lab.wiring import ESTABLISHED, Port, Verdict, Wiring
from esi.lab.words import Refused
from esi.render.junos.printing import print_text
from esi.render.junos.tree import Node, Tree
from esi.testing.clocks import HandClock
from unit.lab.conftest import MX1, MX2
from unit.lab.pair import SETTLE, VRF, Trio, service

PORT = st.sampled_from(("ge-0/0/1", "ge-0/0/1", "ge-0/0/2", "ae0", "lo0"))
NUMBER = st.sampled_from((0, 7, 122, 1025))
SITE = st.sampled_from(("site", "other", VRF))
VERB = st.sampled_from(("delete", "deactivate", "activate"))
OF_PORT = """disable|description d|vlan-tagging|apply-groups OWN|gigether-options 802.3ad ae0"""
OF_UNIT = """vlan-id 7|vlan-id 122|vlan-id 1025|disable|description d|apply-groups OWN|apply-groups NOBODY
family inet address 192.168.8.1/30|family inet address 192.168.8.2/30|family inet filter input FILTER_10M-GA-UP-VPN
family inet address 172.16.1.2/24 vrrp-group 1 virtual-address 172.16.1.1
family inet address 172.16.1.3/24 vrrp-group 1 priority 200"""
OF_SITE = """instance-type virtual-router|interface ge-0/0/1.122|interface ge-0/0/1.7|interface lo0|interface lo0.0
routing-options autonomous-system 9598|description d|apply-groups OWN|protocols bgp group g peer-as 65101
protocols bgp group g neighbor 192.168.8.1 peer-as 9598|protocols bgp group h neighbor 192.168.8.2"""
OF_ALL = """groups OWN interfaces <*> unit <*> description own|groups OWN interfaces <*> unit <*> vlan-id 7
groups OWN routing-instances <*> protocols bgp group <*> type internal|routing-options autonomous-system 9598
groups OWN routing-instances <*> interface ge-0/0/2.122|routing-options autonomous-system 65101
apply-groups OWN|interfaces apply-groups OWN|routing-instances apply-groups OWN|protocols apply-groups OWN
protocols bgp group provider neighbor 192.168.8.2|protocols bgp group provider neighbor 192.168.8.6"""
ABOVE = """interfaces|routing-instances|protocols bgp|protocols|routing-options|firewall|groups OWN|apply-groups OWN
interfaces apply-groups|routing-instances apply-groups|protocols bgp group provider neighbor 192.168.8.2
firewall family inet filter FILTER_10M-GA-UP-VPN"""


def one_of(words: str) -> st.SearchStrategy[str]:
    return st.sampled_from(words.replace("\n", "|").split("|"))


UNIT = st.builds("interfaces {} unit {}".format, PORT, NUMBER)
INSTANCE = st.builds("routing-instances {}".format, SITE)
LINE = st.one_of(
    st.builds("set {} {}".format, UNIT, one_of(OF_UNIT)),
    st.builds("set interfaces {} {}".format, PORT, one_of(OF_PORT)),
    st.builds("set {} {}".format, INSTANCE, one_of(OF_SITE)),
    st.builds("set {}".format, one_of(OF_ALL)),
    st.builds("{} {}".format, VERB, UNIT | INSTANCE | st.builds("interfaces {}".format, PORT) | one_of(ABOVE)),
    st.builds("{} {} {}".format, VERB, UNIT, one_of(OF_UNIT)),
    st.builds("rename {} to unit {}".format, UNIT, NUMBER),
    st.builds(
        "insert protocols bgp group provider neighbor 192.168.8.{} before neighbor 192.168.8.{}".format,
        st.sampled_from((2, 6)),
        st.sampled_from((2, 6)),
    ),
)
STEP = st.lists(LINE, min_size=1, max_size=4).map("\n".join) | st.sampled_from(
    ("service", "rollback 1", "rollback 3", "override", "replace", "link", "power", "wait")
)
REPLACED = "interfaces { replace: ge-0/0/1 { vlan-tagging; unit 122 { vlan-id 122; } } }"


class Anew:
    """What has stood how long in a topology, by looks at everything."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self.sessions: dict[tuple[str, str, str], tuple[Verdict, float, int]] = {}
        self.roles: dict[tuple[str, str, int], tuple[Verdict, float]] = {}
        self.meters = {name: Meters(name) for name in topology.routers}
        self.views: dict[str, View] = {}
        for router in topology.routers.values():
            router.watchers.append(self.look)

    def look(self) -> None:
        now, routers = self._topology.clock.monotonic(), self._topology.routers
        before, sessions, roles = self.views, self.sessions, self.roles
        self.views, self.sessions, self.roles = {}, {}, {}
        for name, router in routers.items():
            self.views[name] = read_view(afresh(router.running.root))
        on = {name: view for name, view in self.views.items() if routers[name].gate.powered(now)}
        wiring = Wiring(on, self._topology.segments, frozenset(self._topology.cut))
        for name, view in on.items():
            for peering in (one for _, instance in sorted(view.instances.items()) for one in instance.peerings):
                verdict, place = wiring.session(name, peering), (name, peering.instance, peering.peer)
                known, since, flaps = sessions.get(place, (verdict, now, 0))
                stood = known.word == ESTABLISHED and now - since >= SETTLE
                same = known.word == verdict.word
                self.sessions[place] = (verdict, since, flaps) if same else (verdict, now, flaps + stood)
            for unit in (unit for physical in view.physicals.values() for unit in physical.units.values()):
                for group in unit.groups:
                    role, of = wiring.role(name, unit, group), (name, unit.name, group.number)
                    was, begun = roles.get(of, (role, now))
                    self.roles[of] = (role, begun if was.word == role.word else now)
        for name, view in self.views.items():
            names = []
            for port, physical in view.physicals.items():
                names.append((port, wiring.up(Port(name, port))))
                names += [(unit, wiring.unit_up(name, one)) for unit, one in physical.units.items()]
            gone = units(before[name]) - units(view) if name in before else ()
            self.meters[name].turn(now, names, gone)


def units(view: View) -> set[str]:
    return {unit for physical in view.physicals.values() for unit in physical.units}


def afresh(top: Node) -> Node:
    """The same configuration as it is read from its text: nothing is known about it."""
    return load_text(Tree(), "merge", print_text(top), lambda secret: secret).tree.root


SITE_OF_ITS_OWN = "set routing-instances site instance-type virtual-router"
DESCRIBED = "set groups OWN interfaces <*> unit <*> description own"
STORIES = {
    "one unit in two instances": (
        ("mx1", f"{SITE_OF_ITS_OWN}\nset routing-instances site interface lo0.0"),
        ("mx1", "set routing-instances other instance-type virtual-router\nset routing-instances other interface lo0"),
        ("mx1", "delete routing-instances site"),
    ),
    "an AS for all instances": (
        ("ce1", f"{SITE_OF_ITS_OWN}\nset routing-instances site protocols bgp group g neighbor 192.168.8.2 peer-as 1"),
        ("ce1", "set routing-options autonomous-system 65101"),
    ),
    **{
        f"groups applied at {place or 'the top'}": (
            ("ce1", f"{DESCRIBED}\nset {place} apply-groups OWN"),
            ("ce1", "set interfaces ge-0/0/1 unit 7 vlan-id 7"),
            ("ce1", f"delete {place} apply-groups OWN"),
        )
        for place in ("", "interfaces", "interfaces ge-0/0/1")
    },
    "what is used goes": (("mx1", "delete interfaces ge-0/0/1 unit 122"), ("mx1", "delete routing-instances")),
    "an interface of two": (("mx1", f"{SITE_OF_ITS_OWN}\nset routing-instances site interface ge-0/0/1.122"),),
    "a VLAN of two": (("mx1", "set interfaces ge-0/0/1 unit 7 vlan-id 122"),),
    "what is not active is not looked at": (
        ("mx1", "deactivate interfaces"),
        ("mx1", "set interfaces ge-0/0/1 unit 7 vlan-id 122"),
        ("mx1", "activate interfaces"),
    ),
    "edits after a check": (
        ("mx1", "set interfaces ge-0/0/1 unit 7 vlan-id 7\nset interfaces ge-0/0/1 unit 7 vlan-id 122"),
    ),
    "a unit goes to another instance": (
        ("ce1", "delete interfaces ge-0/0/2 unit 122"),
        ("ce1", f"{SITE_OF_ITS_OWN}\nset routing-instances site interface ge-0/0/1.122"),
        ("ce1", "delete routing-instances site"),
    ),
    "a unit goes and comes": (
        ("ce1", "wait"),
        ("ce1", "delete interfaces ge-0/0/1 unit 122"),
        ("ce1", "wait"),
        ("ce1", "rollback 1"),
    ),
    "links and power": (
        ("ce1", "set interfaces ge-0/0/1 unit 7 vlan-id 7"),
        *(("ce1", "wait"), ("ce1", "link"), ("mx1", "power"), ("ce1", "link"), ("mx1", "wait")),
    ),
    "order": (
        ("ce1", "insert protocols bgp group provider neighbor 192.168.8.6 before neighbor 192.168.8.2"),
        ("ce1", "set interfaces ge-0/0/1 unit 7 vlan-id 7"),
        ("ce1", "rename interfaces ge-0/0/1 unit 7 to unit 1025"),
        ("ce1", "delete interfaces ge-0/0/1 unit 122 family inet\nset interfaces ge-0/0/1 unit 122 description d"),
    ),
}


@pytest.mark.parametrize("steps", STORIES.values(), ids=STORIES)
async def test_what_once_needed_a_look_at_everything(steps: tuple[tuple[str, str], ...]) -> None:
    await play(steps)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(("mx1", "mx2", "ce1")), STEP), max_size=12))
def test_what_changed_tells_what_everything_would(steps: list[tuple[str, str]]) -> None:
    asyncio.run(play(steps))


async def play(steps: Iterable[tuple[str, str]]) -> None:
    clock = HandClock()
    trio = Trio(clock)
    topology, routers = trio.topology, {"mx1": trio.mx1, "mx2": trio.mx2, "ce1": trio.ce1}
    anew = Anew(topology)
    for name, step in [("mx1", "service"), ("mx2", "service"), *steps]:
        clock.time += SETTLE if step == "wait" else 1.0
        router = routers[name]
        if step == "link":
            topology.cut ^= {Port(name, "ge-0/0/1")}
        elif step == "power":
            router.gate.off_until = clock.time + 2.0
        elif step != "wait" and router.gate.powered(clock.time):
            await change(router, step)
        topology.look()
        anew.look()
        agree(topology, anew)


async def change(router: Router, step: str) -> None:
    """Load and commit; what is compared and refused on the way is right."""
    session = router.open("operator")
    with contextlib.suppress(Refused):
        if step == "service":
            session.load_text("merge", service(MX1 if router.name == "mx1" else MX2))
        elif step.startswith("rollback"):
            session.rollback(int(step.split()[1]))
        elif step == "override":
            session.load_text("override", router.running_text())
        elif step == "replace":
            session.load_text("replace", REPLACED)
        else:
            for line in step.splitlines():
                session.load_text("set", line)
                session.check()
    running, candidate = afresh(router.running.root), Tree(afresh(router.candidate.root))
    assert session.compare() == compare(running, candidate.root)
    faults = []
    try:
        await session.commit()
    except Refused as refused:
        faults = refused.faults
    assert faults == refusals(candidate)
    session.discard()
    session.close()


def agree(topology: Topology, anew: Anew) -> None:
    for name, view in anew.views.items():
        found = topology.view(name)
        assert found == view
        assert list(found.physicals) == list(view.physicals)
        assert list(found.instances) == list(view.instances)
        assert [list(one.units) for one in found.physicals.values()] == [
            list(one.units) for one in view.physicals.values()
        ]
        for physical in found.physicals.values():
            by_vlan = {vlan: some for vlan, some in physical.vlans.items() if some}
            assert by_vlan == view.physicals[physical.name].vlans
        meters, others = topology.meters(name), anew.meters[name]
        others.look(topology.clock.monotonic())
        assert (meters.names, meters.changed_at) == (others.names, others.changed_at)
        for one in (*view.physicals, *units(view)):
            assert meters.octets(one) == others.octets(one)
    sessions = [(name, one) for name in anew.views for one in topology.sessions(name)]
    places = [(name, one.peering.instance, one.peering.peer) for name, one in sessions]
    assert places == list(anew.sessions)
    assert [(one.verdict, one.since, one.flaps) for _, one in sessions] == list(anew.sessions.values())
    roles = [(name, one) for name in anew.views for one in topology.roles(name)]
    assert [(name, one.unit.name, one.group.number) for name, one in roles] == list(anew.roles)
    assert [(one.verdict, one.since) for _, one in roles] == list(anew.roles.values())
