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
from esi.lab.reading import read_view
from esi.lab.touched import Place, everything, gone, touched
from esi.lab.view import NOTHING, Peering, Unit, View, VrrpGroup
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
        self._views: dict[str, View] = {}
        self.generation = 0
        self._seen: tuple[object, ...] = ()
        self._wiring = Wiring({}, (), frozenset())
        self._sessions: dict[Place, dict[str, BgpSession]] = {}
        self._roles: dict[Place, dict[int, VrrpRole]] = {}
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
        known, wiring = self._views, self._wiring
        self._views = {name: self._view(name, root) for name, root in roots.items()}
        views = {name: view for name, view in self._views.items() if name not in off}
        concerned = (touched if same_links else everything)(wiring.views, views)
        self._wiring = Wiring(views, self.segments, frozenset(self.cut))
        now = self.clock.monotonic()
        self._settle_sessions(now, concerned.instances)
        self._settle_roles(now, concerned.units)
        for name, view in self._views.items():
            before = known.get(name, NOTHING)
            self._meters[name].turn(now, self._states(name, before, wiring), gone(before, view))

    def _view(self, router: str, root: Node) -> View:
        known = self._views.get(router, NOTHING)
        return known if known.top is root else read_view(root, known)

    def _states(self, router: str, before: View, wiring: Wiring) -> Iterator[tuple[str, bool]]:
        """Ports that are not as before, and their units: all when the port went up or down, else those that changed."""
        for physical in self._views[router].physicals.values():
            port, known = Port(router, physical.name), before.physicals.get(physical.name)
            up = self._wiring.up(port)
            same = known is not None and up is wiring.up(port)
            if same and known is physical:
                continue
            yield physical.name, up
            for name in physical.changed if same else physical.units:
                if name in physical.units:
                    yield name, self._wiring.unit_up(router, physical.units[name])

    def meters(self, router: str) -> Meters:
        """A router's interface numbers and counters, as of now."""
        self.look()
        self._meters[router].look(self.clock.monotonic())
        return self._meters[router]

    def view(self, router: str) -> View:
        """What a router's running configuration says."""
        self.look()
        return self._views[router]

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
        for instance in sorted(self._views[router].instances):
            for session in self._sessions.get((router, instance), {}).values():
                self._tell(session, now)
                yield session

    def roles(self, router: str) -> Iterator[VrrpRole]:
        """A router's VRRP groups."""
        self.look()
        now = self.clock.monotonic()
        for unit in (unit for physical in self._views[router].physicals.values() for unit in physical.units):
            for role in self._roles.get((router, unit), {}).values():
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

    def _settle_sessions(self, now: float, concerned: Iterable[Place]) -> None:
        """`concerned`: the instances in which a session may stand differently."""
        for router, name in concerned:
            before = self._sessions.pop((router, name), {})
            view = self._wiring.views.get(router)
            instance = view.instances.get(name) if view is not None else None
            if instance is not None and instance.peerings:
                sessions = self._sessions[router, name] = {}
                for peering in instance.peerings:
                    sessions[peering.peer] = self._session(router, peering, before.get(peering.peer), now)

    def _session(self, router: str, peering: Peering, known: BgpSession | None, now: float) -> BgpSession:
        verdict = self._wiring.session(router, peering)
        if known is None:
            return BgpSession(peering, verdict, now)
        self._tell(known, now)
        known.peering = peering
        if known.verdict.word != verdict.word:
            known.flaps += known.state == ESTABLISHED
            known.since = now
        known.verdict = verdict
        return known

    def _settle_roles(self, now: float, concerned: Iterable[Place]) -> None:
        """`concerned`: the units whose groups may stand differently."""
        for router, name in concerned:
            before = self._roles.pop((router, name), {})
            view = self._wiring.views.get(router)
            unit = view.unit(name) if view is not None else None
            if unit is not None and unit.groups:
                roles = self._roles[router, name] = {}
                for group in unit.groups:
                    roles[group.number] = self._role(router, unit, group, before.get(group.number), now)

    def _role(self, router: str, unit: Unit, group: VrrpGroup, known: VrrpRole | None, now: float) -> VrrpRole:
        verdict = self._wiring.role(router, unit, group)
        same = known is not None and known.verdict.word == verdict.word
        return VrrpRole(unit, group, verdict, known.since if known is not None and same else now)
