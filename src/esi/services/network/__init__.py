"""Networks of tenants: networks, subnets, ports, what switches do for them, and how much of each a tenant may have.

hooks.py          which function runs at which event
networks.py       a network shows its subnets
subnets.py        a subnet computes what is not given, and has a DHCP port
addresses.py      ranges of IPv4 addresses (pure)
ports.py          a port takes addresses and a MAC, and is attached and detached
placing.py        the addresses and the MAC of a port
logical_ports.py  the VLAN of a port on a switch
quotas.py         how much a tenant may have; other services ask here, too
billing.py        what is billed from when until when; other services open rows here, too
"""
