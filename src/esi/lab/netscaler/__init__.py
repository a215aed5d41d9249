"""The lab's load balancer appliance: a NetScaler as far as NITRO and SNMP show one, with what runs and what was saved.

codes        what it says when it refuses
fields       what a field may hold            kinds    its resources, their keys and verbs
rows         what is configured               rules    what must hold between rows
sessions     who is logged in, who may what   load     its counters, made up by the clock
appliance    power, start, save, licence      faults   what can go wrong
nitro        one request, one answer          statistics   /stat
mib          its objects by SNMP
serving      on loopback ports, booted on demand

A refusal repeats NITRO's code and words. It balances nothing, and forwards no packet.
"""

from esi.lab.netscaler.appliance import Answer, Asked, Image, Netscaler
from esi.lab.netscaler.nitro import Nitro
from esi.lab.netscaler.serving import Appliances, Reached

__all__ = ["Answer", "Appliances", "Asked", "Image", "Netscaler", "Nitro", "Reached"]
