"""Free ports on loopback, for programs that must be told theirs before they start."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing


def free_ports(count: int = 1, kind: socket.SocketKind = socket.SOCK_STREAM) -> list[int]:
    """That many, all different: each is held until the last has been found."""
    with ExitStack() as stack:
        probes = [stack.enter_context(closing(socket.socket(socket.AF_INET, kind))) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
