"""The room: a mirror of the stacks, an index over it, and a door that opens once all stacks have been listed."""

from __future__ import annotations

from esi.clock import Clock
from esi.identity import Authenticator
from esi.kv import KV
from esi.model import keys
from esi.orchestration.index import Index
from esi.orchestration.rest import RestDoor
from esi.registry import Registry
from esi.runtime import Mirror, together
from esi.runtime.door import HttpDoor
from esi.stacks import StackResource


class OrchestrationRoom(HttpDoor):
    """`public_url`: how others reach it, if not by host and port."""

    def __init__(
        self,
        kv: KV,
        authenticator: Authenticator,
        types: Registry[StackResource],
        *,
        clock: Clock,
        address: tuple[str, int] = ("127.0.0.1", 8004),
        public_url: str = "",
    ) -> None:
        self._mirror = Mirror(kv, [keys.STACKS], clock=clock, name="stacks")
        self._public_url = public_url.rstrip("/")
        door = RestDoor(Index(self._mirror), authenticator, types, url=public_url)
        super().__init__("orchestration", door.app, host=address[0], port=address[1])

    @property
    def url(self) -> str:
        return self._public_url or super().url

    async def run(self) -> None:
        await together(self.name, self._mirror.run(), self._serve())

    async def _serve(self) -> None:
        await self._mirror.synced.wait()
        await super().run()
