"""Free ports on loopback, for programs that must be told theirs before they start."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing, suppress
from random import SystemRandom

BELOW = 32_768
"""From here on the kernel gives ports to whoever calls somebody: one of them may be taken before the program starts."""


def free_ports(count: int = 1, kind: socket.SocketKind = socket.SOCK_STREAM) -> list[int]:
    """That many, all different: each is held until the last has been found."""
    found: list[int] = []
    with ExitStack() as stack:
        while len(found) < count:
            probe = stack.enter_context(closing(socket.socket(socket.AF_INET, kind)))
            with suppress(OSError):
                probe.bind(("127.0.0.1", SystemRandom().randrange(10_000, BELOW)))
                found.append(int(probe.getsockname()[1]))
    return found
