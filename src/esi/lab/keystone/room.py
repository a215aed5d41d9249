"""The Keystone on its port."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from esi.clock import Clock
from esi.lab.keystone.bodies import Endpoints
from esi.lab.keystone.directory import Directory
from esi.lab.keystone.rest import RestDoor
from esi.runtime.door import HttpDoor

TOKEN_SECONDS = 3600.0


class KeystoneRoom(HttpDoor):
    """`others` gives the catalogue beside Keystone itself, asked for each time: doors are bound later than this one."""

    def __init__(
        self,
        directory: Directory,
        *,
        clock: Clock,
        others: Callable[[], Mapping[str, str]] = dict,
        seconds: float = TOKEN_SECONDS,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        def endpoints() -> Endpoints:
            return {"identity": f"{self.url}/v3", **others()}

        door = RestDoor(directory, clock=clock, seconds=seconds, url=lambda: self.url, endpoints=endpoints)
        super().__init__("keystone", door.app, host=host, port=port)
