"""One appliance, without a network: power, what runs, what was saved, and the answer to one NITRO request.

What was not saved is lost when it starts again; files lie on its disk at once. A licence file counts after a start.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from esi.clock import Clock
from esi.lab.netscaler import codes
from esi.lab.netscaler.codes import Refused
from esi.lab.netscaler.faults import Faults
from esi.lab.netscaler.kinds import KINDS, Fields
from esi.lab.netscaler.load import Load
from esi.lab.netscaler.rows import Rows
from esi.lab.netscaler.rules import LICENCES
from esi.lab.netscaler.sessions import Sessions

VERSION = "NetScaler NS10.5: Build 57.7.nc, Date: May 14 2015, 03:48:18"
PORTS = ("0/1", "1/1", "1/2")
FACTORY = {"nsroot": "nsroot", "vlbadmin": "password"}
"""The logins of the image. Data of the lab, not secrets."""


@dataclass(frozen=True)
class Image:
    """What an appliance is made from. `ip` is its management address; `insists`: factory passwords must be changed;
    `pooled`: it knows nscapacity, which old releases do not; `boot_seconds`: how long it is away when it starts;
    `licence_seconds`: how much later it knows its licence.
    """

    ip: str
    netmask: str = "255.255.255.0"
    gateway: str = ""
    ports: tuple[str, ...] = PORTS
    passwords: Mapping[str, str] = field(default_factory=lambda: FACTORY, repr=False)
    insists: bool = False
    pooled: bool = True
    boot_seconds: float = 1.0
    licence_seconds: float = 0.0


class Netscaler:
    """The appliance. `listeners` hear when it goes away, to cut who is connected."""

    def __init__(self, image: Image, clock: Clock) -> None:
        self.image = image
        self.clock = clock
        self.rows = _factory(image)
        self.saved = self.rows.copy()
        self.sessions = Sessions(clock, image.passwords, insists=image.insists)
        self.load = Load(image.ip, clock)
        self.faults = Faults(image.ip, reboot=self.restart, forget=self.sessions.end)
        self.listeners: list[Callable[[], None]] = []
        self.answered = 0
        self.powered = True
        self._up_at = clock.monotonic()
        self._licensed: Fields = {}
        self.turn_ports()

    # -- power ----------------------------------------------------------------------------------------------------

    def reachable(self) -> bool:
        return self.powered and not self.faults.is_on("unreachable") and self.clock.monotonic() >= self._up_at

    def restart(self, seconds: float | None = None) -> None:
        """Away for a moment, then back with what was saved."""
        files = self.rows.of("systemfile")
        self.rows = self.saved.copy()
        for file in self.rows.of("systemfile"):
            self.rows.drop("systemfile", file["filename"], file["filelocation"])
        for file in files:
            self.rows.put("systemfile", file)
        self.sessions.end()
        self._up_at = self.clock.monotonic() + (self.image.boot_seconds if seconds is None else seconds)
        self._licensed = self._read_licence()
        self.load.restart()
        self.turn_ports()
        for listener in self.listeners:
            listener()

    def power(self, on: bool, ports: tuple[str, ...] = ()) -> None:
        """Switch it on or off. `ports` are those that it finds when it is switched on; none: those that it had."""
        self.powered = on
        if not on:
            for listener in self.listeners:
                listener()
            return
        had = {str(row["id"]) for row in self.saved.of("Interface")}
        for name in ports:
            if name not in had:
                self.saved.put("Interface", {"id": name, "state": "ENABLED"})
        for name in had.difference(ports) if ports else ():
            for bound in list(self.saved.matching("vlan_interface_binding", ifnum=name)):
                self.saved.drop("vlan_interface_binding", bound["id"], name)
            self.saved.drop("Interface", name)
        self.restart()

    def _read_licence(self) -> Fields:
        for file in self.rows.matching("systemfile", filelocation=LICENCES):
            content = base64.b64decode(file["filecontent"])
            if file["filename"].endswith(".lic") and (content.startswith(b"LA-") or b"INCREMENT " in content):
                return {"edition": "Standard", "bandwidth": 1000} | self.rows.capacity
        return {}

    # -- what it shows --------------------------------------------------------------------------------------------

    def licence(self) -> Fields:
        known = self._licensed if self.clock.monotonic() >= self._up_at + self.image.licence_seconds else {}
        edition = known.get("edition", "")
        return {
            **{name: bool(known) for name in ("lb", "cs", "ssl", "wl")},
            "gslb": edition in ("Enterprise", "Platinum"),
            "isstandardlic": edition == "Standard",
            "isenterpriselic": edition == "Enterprise",
            "isplatinumlic": edition == "Platinum",
            "modelid": str(known.get("bandwidth", 0)),
        }

    def changed(self) -> bool:
        """Whether anything runs that is not saved."""
        return not self.rows.same_as(self.saved)

    def save(self) -> None:
        self.saved = self.rows.copy()

    def turn_ports(self) -> None:
        """The ports' meters follow their state."""
        self.load.turn((row["id"], row["state"] == "ENABLED") for row in self.rows.of("Interface"))

    def port_up(self, name: str) -> bool:
        row = self.rows.get("Interface", name)
        return row is not None and row["state"] == "ENABLED"


def _factory(image: Image) -> Rows:
    rows = Rows()
    for name in image.ports:
        rows.put("Interface", {"id": name, "state": "ENABLED"})
    nsip = {"ipaddress": image.ip, "netmask": image.netmask, "type": "NSIP", "mgmtaccess": "ENABLED"}
    rows.put("nsip", nsip)
    rows.put("vlan", {"id": 1})
    if image.gateway:
        route = {"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": image.gateway}
        rows.put("route", KINDS["route"].checked(route, whole=True))
    for name, password in image.passwords.items():
        user = {"username": name, "password": password, "externalauth": "ENABLED", "maxsession": 20}
        rows.put("systemuser", user)
        if name != "nsroot":
            bound = {"username": name, "policyname": "superuser", "priority": 100}
            rows.put("systemuser_systemcmdpolicy_binding", bound)
    return rows


@dataclass(frozen=True, slots=True)
class Asked:
    """One HTTP request, as it came: `target` is path and query, still quoted."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. No `body`: the connection is cut without one."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def refusal(refused: Refused) -> Answer:
    return Answer(refused.status, refused.body())


def done(more: Mapping[str, Any] | None = None, status: int = 200) -> Answer:
    return Answer(status, {"errorcode": codes.DONE, "message": "Done", "severity": "NONE", **(more or {})})
