"""Listening sockets that a service manager has opened for us: LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES.

They belong to the manager. While we are away, connections wait in the kernel's queue for the next process: that is
why a room listens on a copy, and closes only that.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from esi.errors import SettingsError, Unreachable

FIRST = 3
"""The number of the first descriptor that is handed over; they have no gaps."""


def inherited(told: Mapping[str, str]) -> dict[str, socket.socket]:
    """The sockets by the names of the doors they are for: `api` for descriptors called api, esi-api or esi-api.socket.

    `told` are the variables of the environment; none is taken that was meant for another process. SettingsError when
    what is handed over cannot be listened on.
    """
    if told.get("LISTEN_PID") != str(os.getpid()) or not told.get("LISTEN_FDS", "").isdecimal():
        return {}
    names = told.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, socket.socket] = {}
    for number in range(int(told["LISTEN_FDS"])):
        name = names[number] if number < len(names) else ""
        name = name.removesuffix(".socket").removeprefix("esi-")
        os.set_inheritable(FIRST + number, False)  # children of ours have no business with it
        one = socket.socket(fileno=FIRST + number)
        if one.type != socket.SOCK_STREAM or not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise SettingsError(f"descriptor {FIRST + number} ({name or 'no name'}) is no listening stream socket")
        if not name or name in found:
            words = "two sockets are called that" if name else "it has no name: set FileDescriptorName="
            raise SettingsError(f"descriptor {FIRST + number} ({name or 'no name'}): {words}")
        found[name] = one
    return found


def listening(host: str, port: int, given: socket.socket | None = None) -> socket.socket:
    """A socket for a server that closes it at its end: a copy of the one that is `given`, else one on host and port."""
    if given is not None:
        return given.dup()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on sockets that name their protocol; without it each answer waits 40 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Unreachable(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return listener
