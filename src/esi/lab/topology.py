"""The routers of a lab beside each other: what stands between them over time.

Whenever a running configuration or a link changes, what that can concern (`touched`) is decided anew (`wiring`); what
agrees counts as up `settle_seconds` later by the clock, what ceases to agree is down at once and counts as a flap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from esi.clock import Clock
from esi.lab.engine import Engine
from esi.lab.meters import Meters
from esi.lab.touched import Place, touched
from esi.lab.view import NOTHING, Peering, Unit, View, VrrpGroup, read_view
from esi.lab.wiring import ESTABLISHED, Port, Segment, Verdict, Wiring
from esi.render.junos.tree import Node


@dataclass(slots=True)
class BgpSession:
    """One side of a session. `state` and `seconds` (in that state) are of the moment of asking."""

    peering: Peering
    verdict: Verdict
    since: float
    flaps: int = 0
    state: str = "Idle"
    seconds: float = 0.0


@dataclass(slots=True)
class VrrpRole:
    """A router's place in a VRRP group, at the moment of asking."""

    unit: Unit
    group: VrrpGroup
    verdict: Verdict
    since: float
    state: str = "init"


class Topology:
    """Routers and the segments that connect them. A router that joins no other's topology has one alone."""

    def __init__(self, clock: Clock, segments: Sequence[Segment] = (), *, settle_seconds: float = 0.0) -> None:
        self.clock = clock
        self.settle_seconds = settle_seconds
        self.segments = tuple(segments)
        self.routers: dict[str, Engine] = {}
        self.cut: set[Port] = set()
        self._views: dict[str, tuple[Node, View]] = {}
        self.generation = 0
        self._seen: tuple[object, ...] = ()
        self._wiring = Wiring({}, (), frozenset())
        self._sessions: dict[tuple[str, str, str], BgpSession] = {}
        self._roles: dict[tuple[str, str, int], VrrpRole] = {}
        self._meters: dict[str, Meters] = {}

    def join(self, router: Engine) -> None:
        """Put a router into this topology; it tells its commits from now on."""
        self.routers[router.name] = router
        self._meters[router.name] = Meters(router.name)
        router.watchers.append(self.look)

    def look(self) -> None:
        """Decide anew what stands, if anything has changed since the last look."""
        roots = {name: router.running.root for name, router in self.routers.items()}
        off = frozenset(
            name for name, router in self.routers.items() if not router.gate.powered(self.clock.monotonic())
        )
        seen = (roots, frozenset(self.cut), off)
        if seen == self._seen:
            return
        same_links = seen[1:] == self._seen[1:]
        self._seen = seen
        self.generation += 1
        for name, root in roots.items():
            before = self._views.get(name)
            if before is None or before[0] is not root:
                self._views[name] = (root, read_view(root, before[1] if before is not None else NOTHING))
        views = {name: view for name, (_, view) in self._views.items() if name not in off}
        concerned = touched(self._wiring.views, views) if same_links else None
        self._wiring = Wiring(views, self.segments, frozenset(self.cut))
        now = self.clock.monotonic()
        self._settle_sessions(now, concerned)
        self._settle_roles(now)
        for name in self.routers:
            self._meters[name].turn(now, self._states(name))

    def _states(self, router: str) -> Iterator[tuple[str, bool]]:
        for physical in self._views[router][1].physicals.values():
            yield physical.name, self._wiring.up(Port(router, physical.name))
            for unit in physical.units.values():
                yield unit.name, self._wiring.unit_up(router, unit)

    def meters(self, router: str) -> Meters:
        """A router's interface numbers and counters, as of now."""
        self.look()
        self._meters[router].look(self.clock.monotonic())
        return self._meters[router]

    def view(self, router: str) -> View:
        """What a router's running configuration says."""
        self.look()
        return self._views[router][1]

    def up(self, router: str, name: str) -> bool:
        """Whether a port or unit is operational."""
        self.look()
        if "." not in name:
            return self._wiring.up(Port(router, name))
        unit = self.view(router).unit(name)
        return unit is not None and self._wiring.unit_up(router, unit)

    def sessions(self, router: str) -> Iterator[BgpSession]:
        """A router's BGP sessions, by instance in the order of its configuration."""
        self.look()
        now = self.clock.monotonic()
        for (name, _, _), session in self._sessions.items():
            if name == router:
                self._tell(session, now)
                yield session

    def roles(self, router: str) -> Iterator[VrrpRole]:
        """A router's VRRP groups."""
        self.look()
        now = self.clock.monotonic()
        for (name, _, _), role in self._roles.items():
            if name == router:
                settled = role.verdict.word != "master" or now - role.since >= self.settle_seconds
                role.state = role.verdict.word if settled else "backup"
                yield role

    def _tell(self, session: BgpSession, now: float) -> None:
        waited = now - session.since
        if session.verdict.word != ESTABLISHED:
            session.state, session.seconds = session.verdict.word, waited
        elif waited < self.settle_seconds:
            session.state, session.seconds = "Connect", waited
        else:
            session.state, session.seconds = ESTABLISHED, waited - self.settle_seconds

    def _settle_sessions(self, now: float, concerned: set[Place] | None) -> None:
        """`concerned`: where a session may stand differently; None: everywhere."""
        before, self._sessions = self._sessions, {}
        for router, peering in self._peerings():
            key = (router, peering.instance, peering.peer)
            known = before.get(key)
            if known is not None and concerned is not None and (router, peering.instance) not in concerned:
                known.peering = peering
                self._sessions[key] = known
                continue
            verdict = self._wiring.session(router, peering)
            if known is None:
                self._sessions[key] = BgpSession(peering, verdict, now)
                continue
            self._tell(known, now)
            self._sessions[key] = known
            known.peering = peering
            if known.verdict.word != verdict.word:
                known.flaps += known.state == ESTABLISHED
                known.since = now
            known.verdict = verdict

    def _peerings(self) -> Iterable[tuple[str, Peering]]:
        for router, view in self._wiring.views.items():
            for name in sorted(view.instances):
                for peering in view.instances[name].peerings:
                    yield router, peering

    def _settle_roles(self, now: float) -> None:
        before, self._roles = self._roles, {}
        for router, view in self._wiring.views.items():
            for unit in (unit for physical in view.physicals.values() for unit in physical.units.values()):
                for group in unit.groups:
                    verdict = self._wiring.role(router, unit, group)
                    key = (router, unit.name, group.number)
                    known = before.get(key)
                    same = known is not None and known.verdict.word == verdict.word
                    self._roles[key] = VrrpRole(unit, group, verdict, known.since if known and same else now)
