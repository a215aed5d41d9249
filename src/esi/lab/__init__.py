"""The lab: virtual JUNOS routers that behave like real ones, so that everything can be tried on one machine.

In: NETCONF over SSH from any client, or plain method calls from a simulation.
Out: replies as JUNOS words them; nothing else leaves.
Owns: the routers' configurations, their locks and commit logs; no key, no table.
Killed at any moment: the routers begin again with their day-0 configuration.
"""

from esi.lab.router import Router, day0
from esi.lab.serving import LabDevice, Served, serve
from esi.lab.session import LabSession
from esi.lab.words import Fault, Refused

__all__ = ["Fault", "LabDevice", "LabSession", "Refused", "Router", "Served", "day0", "serve"]
