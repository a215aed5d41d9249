"""A process as a service of its machine: what it is given by whoever starts it, and what it tells about itself.

    sockets    doors that were opened before we ran, and stay open when we end: no connection is refused meanwhile
    notify     ready, stopping, and a sign of life from the event loop, to a service manager that asks for them
    vitals     whether each room is ready, and why not; numbers for metrics
    door       both by HTTP: /livez, /readyz, /metrics

Nothing here tells a secret. All of it works without a service manager: then nobody listens.
"""
