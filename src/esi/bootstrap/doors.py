"""The doors of a process: rooms that others reach, each on a socket that it was handed, or on an address of its own."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from esi.errors import SettingsError, Unreachable
from esi.runtime.service.sockets import listening


@runtime_checkable
class Door(Protocol):
    """A room that others reach by a URL, once it is ready; on a socket that it has inherited, if it has."""

    name: str
    ready: asyncio.Event
    inherited: socket.socket | None

    @property
    def url(self) -> str: ...


def hand_over(sockets: Mapping[str, socket.socket], doors: Sequence[Door]) -> None:
    """Give each door the socket of its name. SettingsError: one is for nobody here, and would never be answered."""
    for door in doors:
        door.inherited = sockets.get(door.name)
    strange = sorted(sockets.keys() - {door.name for door in doors})
    if strange:
        serves = ", ".join(door.name for door in doors) or "nothing"
        raise SettingsError(f"a socket was handed over for {', '.join(strange)}; this process serves {serves}")


def look_whether_free(doors: Sequence[Door]) -> None:
    """SettingsError: somebody else listens there. A room that runs waits for its address; who starts one need not."""
    for door in doors:
        place = urlsplit(door.url)
        if door.inherited is None and place.hostname and place.port:
            try:
                listening(place.hostname, place.port).close()
            except Unreachable as error:
                if not isinstance(error.__cause__, OSError) or error.__cause__.errno != errno.EADDRINUSE:
                    continue  # an address that this machine may still get: the room tries again
                words = f"{error}: end what has it (ss -ltnp), or give {door.name} another port"
                raise SettingsError(words) from error
