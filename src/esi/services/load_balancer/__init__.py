"""Load balancers: an appliance of its own for each, in a server with ports, configured and watched.

hooks.py       which function runs at which event
plans.py       what is sold, and whether it can be had
balancers.py   one POST makes all that a load balancer is made of; update, delete, what is shown, passwords, reboot
interfaces.py  an interface is plugged into a network, or out of it
slots.py       ports, and what stands of a slot in instance and configuration
instances.py   a server that has been booted anew; ports that it has left
syslog.py      syslog servers
bills.py       what is billed for the plan
asking.py      rows that others refer to
"""
