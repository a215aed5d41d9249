"""A virtual JUNOS router without its network: an engine, and the sessions that are opened on it.

A session speaks plain methods, which a simulation of thousands of routers drives, or NETCONF requests (`handle`), which
the SSH server brings. Day-0 configurations come as text and must pass the router's own commit rules.
"""

from __future__ import annotations

import functools
from importlib import resources

from esi.clock import Clock
from esi.errors import ConfigError, TemplateError
from esi.lab.engine import Engine
from esi.lab.refusals import refusals
from esi.lab.rpc import answer
from esi.lab.session import LabSession
from esi.render.junos.reading import Reader
from esi.render.junos.secret9 import encode
from esi.render.junos.text import parse
from esi.render.junos.tree import Tree

_FIRST_SESSION = 4001


class Router(Engine):
    """One router. `day0` is CLI text, `commit_seconds` the time of a commit. Raises ConfigError for a bad `day0`."""

    def __init__(self, name: str, day0: str, clock: Clock, *, commit_seconds: float = 0.0) -> None:
        super().__init__(name, _first(day0).copy(), clock, commit_seconds=commit_seconds)
        self._next_session = _FIRST_SESSION

    def open(self, user: str) -> LabSession:
        """Begin a session. Its number is what lock errors name and kill-session takes."""
        session = LabSession(self, user, self._next_session, answer)
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
    """The day-0 configuration that comes with the lab: `mx1` (the secondary) or `mx2` (the primary)."""
    return resources.files(__package__).joinpath("day0", f"{name}.conf").read_text(encoding="utf-8")
