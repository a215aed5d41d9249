"""JUNOS over NETCONF: the driver, its sessions, and what edits become on the wire.

driver    inventory, dialling, counting
session   the verbs of the owner's cycle as RPCs, and the device's words as our errors
edits     edits to RPCs: text printed from a tree, removals as XML; secrets in their stored form
"""

from __future__ import annotations

from esi.drivers.endpoint import Endpoint, Timeouts
from esi.drivers.junos.driver import JunosDriver
from esi.drivers.junos.session import JunosSession

__all__ = ["Endpoint", "JunosDriver", "JunosSession", "Timeouts"]
