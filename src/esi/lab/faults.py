"""Breaking and healing a router: each kind of fault by its name, begun and ended by plain calls.

What a configuration can do is done by a configuration: a changed key is a commit on that router, a refusal follows from
what an operator committed there. Everything else turns a switch of the router's gate or of the topology.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from esi.errors import Invalid, Rejected
from esi.lab.engine import Engine
from esi.lab.gate import Drop
from esi.lab.session import LabSession
from esi.lab.topology import Topology
from esi.lab.wiring import Port
from esi.render.junos.printing import print_set

OPERATOR = "operator"
CLASS = "lab-denied"

KINDS: Mapping[str, str] = {
    "key": "the authentication-key of a neighbor is another one ([neighbor], all without)",
    "link": "a port has no signal ([port], ge-0/0/1 without)",
    "unreachable": "connections are cut, new ones and SNMP get no answer",
    "reboot": "off for some seconds, then back with the running configuration ([seconds], 30 without)",
    "reboot-unconfirmed": "the same, as soon as a commit waits for its confirmation, once",
    "slow-commit": "a commit takes some seconds ([seconds], 10 without)",
    "foreign-lock": "an operator holds the lock of the configuration",
    "drop-before-commit": "the session is cut when a commit arrives; nothing is committed",
    "drop-before-reply": "the session is cut after a commit; its reply is lost",
    "drop-after-reply": "the session is cut after the reply to a commit",
    "silent": "requests are taken and never answered, until healed",
    "malformed": "replies are cut in the middle and no XML",
    "warnings": "loads and commits say a warning beside ok",
    "refuse-load": "the login class of user [user] (esi) denies interfaces and routing-instances",
    "refuse-commit": "the login class of user [user] (esi) denies to commit",
    "undefined-group": "an operator has deleted the configuration group [group]",
}


@dataclass(frozen=True, slots=True)
class Broken:
    """A fault that lasts. `undo` are set commands that heal it, where it is one of the configuration."""

    kind: str
    operand: str
    undo: tuple[str, ...] = ()


class Faults:
    """The faults of one router. `open` begins a session past the gate."""

    def __init__(self, router: Engine, open: Callable[[str], LabSession], topology: Topology) -> None:
        self._router, self._open, self._topology = router, open, topology
        self._lasting: dict[str, Broken] = {}
        self._lock: LabSession | None = None
        self._commit_seconds = router.commit_seconds
        self._reboot_seconds: float | None = None
        router.watchers.append(self._committed)

    def lasting(self) -> list[Broken]:
        """What is broken now; what has healed by itself is not."""
        for kind in list(self._lasting):
            if self._healed(kind):
                del self._lasting[kind]
        return list(self._lasting.values())

    async def begin(self, kind: str, operand: str = "", *, times: int = 0) -> None:
        """Break. `times` ends a drop or malformed by itself after so many; 0 is until healed.

        Raises Invalid for an unknown kind or operand or what is broken already, Rejected when the router refuses.
        """
        if kind not in KINDS:
            raise Invalid(f"no fault {kind!r}; known: {', '.join(KINDS)}")
        if any(broken.kind == kind for broken in self.lasting()):
            raise Invalid(f"{self._router.name} has {kind} already: heal it first")
        if times and not (kind.startswith("drop-") or kind == "malformed"):
            raise Invalid(f"{kind} does not count")
        undo: tuple[str, ...] = ()
        if kind in ("key", "refuse-load", "refuse-commit", "undefined-group"):
            undo = await self._configure(kind, operand)
        else:
            self._switch(kind, operand, times)
        self._lasting[kind] = Broken(kind, operand, undo)
        self._topology.look()

    async def end(self, kind: str = "") -> list[str]:
        """Heal one kind, or everything. Gives the kinds that were healed; Rejected when the router refuses."""
        if kind and kind not in KINDS:
            raise Invalid(f"no fault {kind!r}; known: {', '.join(KINDS)}")
        healed = []
        for broken in self.lasting():
            if kind in ("", broken.kind):
                if broken.undo:
                    await self._commit(broken.undo)
                self._restore(broken)
                del self._lasting[broken.kind]
                healed.append(broken.kind)
        self._topology.look()
        return healed

    # -- switches -------------------------------------------------------------------------------------------------

    def _switch(self, kind: str, operand: str, times: int) -> None:
        gate = self._router.gate
        if times:
            gate.times["drop" if kind.startswith("drop-") else kind] = times
        if kind == "link":
            self._topology.cut.add(self._port(operand))
        elif kind == "slow-commit":
            self._router.commit_seconds = _seconds(operand or "10")
        elif kind == "foreign-lock":
            self._take_lock()
        elif kind.startswith("drop-"):
            gate.drop = _drop(kind)
        elif kind in ("silent", "malformed", "warnings"):
            setattr(gate, kind, True)
        elif kind == "reboot":
            self._fall(_seconds(operand or "30"))
        elif kind == "reboot-unconfirmed":
            self._reboot_seconds = _seconds(operand or "30")
        else:
            gate.unreachable = True
            self._end_sessions()

    def _restore(self, broken: Broken) -> None:
        gate = self._router.gate
        if broken.kind == "link":
            self._topology.cut.discard(self._port(broken.operand))
        elif broken.kind == "slow-commit":
            self._router.commit_seconds = self._commit_seconds
        elif broken.kind == "foreign-lock" and self._lock is not None:
            self._lock.close()
        elif broken.kind.startswith("drop-"):
            gate.drop = ""
            gate.times.pop("drop", None)
        elif broken.kind in ("silent", "malformed", "warnings", "unreachable"):
            setattr(gate, broken.kind, False)
            gate.times.pop(broken.kind, None)
        elif broken.kind.startswith("reboot"):
            gate.off_until, self._reboot_seconds = float("-inf"), None
        if gate.reachable(self._router.clock.monotonic()):
            gate.open()

    def _healed(self, kind: str) -> bool:
        gate = self._router.gate
        if kind == "foreign-lock":
            return self._lock is None or not self._lock.open
        if kind.startswith("drop-"):
            return gate.drop != kind.removeprefix("drop-")
        if kind == "malformed":
            return not gate.malformed
        powered = gate.powered(self._router.clock.monotonic())
        return kind.startswith("reboot") and powered and self._reboot_seconds is None

    def _port(self, operand: str) -> Port:
        name = operand or "ge-0/0/1"
        if name not in self._topology.view(self._router.name).physicals:
            raise Invalid(f"{self._router.name} has no port {name}")
        return Port(self._router.name, name)

    def _take_lock(self) -> None:
        session = self._open(OPERATOR)
        try:
            session.lock()
        except Rejected:
            session.close()
            raise
        self._lock = session

    def _committed(self) -> None:
        seconds = self._reboot_seconds
        if seconds is not None and self._router.history.pending is not None:
            self._reboot_seconds = None
            self._fall(seconds)

    def _fall(self, seconds: float) -> None:
        """A power cut: sessions, lock and candidate are gone, and a commit that waits for its confirmation."""
        self._router.gate.off_until = self._router.clock.monotonic() + seconds
        self._end_sessions()
        self._router.history.roll_back(self._router.clock.now())
        self._router.discard()
        self._router.begun = self._router.gate.off_until

    def _end_sessions(self) -> None:
        self._router.gate.cut()
        for session in list(self._router.sessions.values()):
            session.close()

    # -- configurations -------------------------------------------------------------------------------------------

    async def _configure(self, kind: str, operand: str) -> tuple[str, ...]:
        """Commit what breaks; gives the commands that undo it."""
        if kind == "key":
            commands, undo = self._keys(operand)
        elif kind == "undefined-group":
            commands, undo = self._group(operand)
        else:
            user = operand or "esi"
            what = "deny-configuration" if kind == "refuse-load" else "deny-commands"
            words = '"interfaces|routing-instances"' if kind == "refuse-load" else '"commit"'
            if self._login(user) not in ("", CLASS):
                raise Invalid(f"{user} has the class {self._login(user)} already")
            commands = [
                f"set system login class {CLASS} permissions all",
                f"set system login class {CLASS} {what} {words}",
                f"set system login user {user} class {CLASS}",
            ]
            known = self._router.running.root.get("system", "login", ("user", user))
            undo = [
                f"delete system login user {user}{' class' if known is not None else ''}",
                f"delete system login class {CLASS}",
            ]
        await self._commit(commands)
        return tuple(undo)

    def _login(self, user: str) -> str:
        found = self._router.running.root.get("system", "login", ("user", user))
        return found.text("class") if found is not None else ""

    def _keys(self, operand: str) -> tuple[list[str], list[str]]:
        commands, undo = [], []
        for line in _lines(self._router):
            words = line.split()
            at = words.index("neighbor") + 1 if "neighbor" in words else 0
            if at and words[0] == "set" and "authentication-key" in words and operand in ("", words[at]):
                place = " ".join(words[1 : words.index("authentication-key")])
                commands.append(f'set {place} authentication-key "broken by the lab"')
                undo.append(line)
        if not commands:
            raise Invalid(f"{self._router.name} has no key for {operand or 'any neighbor'}")
        return commands, undo

    def _group(self, operand: str) -> tuple[list[str], list[str]]:
        undo = [line for line in _lines(self._router) if operand and line.startswith(f"set groups {operand} ")]
        if not undo:
            raise Invalid(f"{self._router.name} has no group {operand!r}")
        return [f"delete groups {operand}"], undo

    async def _commit(self, commands: list[str] | tuple[str, ...]) -> None:
        session = self._open(OPERATOR)
        try:
            session.lock()
            session.load_text("set", "\n".join(commands))
            await session.commit("the lab breaks and heals")
        finally:
            session.close()


def _lines(router: Engine) -> list[str]:
    return list(print_set(router.running.root))


def _drop(kind: str) -> Drop:
    found: Drop = next(one for one in get_args(Drop) if one == kind.removeprefix("drop-"))
    return found


def _seconds(operand: str) -> float:
    try:
        seconds = float(operand)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise Invalid(f"{operand!r} is no number of seconds")
    return seconds
