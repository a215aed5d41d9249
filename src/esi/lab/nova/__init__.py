"""The lab's Nova: servers with ports, for unchanged clients and for our own stacks.

servers    what a server is, and what may be done to it in which state
neutron    what Nova asks of Neutron, in Nova's order; in this ring Neutron is the API itself
bodies     what Nova's answers look like
host       the work that goes on behind an answer
api, routes   requests in, answers out
cloud      the way to Neutron over HTTP, as a service user of Keystone

It behaves as the Nova of the recorded system did: a port that leaves a server is deleted in Neutron, whoever made it.
Nothing runs in a server, unless its image is an appliance's: then the lab boots one. Nothing is kept on disk.
"""

from esi.lab.nova.api import Nova
from esi.lab.nova.host import Machine, Pace, World
from esi.lab.nova.servers import FLAVORS

__all__ = ["FLAVORS", "Machine", "Nova", "Pace", "World"]
