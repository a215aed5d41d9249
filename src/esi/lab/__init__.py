"""The lab: virtual JUNOS routers that behave like real ones, so that everything can be tried on one machine.

In: NETCONF over SSH and SNMP from any client, faults by the control door, or plain method calls from a simulation.
Out: replies as JUNOS words them; nothing else leaves.
Owns: the routers' configurations, their locks and commit logs, the links between them; no key, no table.
Killed at any moment: the routers begin again with their day-0 configuration.
"""

from esi.lab.router import Router, day0, segments
from esi.lab.serving import LabDevice, Served, serve
from esi.lab.session import LabSession
from esi.lab.topology import Topology
from esi.lab.words import Fault, Refused

__all__ = ["Fault", "LabDevice", "LabSession", "Refused", "Router", "Served", "Topology", "day0", "segments", "serve"]
