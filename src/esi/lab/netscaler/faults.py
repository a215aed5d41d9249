"""What can go wrong with an appliance, by name: begun and ended by plain calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from esi.errors import Invalid

KINDS: Mapping[str, str] = {
    "unreachable": "connections are cut without an answer, SNMP is silent",
    "reboot": "off for some seconds, then back with the saved configuration ([seconds], 30 without)",
    "slow": "every answer takes some seconds ([seconds], 5 without)",
    "error-after": "a change is done, then answered with 500 and a page that is no NITRO ([times])",
    "drop-after": "a change is done, then the connection is cut ([times])",
    "forget": "every session is forgotten, once",
    "refuse": "additions and changes of a resource are refused for want of space ([resource], all without)",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that lasts; `times` of it are left, 0 is until healed."""

    kind: str
    operand: str = ""
    times: int = 0


class Faults:
    """The faults of one appliance. `reboot` and `forget` do what they say."""

    def __init__(self, name: str, *, reboot: Callable[[float], None], forget: Callable[[], None]) -> None:
        self._name = name
        self._reboot = reboot
        self._forget = forget
        self._lasting: dict[str, Fault] = {}

    def lasting(self) -> list[Fault]:
        return list(self._lasting.values())

    async def begin(self, kind: str, operand: str = "", *, times: int = 0) -> None:
        """Break. Raises Invalid for what cannot be broken, or is already."""
        if kind not in KINDS:
            raise Invalid(f"no fault {kind!r} of an appliance; known: {', '.join(KINDS)}")
        if kind in self._lasting:
            raise Invalid(f"{self._name} has {kind} already: heal it first")
        if kind == "reboot":
            self._reboot(_seconds(operand, 30.0))
        elif kind == "forget":
            self._forget()
        else:
            if kind == "slow":
                _seconds(operand, 5.0)
            self._lasting[kind] = Fault(kind, operand, times)

    async def end(self, kind: str = "") -> list[str]:
        """Heal one kind, or everything. Gives what was healed."""
        if kind and kind not in KINDS:
            raise Invalid(f"no fault {kind!r} of an appliance; known: {', '.join(KINDS)}")
        healed = [one for one in self._lasting if kind in ("", one)]
        for one in healed:
            del self._lasting[one]
        return healed

    def slow_seconds(self) -> float:
        fault = self._lasting.get("slow")
        return _seconds(fault.operand, 5.0) if fault is not None else 0.0

    def is_on(self, kind: str) -> bool:
        return kind in self._lasting

    def refuses(self, resource: str) -> bool:
        fault = self._lasting.get("refuse")
        return fault is not None and fault.operand.lower() in ("", resource.lower())

    def spend(self, kind: str) -> bool:
        """Whether this fault happens now; one that counts has happened once more."""
        fault = self._lasting.get(kind)
        if fault is None:
            return False
        if fault.times == 1:
            del self._lasting[kind]
        elif fault.times:
            self._lasting[kind] = Fault(kind, fault.operand, fault.times - 1)
        return True


def _seconds(text: str, usual: float) -> float:
    try:
        return float(text) if text else usual
    except ValueError:
        raise Invalid(f"{text!r} is not a number of seconds") from None
