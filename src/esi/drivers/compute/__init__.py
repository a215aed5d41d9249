"""Hands on virtual machines: Nova's servers with their ports, and the images of Glance that they boot from.

`Clouds` gives a tenant's own door, because a server belongs to the project that its token is for, and Nova plugs only
ports of that project. Flavors and images are named by people; servers by a mark of ours in their metadata, so that a
create whose answer was lost finds what it has made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from esi.telemetry import Named

MARK = "esi_mark"
"""The key in a server's metadata under which our mark stands."""

ACTIVE, SHUTOFF, ERROR, BUILD = "ACTIVE", "SHUTOFF", "ERROR", "BUILD"
"""Nova's words for a server's status, of those that something depends on."""

Reboot = Literal["SOFT", "HARD"]
Event = Literal["network-vif-plugged", "network-vif-unplugged"]


@dataclass(frozen=True, slots=True)
class Server:
    """A server as Nova tells it. `task` is what Nova is doing to it, "" for nothing; `fault`: its words for ERROR."""

    id: str
    name: str
    status: str
    task: str = ""
    fault: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewServer:
    """What a server is made from: ids of a flavor, an image and the one port that it boots with."""

    name: str
    flavor: str
    image: str
    port: str
    mark: str
    zone: str = ""
    user_data: str = field(default="", repr=False)
    config_drive: bool = False


class Compute(Protocol):
    """One tenant's servers. Errors: NotFound, Busy (Nova is at work on it, or it is not in a state for this: look and
    ask again), Rejected (Nova's own words), Unreachable, TimedOut, TemporaryError (whether it was done is not known).
    """

    async def flavor(self, name: str) -> str:
        """The id of a flavor; NotFound when there is none of that name."""
        ...

    async def image(self, name: str) -> str:
        """The id of the one active image of that name; NotFound, or Rejected when there are several."""
        ...

    async def find(self, mark: str) -> Server | None:
        """The server that carries the mark."""
        ...

    async def create(self, wanted: NewServer) -> str:
        """The id of a new server, which is being built when this returns."""
        ...

    async def get(self, id: str) -> Server: ...

    async def delete(self, id: str) -> None:
        """Ask for its end, which takes a while; absent is success."""
        ...

    async def rename(self, id: str, name: str) -> None: ...

    async def stop(self, id: str) -> None: ...

    async def start(self, id: str) -> None: ...

    async def reboot(self, id: str, kind: Reboot) -> None: ...

    async def ports(self, id: str) -> tuple[str, ...]:
        """The ports that are plugged, in no promised order."""
        ...

    async def attach(self, id: str, port: str) -> None: ...

    async def detach(self, id: str, port: str) -> None:
        """Absent is success."""
        ...

    async def tell(self, event: Event, server: str, port: str) -> None:
        """Tell Nova what has become of a port; NotFound when it knows no such server."""
        ...


class Clouds(Protocol):
    def of(self, tenant: str, ref: Named | None = None) -> Compute:
        """The door for a tenant, "" for our own project; `ref` is what messages over it belong to."""
        ...
