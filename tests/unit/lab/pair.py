"""The lab's three routers in one topology, with the seed's services on the pair."""

from __future__ import annotations

from esi.clock import Clock
from esi.lab import Router, day0
from esi.lab.router import segments
from esi.lab.topology import BgpSession, Topology
from unit.lab.conftest import MX1, MX2, Side

SETTLE = 5.0
VRF = "vrf_gw_sample-ha-router-downlink_1025"


class Trio:
    """The pair and the customer's router; `settle` in seconds."""

    def __init__(self, clock: Clock, *, settle: float = SETTLE) -> None:
        self.topology = Topology(clock, segments("mx1", "mx2", "ce1"), settle_seconds=settle)
        self.mx1, self.mx2, self.ce1 = (
            Router(name, day0(name), clock, topology=self.topology) for name in ("mx1", "mx2", "ce1")
        )

    async def serve_customer(self) -> None:
        """The recorded gateway and interface on both edge routers."""
        for router, side in ((self.mx1, MX1), (self.mx2, MX2)):
            await commit(router, service(side))

    def session(self, router: Router, peer: str) -> BgpSession:
        return next(one for one in self.topology.sessions(router.name) if one.peering.peer == peer)

    def states(self) -> list[str]:
        """Of the two sessions, seen from the pair and from the customer."""
        return [
            self.session(router, peer).state
            for router, peer in (
                (self.mx2, "192.168.8.1"),
                (self.mx1, "192.168.8.5"),
                (self.ce1, "192.168.8.2"),
                (self.ce1, "192.168.8.6"),
            )
        ]

    def states_of_the_other(self) -> list[str]:
        """Of the session with mx1, from both ends."""
        return [self.session(self.mx1, "192.168.8.5").state, self.session(self.ce1, "192.168.8.6").state]


def service(side: Side) -> str:
    return side.gateway() + side.interface()


async def commit(router: Router, text: str, action: str = "merge") -> None:
    """Load and commit as an operator does."""
    session = router.open("operator")
    session.lock()
    session.load_text(action, text)
    await session.commit()
    session.close()
