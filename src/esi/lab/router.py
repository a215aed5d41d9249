"""A virtual JUNOS router without its network: an engine, and the sessions that are opened on it.

A session speaks plain methods, which a simulation of thousands of routers drives, or NETCONF requests (`handle`), which
the SSH server brings. Day-0 configurations come as text and must pass the router's own commit rules.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib import resources

from esi.clock import Clock
from esi.errors import ConfigError, TemplateError, Unreachable
from esi.lab.engine import Engine
from esi.lab.faults import Faults
from esi.lab.refusals import refusals
from esi.lab.rpc import answer
from esi.lab.session import LabSession
from esi.lab.topology import Topology
from esi.lab.wiring import Port, Segment
from esi.render.junos.reading import Reader
from esi.render.junos.secret9 import encode
from esi.render.junos.text import parse
from esi.render.junos.tree import Tree

_FIRST_SESSION = 4001


class Router(Engine):
    """One router. `day0` is CLI text, `commit_seconds` the time of a commit. Raises ConfigError for a bad `day0`.

    `topology` is who stands beside it; without one it stands alone. `faults` breaks and heals it.
    """

    def __init__(
        self, name: str, day0: str, clock: Clock, *, commit_seconds: float = 0.0, topology: Topology | None = None
    ) -> None:
        super().__init__(name, _first(day0).copy(), clock, commit_seconds=commit_seconds)
        self._next_session = _FIRST_SESSION
        self.topology = topology if topology is not None else Topology(clock)
        self.topology.join(self)
        self.faults = Faults(self, self._begin, self.topology)
        self._answer = functools.partial(answer, topology=self.topology)

    def open(self, user: str) -> LabSession:
        """Begin a session. Its number is what lock errors name and kill-session takes. Raises Unreachable."""
        if not self.gate.reachable(self.clock.monotonic()):
            raise Unreachable(f"{self.name} does not answer")
        return self._begin(user)

    def _begin(self, user: str) -> LabSession:
        session = LabSession(self, user, self._next_session, self._answer)
        self._next_session += 1
        self.sessions[session.number] = session
        return session


@functools.lru_cache(maxsize=64)
def _first(text: str) -> Tree:
    """Read a day-0 configuration once for all routers that begin with it."""
    tree = Tree()
    reader = Reader(tree, encode=functools.partial(encode, seed="day0"))
    try:
        reader.load(parse(text, where="day0"))
    except TemplateError as error:
        raise ConfigError(str(error)) from error
    faults = [str(error) for error in reader.errors] or [fault.message for fault in refusals(tree)]
    if faults:
        raise ConfigError([f"day0: {fault}" for fault in faults])
    return tree


def day0(name: str) -> str:
    """The day-0 configuration that comes with the lab: `mx1` (the secondary), `mx2` (the primary), `ce1` (customer)."""
    return resources.files(__package__).joinpath("day0", f"{name}.conf").read_text(encoding="utf-8")


def segments(mx1: str, mx2: str, ce1: str) -> Sequence[Segment]:
    """How the lab's three routers are connected, by their names: two cables to the customer, one access network."""
    return (
        Segment((Port(mx2, "ge-0/0/1"), Port(ce1, "ge-0/0/1"))),
        Segment((Port(mx1, "ge-0/0/1"), Port(ce1, "ge-0/0/2"))),
        Segment((Port(mx2, "ae0"), Port(mx1, "ae0")), switch=True),
    )
