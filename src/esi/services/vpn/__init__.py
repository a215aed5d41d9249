"""VPN gateways and interfaces on pairs of edge routers: schemas, templates of both flows, and their arithmetic.

hooks.py       which function runs at which event
routers.py     router pairs, interface pairs and QoS options: what is counted on them
gateways.py    a gateway takes a place, VLANs and bandwidth, and gives them back
interfaces.py  a VPN interface occupies its gateway
downlinks.py   gateway interfaces in tenants' networks, and static routes
placement.py   which interface pairs carry a new gateway (pure)
vlans.py       the VLAN pool (pure)
checks.py      addresses, AS numbers and VLAN ids that routers would refuse (pure)
"""
