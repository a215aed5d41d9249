"""A commit decides anew only what it can concern, and that is the same as deciding everything anew."""

from __future__ import annotations

from random import Random

import pytest

from esi.lab import Router
from esi.lab.touched import touched
from esi.lab.wiring import Wiring
from esi.lab.words import Refused
from esi.testing.clocks import HandClock
from unit.lab.pair import VRF, Trio, commit

ANYWHERE = (
    "set interfaces ge-0/0/1 unit 122 vlan-id {vlan}",
    "set interfaces ge-0/0/1 unit 122 disable",
    "delete interfaces ge-0/0/1 unit 122 disable",
    "set interfaces ge-0/0/1 disable",
    "delete interfaces ge-0/0/1 disable",
    "delete interfaces ge-0/0/1 unit 122",
    "set interfaces ge-0/0/2 unit 122 description moved",
)
OF_CUSTOMER = (
    *ANYWHERE,
    'set protocols bgp group provider neighbor 192.168.8.2 authentication-key "key{vlan}"',
    "set protocols bgp group provider peer-as 65{vlan}",
    "delete protocols bgp group provider neighbor 192.168.8.2",
    "set protocols bgp group provider neighbor 192.168.8.2",
    "deactivate protocols bgp",
    "activate protocols bgp",
    "set routing-options autonomous-system 9{vlan}",
    "set interfaces ge-0/0/1 unit 122 family inet address 192.168.8.1/30",
    "set routing-instances site instance-type virtual-router\nset routing-instances site interface ge-0/0/1.122",
    "delete routing-instances site",
)
OF_EDGE = (
    *ANYWHERE,
    f"delete routing-instances {VRF} interface ge-0/0/1.122",
    f"set routing-instances {VRF} interface ge-0/0/1.122",
    f"delete routing-instances {VRF} protocols bgp",
    f"deactivate routing-instances {VRF}",
    f"activate routing-instances {VRF}",
)


async def change(router: Router, lines: str) -> bool:
    """Whether the router took it."""
    session = router.open("operator")
    try:
        session.load_text("set", lines)
        await session.commit()
    except Refused:
        return False
    finally:
        session.discard()
        session.close()
    return True


@pytest.mark.parametrize("seed", range(12))
async def test_it_is_what_deciding_everything_anew_would_give(clock: HandClock, seed: int) -> None:
    rng, trio = Random(seed), Trio(clock)
    await trio.serve_customer()
    taken = 0
    for _ in range(40):
        router = rng.choice([trio.mx1, trio.mx2, trio.ce1])
        line = rng.choice(OF_CUSTOMER if router is trio.ce1 else OF_EDGE).format(vlan=rng.choice([122, 123, 200]))
        if rng.random() < 0.1:
            await trio.serve_customer()
        taken += await change(router, line)
        names = list(trio.topology.routers)
        views = {name: trio.topology.view(name) for name in names}
        anew = Wiring(views, trio.topology.segments, frozenset(trio.topology.cut))
        for name in names:
            for session in trio.topology.sessions(name):
                assert session.verdict == anew.session(name, session.peering), line
            peerings = [one for instance in views[name].instances.values() for one in instance.peerings]
            assert {id(one.peering) for one in trio.topology.sessions(name)} == set(map(id, peerings))
    assert taken > 10


async def test_a_unit_in_a_vlan_of_its_own_concerns_no_session(clock: HandClock) -> None:
    trio = Trio(clock)
    await trio.serve_customer()
    before = {name: trio.topology.view(name) for name in trio.topology.routers}
    await commit(trio.mx2, "set interfaces ge-0/0/1 unit 7 vlan-id 7", "set")
    after = {name: trio.topology.view(name) for name in trio.topology.routers}
    assert touched(before, after) == ({("mx2", "master")}, {("mx2", "ge-0/0/1.7")})
    await commit(trio.mx1, f"delete routing-instances {VRF} interface ge-0/0/1.122", "set")
    assert touched(after, {name: trio.topology.view(name) for name in after}).instances >= {("mx1", VRF)}
