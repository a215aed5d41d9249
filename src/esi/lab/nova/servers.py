"""Servers and flavors: what is known of each, and which action is possible in which state."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ACTIVE, STOPPED, BUILDING, ERROR = "active", "stopped", "building", "error"
"""vm_state."""

STATUS: Mapping[str, str] = {ACTIVE: "ACTIVE", STOPPED: "SHUTOFF", BUILDING: "BUILD", ERROR: "ERROR"}
TASK_STATUS: Mapping[str, str] = {"rebooting": "REBOOT", "rebooting_hard": "HARD_REBOOT"}
POWER: Mapping[str, int] = {ACTIVE: 1, STOPPED: 4}

POSSIBLE: Mapping[str, frozenset[str]] = {
    "stop": frozenset({ACTIVE, ERROR}),
    "start": frozenset({STOPPED}),
    "reboot": frozenset({ACTIVE, STOPPED}),
    "attach_interface": frozenset({ACTIVE, STOPPED}),
    "detach_interface": frozenset({ACTIVE, STOPPED}),
}


@dataclass(frozen=True, slots=True)
class Flavor:
    id: str
    name: str
    ram: int
    disk: int
    vcpus: int


FLAVORS = (
    Flavor("1", "m1.tiny", 512, 1, 1),
    Flavor("2", "m1.small", 2048, 20, 1),
    Flavor("3", "m1.medium", 4096, 40, 2),
    Flavor("4", "m1.large", 8192, 80, 4),
    Flavor("5", "m1.xlarge", 16384, 160, 8),
)
"""Those that every Nova used to begin with."""


def flavor(id: str) -> Flavor | None:
    return next((one for one in FLAVORS if one.id == id), None)


@dataclass(slots=True)
class Server:
    """`nics` are the ports as Neutron told them last, in the order of the server's slots. `plugged` are the ports of
    which Neutron has said so; `news` is set when it says something.
    """

    id: str
    tenant: str
    user: str
    name: str
    flavor: Flavor
    image: str
    created: float
    zone: str = "nova"
    metadata: dict[str, str] = field(default_factory=dict)
    config_drive: bool = False
    vm: str = BUILDING
    task: str = "scheduling"
    fault: str = ""
    updated: float = 0.0
    nics: list[dict[str, Any]] = field(default_factory=list)
    plugged: set[str] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def status(self) -> str:
        return TASK_STATUS.get(self.task, STATUS[self.vm])

    @property
    def address(self) -> str:
        """The first address of the first slot."""
        fixed = self.nics[0].get("fixed_ips") if self.nics else None
        return str(fixed[0]["ip_address"]) if fixed else ""

    def obstacle(self, action: str) -> str:
        """Why an action is not possible now; "" when it is."""
        if self.task:
            return f"Cannot '{action}' instance {self.id} while it is in task_state {self.task}"
        if self.vm not in POSSIBLE[action]:
            return f"Cannot '{action}' instance {self.id} while it is in vm_state {self.vm}"
        return ""
